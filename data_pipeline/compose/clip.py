"""Compose clips with exact labels from labelled material.

Clip `i` of a seed does not depend on process or order. A clip is made from the pools of one split,
so no source is in two.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from data_pipeline.builders.absence import known_absent
from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.builders.sounds import to_int16
from data_pipeline.compose.config import ComposeConfig
from data_pipeline.compose.draw import draw_script
from data_pipeline.compose.picture import render_pictures
from data_pipeline.compose.pools import Pools, PoolVideo
from data_pipeline.compose.script import Script, seen_events
from data_pipeline.compose.sound import HeardEvent, OwnSound, lay_sound
from data_pipeline.compose.video import hear_stretch
from data_pipeline.schema import SOUND_RATE_HZ, EffectEvent, Example, Modality
from temporal_foley.effects import Vocabulary

_SPLIT_NUMBERS = {"train": 0, "validation": 1, "test": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipNumber:
    """The number of a clip in a split."""

    split: str
    index: int
    seed: int

    @property
    def id(self) -> str:
        """The clip's name."""
        return f"composed/{self.split}/{self.seed}/{self.index:06d}"


def compose_clip(
    number: ClipNumber, *, pools: Pools, config: ComposeConfig, vocabulary: Vocabulary
) -> Example:
    """Make one clip.

    Raises:
        MediaError: One of its files cannot be read.
    """
    rng = np.random.default_rng([number.seed, _SPLIT_NUMBERS[number.split], number.index])
    kind = rng.random()
    videos = [video for some in pools.videos.values() for video in some]
    can_show = bool(videos) or any(pools.stills.values())
    can_sound = any(pools.sounds.values()) or any(video.sound_path for video in videos)
    # A split with one kind of file alone has clips of that kind alone.
    has_picture = can_show and (kind >= config.no_picture_part or not can_sound)
    has_sound = can_sound and (kind < 1.0 - config.no_sound_part or not can_show)
    script = draw_script(rng, config, pools) if can_show else None
    frames = script.frames if script else round(config.duration_s[0] * config.frame_rate_hz)
    duration_s = frames / config.frame_rate_hz
    seen = seen_events(script, config.shots.visible_part) if script else []
    files: list[LabelledFile] = []
    pictures: tuple[bytes, ...] = ()
    if script and has_picture:
        pictures = render_pictures(script)
        files += _shown_files(script)
    sound, heard = np.zeros(0, np.int16), ()
    if has_sound:
        samples = round(duration_s * SOUND_RATE_HZ)
        silent: list[tuple[str, float, float]] = []
        own: list[OwnSound] = []
        if script:
            visible_part = config.shots.visible_part
            silent = seen_events(script, visible_part, without_own_sound=True)
            own = _own_sounds(script) if has_picture else []
        laid = lay_sound(rng, silent, own, samples, config, pools, vocabulary)
        sound, heard = to_int16(laid.samples), laid.events
        files += laid.files
    sources = sorted({f"{file.medium}:{file.source}" for file in files}) or [f"made:{number.id}"]
    return Example(
        id=number.id,
        source="|".join(sources),
        origin="composed",
        licence="; ".join(sorted({file.licence for file in files})),
        frame_rate=config.frame_rate_hz,
        times_s=np.arange(len(pictures)) / config.frame_rate_hz,
        pictures=pictures,
        sound=sound,
        events=_events(seen if has_picture else [], heard),
        labelled=_labelled(files, vocabulary),
    )


def _events(
    seen: Sequence[tuple[str, float, float]], heard: Sequence[HeardEvent]
) -> tuple[EffectEvent, ...]:
    """Join visible and audible events of the same times; keep others apart."""
    spans = [(e.effect, e.onset / SOUND_RATE_HZ, e.offset / SOUND_RATE_HZ) for e in heard]
    both = set(seen) & set(spans)
    events = [EffectEvent(effect=e, onset_s=a, offset_s=b, modality="both") for e, a, b in both]
    apart: list[tuple[Modality, Sequence[tuple[str, float, float]]]]
    apart = [("picture", seen), ("sound", spans)]
    for modality, some in apart:
        events += [
            EffectEvent(effect=e, onset_s=a, offset_s=b, modality=modality)
            for e, a, b in some
            if (e, a, b) not in both
        ]
    return tuple(sorted(events, key=lambda e: (e.onset_s, e.effect, e.modality)))


def _labelled(files: Sequence[LabelledFile], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the effects whose absence is known for every one of the files."""
    known = set(vocabulary.names)
    for file in files:
        known &= set(known_absent(file.effects, vocabulary))
    return tuple(name for name in vocabulary.names if name in known)


def _own_sounds(script: Script) -> list[OwnSound]:
    """Read the sound of the shots that have their own, and the effects in it."""
    sounds = []
    for shot in script.shots:
        layer, shown = shot.layers[0], shot.layers[0].shown
        if not isinstance(shown, PoolVideo) or shown.sound_path is None:
            continue
        first, last = (round(time * SOUND_RATE_HZ) for time in (shot.onset_s, shot.offset_s))
        spans = []
        for event in shown.events:
            # The event's samples in the clip, within the shot.
            begin, end = (
                first + round((time - layer.from_s) * SOUND_RATE_HZ)
                for time in (event.onset_s, event.offset_s)
            )
            begin, end = max(begin, first), min(end, last)
            if event.modality != "picture" and begin < end:
                spans.append(HeardEvent(effect=event.effect, onset=begin, offset=end))
        sounds.append(
            OwnSound(
                samples=hear_stretch(shown, layer.from_s, shot.offset_s - shot.onset_s),
                onset=first,
                events=tuple(spans),
                file=shown.file,
            )
        )
    return sounds


def _shown_files(script: Script) -> list[LabelledFile]:
    used = [layer.shown.file for shot in script.shots for layer in shot.layers]
    return list(dict.fromkeys(used))
