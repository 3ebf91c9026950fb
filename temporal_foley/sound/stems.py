"""Build the stems of a timeline as streams of blocks.

A stem can be streamed any number of times and yields the same blocks each time. This is how a film
is processed in several passes without being held in memory.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from temporal_foley.errors import CueListError
from temporal_foley.sound.matching import OriginalSound
from temporal_foley.sound.render import index_cues, render_cues, render_space
from temporal_foley.sound.room_tone import ROOM_TONE_STEM
from temporal_foley.sound.signal.blocks import Block, fit
from temporal_foley.sound.signal.distance import REACH, distance_lowpass
from temporal_foley.sound.signal.ducking import (
    ATTACK,
    MUTED_DB,
    RELEASE,
    REPLACE_ATTACK,
    REPLACE_RELEASE,
    Spans,
    duck,
    duck_gains,
    effect_spans,
    replaced_spans,
)
from temporal_foley.sound.signal.fades import smooth_step
from temporal_foley.sound.signal.loudness import HOP
from temporal_foley.sound.signal.reverb import INDOOR_DECAY_S, Space
from temporal_foley.sound.takes.library import Library
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Cue, Timeline, Track

ORIGINAL_STEM = "original"
BLOCK = 20 * HOP

_LAST_FADE = SAMPLE_RATE_HZ // 20
_STEM_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")

Original = Callable[[], Iterator[Block]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stem:
    """A stem before the gain of the mix, in blocks of `BLOCK` samples; None is a silent block."""

    name: str
    bus: str
    blocks: Callable[[], Iterator[Block | None]]


def lower_under(stem: Stem, speech: Spans, depth_db: float) -> Stem:
    """Return a stem that is lower by `depth_db` in the spans of speech."""
    if not len(speech) or depth_db == 0.0:
        return stem
    return dataclasses.replace(stem, blocks=lambda: duck(stem.blocks(), BLOCK, speech, depth_db))


def room_tone_stem(spans: Spans, samples: int, tone: Callable[[int, int], Block]) -> Stem:
    """Return a stem of room tone in spans of samples; `tone` returns it for a range."""

    def blocks() -> Iterator[Block | None]:
        for start in range(0, samples, BLOCK):
            stop = min(samples, start + BLOCK)
            present = 1.0 - duck_gains(spans, start, stop, MUTED_DB)
            yield tone(start, stop) * present[:, None] if present.any() else None

    return Stem(name=ROOM_TONE_STEM, bus="backgrounds", blocks=blocks)


def track_stem(
    track: Track,
    library: Library,
    samples: int,
    space: Space,
    original: OriginalSound | None = None,
) -> Stem:
    """Return the stem of a track with the reverberation of a space.

    If the original sound was measured, the stem is matched to its level, bandwidth, reverberation
    and width.

    Raises:
        CueListError: The name of the effect cannot be a file name.
    """
    # The name becomes a file name, and a cue list may come from anyone.
    if not _STEM_NAME.fullmatch(track.effect) or track.effect in (ORIGINAL_STEM, ROOM_TONE_STEM):
        raise CueListError(f"track {track.effect!r:.60}: is not a name for a stem; rename it")
    index = index_cues(track)
    decay = 1.0
    if original is not None and original.reverb_s is not None and space == "none":
        space, decay = "indoor", original.reverb_s / INDOOR_DECAY_S

    shift = 1.0 if original is None else 10.0 ** (original.shift_db() / 20.0)

    def share(cue: Cue) -> float:
        # Cues made for a sound of the original are at its level already.
        return 1.0 if cue.evidence is not None and cue.evidence.original else shift

    def rendered(start: int, stop: int) -> Block | None:
        sounds = index.sounding(start, stop).any()
        dry = render_cues(index, library, start, stop, share) if sounds else None
        wet = render_space(index, library, space, start, stop, decay, share)
        if wet is not None:
            # Cues fade out before the picture ends, and their reverberation must do so too.
            left = (samples - 1 - np.arange(start, stop)) / _LAST_FADE
            wet *= smooth_step(left).astype(np.float32)[:, None]
        return dry if wet is None else wet if dry is None else dry + wet

    def blocks() -> Iterator[Block | None]:
        for start in range(0, samples, BLOCK):
            stop = min(samples, start + BLOCK)
            if original is None:
                yield rendered(start, stop)
            else:
                yield _matched(rendered, start, stop, original)

    return Stem(name=track.effect, bus=track.bus, blocks=blocks)


def _matched(
    rendered: Callable[[int, int], Block | None], start: int, stop: int, original: OriginalSound
) -> Block | None:
    """Return a block with the bandwidth and width of the original sound."""
    cutoff_hz = original.lowpass_hz()
    reach = 0 if cutoff_hz is None else REACH
    block = rendered(start - reach, stop + reach)
    if block is None:
        return None
    if cutoff_hz is not None:
        block = distance_lowpass(block, cutoff_hz)
    if original.is_mono:
        block = np.repeat(block.mean(axis=1, keepdims=True), 2, axis=1)
    return block


def original_stem(original: Original, timeline: Timeline) -> Stem:
    """Return the video's own sound, ducked under effects if the timeline says so."""
    mix = timeline.mix
    spans = effect_spans(timeline.cues if mix.original == "duck" else [])
    depth_db, attack, release = mix.duck_db, ATTACK, RELEASE
    if mix.original == "replace":
        spans = replaced_spans(timeline.cues)
        depth_db, attack, release = mix.replace_db, REPLACE_ATTACK, REPLACE_RELEASE

    def blocks() -> Iterator[Block | None]:
        fitted = fit(original(), timeline.source.duration_samples, BLOCK)
        # A damaged stream of floats may hold NaN: that part is silent, and the mix is not broken.
        sound = (np.nan_to_num(block, posinf=0.0, neginf=0.0) for block in fitted)
        return duck(sound, BLOCK, spans, depth_db, attack=attack, release=release)

    return Stem(name=ORIGINAL_STEM, bus=ORIGINAL_STEM, blocks=blocks)


def side_by_side(
    stems: Sequence[Stem], samples: int
) -> Iterator[tuple[int, tuple[Block | None, ...]]]:
    """Yield the start sample of each block and the blocks of all stems there."""
    streams = [stem.blocks() for stem in stems]
    for start in range(0, samples, BLOCK):
        yield start, tuple(next(stream) for stream in streams)


def add_up(parts: list[Block], length: int) -> Block:
    """Return the sum of blocks of one length; silence if there are none."""
    total = np.zeros((length, 2), np.float32)
    for part in parts:
        total += part
    return total
