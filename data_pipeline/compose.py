"""Clips with exact labels out of labelled stills and recordings: a seed and pools in, examples out.

Item `i` of a seed is the same whoever makes it and in whatever order. A clip is made of the pools
of one split, so no source is in two.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from data_pipeline.builders.absence import known_absent
from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.builders.pictures import Picture, read_picture
from data_pipeline.builders.sounds import to_int16
from data_pipeline.builders.staging import Rejected
from data_pipeline.compose_config import ComposeConfig
from data_pipeline.compose_picture import render_pictures
from data_pipeline.compose_script import (
    NOTHING,
    Pools,
    PoolStill,
    Script,
    draw_script,
    seen_events,
)
from data_pipeline.compose_sound import HeardEvent, lay_sound
from data_pipeline.schema import SOUND_RATE_HZ, EffectEvent, Example, Modality
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError

_GREY_LEVELS = 4.0
"""Mean difference of the colour channels below which a picture is grey."""
_SPLIT_NUMBERS = {"train": 0, "validation": 1, "test": 2}
_READERS = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipNumber:
    """Which clip to make."""

    split: str
    index: int
    seed: int

    @property
    def id(self) -> str:
        """The clip's name."""
        return f"composed/{self.split}/{self.seed}/{self.index:06d}"


def make_pools(
    files: Iterable[LabelledFile], vocabulary: Vocabulary
) -> tuple[Pools, list[Rejected]]:
    """Sort the files of a split by effect; those of which not all is known are left out.

    A file of several effects is in the pool of each. Every picture is opened once.
    """
    rejected: list[Rejected] = []
    known: list[LabelledFile] = []
    for file in sorted(files, key=lambda file: file.id):
        if file.is_known:
            known.append(file)
        else:
            reason = "has a class of which it is not known whether it is an effect"
            rejected.append(Rejected(item=file.id, reason=f"{reason}: {', '.join(file.classes)}"))
    pictures = [file for file in known if file.medium == "picture"]
    with ThreadPoolExecutor(_READERS) as pool:
        looked_at = list(pool.map(_look_at, pictures))
    rejected += [still for still in looked_at if isinstance(still, Rejected)]
    stills = [still for still in looked_at if isinstance(still, PoolStill)]
    names = (*vocabulary.names, NOTHING)
    return (
        Pools(
            stills={
                name: tuple(still for still in stills if _holds(still.file, name)) for name in names
            },
            sounds={
                name: tuple(f for f in known if f.medium == "sound" and _holds(f, name))
                for name in names
            },
        ),
        rejected,
    )


def compose_clip(
    number: ClipNumber, *, pools: Pools, config: ComposeConfig, vocabulary: Vocabulary
) -> Example:
    """Make one clip.

    Raises:
        MediaError: One of its files cannot be read.
    """
    rng = np.random.default_rng([number.seed, _SPLIT_NUMBERS[number.split], number.index])
    kind = rng.random()
    can_show, can_sound = any(pools.stills.values()), any(pools.sounds.values())
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
        files += _stills(script)
    sound, heard = np.zeros(0, np.int16), ()
    if has_sound:
        samples = round(duration_s * SOUND_RATE_HZ)
        laid = lay_sound(rng, seen, samples, config, pools, vocabulary)
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
    """Join what is seen and heard at the very same time; all else stays apart."""
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


def _stills(script: Script) -> list[LabelledFile]:
    used = [layer.still.file for shot in script.shots for layer in shot.layers]
    return list(dict.fromkeys(used))


def _holds(file: LabelledFile, name: str) -> bool:
    return name in file.effects if name != NOTHING else not file.effects


def _look_at(file: LabelledFile) -> PoolStill | Rejected:
    try:
        image = read_picture(file.path)
    except FoleyError as error:
        return Rejected(item=file.id, reason=str(error))
    return PoolStill(file=file, short_side_px=min(image.shape[:2]), is_grey=is_grey(image))


def is_grey(image: Picture) -> bool:
    """Tell whether a picture has no colour."""
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    return float((small.max(axis=2) - small.min(axis=2)).mean()) < _GREY_LEVELS
