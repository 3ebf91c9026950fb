"""The stems of a timeline: tracks, a library and the original in; streams of blocks out.

A stem is made anew each time it is asked for, a block at a time, and gives the same blocks again:
that is how a film is gone through several times without being held in memory.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from temporal_foley.errors import CueListError
from temporal_foley.sound.render import index_cues, render_cues, render_space
from temporal_foley.sound.room_tone import ROOM_TONE_STEM, room_tone
from temporal_foley.sound.signal.blocks import Block, fit
from temporal_foley.sound.signal.ducking import Spans, duck_gains, effect_spans
from temporal_foley.sound.signal.fades import smooth_step
from temporal_foley.sound.signal.loudness import HOP
from temporal_foley.sound.signal.space import Space
from temporal_foley.sound.takes.library import Library
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Timeline, Track

ORIGINAL_STEM = "original"
MUTED_DB = -120.0
BLOCK = 20 * HOP

_LAST_FADE = SAMPLE_RATE_HZ // 20
_STEM_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")

Original = Callable[[], Iterator[Block]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stem:
    """A stem before any common gain: blocks of `BLOCK` samples, None for one of silence."""

    name: str
    bus: str
    blocks: Callable[[], Iterator[Block | None]]


def step_back(stem: Stem, speech: Spans, depth_db: float) -> Stem:
    """Return a stem that is softer by `depth_db` where somebody speaks."""
    if not len(speech) or depth_db == 0.0:
        return stem

    def blocks() -> Iterator[Block | None]:
        start = 0
        for block in stem.blocks():
            gains = None
            if block is not None:
                gains = duck_gains(speech, start, start + len(block), depth_db)
            start += BLOCK
            yield block if block is None or gains is None else block * gains[:, None]

    return dataclasses.replace(stem, blocks=blocks)


def room_tone_stem(spans: Spans, samples: int) -> Stem:
    """Return a room tone that lies in spans of samples."""

    def blocks() -> Iterator[Block | None]:
        for start in range(0, samples, BLOCK):
            stop = min(samples, start + BLOCK)
            present = 1.0 - duck_gains(spans, start, stop, MUTED_DB)
            yield room_tone(start, stop) * present[:, None] if present.any() else None

    return Stem(name=ROOM_TONE_STEM, bus="backgrounds", blocks=blocks)


def track_stem(track: Track, library: Library, samples: int, space: Space) -> Stem:
    """Return the stem of a track, heard in a space.

    Raises:
        CueListError: The name of the effect is none for a file.
    """
    # The name becomes that of a file, and a cue list may come from anywhere.
    if not _STEM_NAME.fullmatch(track.effect) or track.effect in (ORIGINAL_STEM, ROOM_TONE_STEM):
        raise CueListError(f"track {track.effect!r:.60}: is not a name for a stem; rename it")
    index = index_cues(track)

    def blocks() -> Iterator[Block | None]:
        for start in range(0, samples, BLOCK):
            stop = min(samples, start + BLOCK)
            sounds = index.sounding(start, stop).any()
            dry = render_cues(index, library, start, stop) if sounds else None
            wet = render_space(index, library, space, start, stop)
            if wet is not None:
                # Cues fade before the picture ends; what they leave in the room must, too.
                left = (samples - 1 - np.arange(start, stop)) / _LAST_FADE
                wet *= smooth_step(left).astype(np.float32)[:, None]
            yield dry if wet is None else wet if dry is None else dry + wet

    return Stem(name=track.effect, bus=track.bus, blocks=blocks)


def original_stem(original: Original, timeline: Timeline) -> Stem:
    """Return the video's own sound, ducked as the timeline says."""
    spans = effect_spans(timeline.cues if timeline.mix.original == "duck" else [])

    def blocks() -> Iterator[Block | None]:
        start = 0
        for block in fit(original(), timeline.source.duration_samples, BLOCK):
            stop = start + len(block)
            gains = duck_gains(spans, start, stop, timeline.mix.duck_db)
            # A damaged stream of floats may hold what is no number: silence, not a broken mix.
            yield np.nan_to_num(block, posinf=0.0, neginf=0.0) * gains[:, None]
            start = stop

    return Stem(name=ORIGINAL_STEM, bus=ORIGINAL_STEM, blocks=blocks)


def side_by_side(
    stems: Sequence[Stem], samples: int
) -> Iterator[tuple[int, tuple[Block | None, ...]]]:
    """Yield the blocks of all stems that belong together, with the place of their first sample."""
    streams = [stem.blocks() for stem in stems]
    for start in range(0, samples, BLOCK):
        yield start, tuple(next(stream) for stream in streams)


def add_up(parts: list[Block], length: int) -> Block:
    """Return the sum of blocks of one length; of none, silence."""
    total = np.zeros((length, 2), np.float32)
    for part in parts:
        total += part
    return total
