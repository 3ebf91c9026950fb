"""Build the dataset `clips` from annotated videos and recordings."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from data_pipeline.annotations.class_folders import SOUNDS, VIDEOS
from data_pipeline.annotations.mapping import map_clips
from data_pipeline.annotations.ontology import Ontology
from data_pipeline.annotations.records import AnnotatedClip, LabelledEvent
from data_pipeline.builders.absence import known_absent
from data_pipeline.builders.dataset import Plan, PlannedBuilder
from data_pipeline.builders.pictures import SHORT_SIDE_PX, encode_picture, shrink
from data_pipeline.builders.sounds import Mono, read_mono, to_int16
from data_pipeline.builders.splits import PARTS, TEST, TRAIN, VALIDATION, Member, assign_splits
from data_pipeline.builders.staging import Rejected, Work
from data_pipeline.schema import SOUND_RATE_HZ, EffectEvent, Example, Modality
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import MediaError
from temporal_foley.media.audio import read_audio
from temporal_foley.media.probe import VideoInfo, probe_video
from temporal_foley.media.video import sample_frames
from temporal_foley.timegrid import TimeGrid, as_fraction

LONGEST_CLIP_S = 60.0
_MODALITIES: dict[str, Modality] = {"visual": "picture", "audio": "sound", "both": "both"}
_MOMENT_S = 0.1
"""Length of an event without an end, such as a hit."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipsConfig:
    """The media, the rate of pictures, and how clips are assigned to splits."""

    media: Path = Path()
    frame_rate_hz: float = 4.0
    parts: str = "80_10_10"
    seed: int = 0
    longest_s: float = LONGEST_CLIP_S

    def __post_init__(self) -> None:
        if self.parts not in PARTS:
            raise ValueError(f"clips.parts must be one of {', '.join(PARTS)}, got {self.parts!r}")
        if not 0.1 <= self.frame_rate_hz <= 60.0:
            raise ValueError(f"clips.frame_rate_hz must be in [0.1, 60], got {self.frame_rate_hz}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipItem:
    """A clip and its file."""

    path: Path
    clip: AnnotatedClip
    is_known: bool = True
    sound_path: Path | None = None
    """Its sound, if the video has none: some sets publish the two apart."""
    scene: str = ""

    @property
    def split(self) -> str | None:
        """The publisher's split, if it is one of ours."""
        return self.clip.split if self.clip.split in (TRAIN, VALIDATION, TEST) else None

    @property
    def id(self) -> str:
        """Name of the clip; a file may have several."""
        clip = self.clip
        end = "" if clip.end_s is None else f"-{clip.end_s:g}"
        part = f"@{clip.start_s:g}{end}" if clip.start_s or end else ""
        return f"{clip.origin}/{clip.clip}{part}"


class Clips(PlannedBuilder):
    """Annotated videos and recordings."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release of the schema."}


def plan_clips(
    clips: Sequence[AnnotatedClip],
    config: ClipsConfig,
    vocabulary: Vocabulary,
    name: str,
    ontology: Ontology | None = None,
) -> Plan:
    """Name the events as effects, find the file of each clip, and assign splits.

    In a clip with an unmapped class, absent effects are unknown.
    """
    items, rejected = name_effects(clips, config.media, vocabulary, ontology)
    return plan_items(
        items, rejected, config, vocabulary, f"clips-{name}", version=str(Clips.VERSION)
    )


def name_effects(
    clips: Sequence[AnnotatedClip],
    media: Path,
    vocabulary: Vocabulary,
    ontology: Ontology | None = None,
) -> tuple[list[ClipItem], list[Rejected]]:
    """Find the file of each clip, and name its events as effects."""
    mapped = map_clips(clips, vocabulary, ontology)
    doubtful = {
        (clip.origin, clip.source, clip.clip)
        for clip in clips
        for event in clip.events
        if (clip.origin, event.name) in mapped.class_map.unmapped
    }
    items, rejected = find_media(mapped.clips, media)
    items = [
        dataclasses.replace(
            item,
            is_known=(item.clip.origin, item.clip.source, item.clip.clip) not in doubtful,
        )
        for item in items
    ]
    return items, rejected


def plan_items(
    items: Sequence[ClipItem],
    rejected: Sequence[Rejected],
    config: ClipsConfig,
    vocabulary: Vocabulary,
    name: str,
    *,
    version: str,
    scenes: tuple[str, ...] = (),
) -> Plan:
    """Assign clips whose files exist to splits."""
    parts = PARTS[config.parts]
    split_of = split_clips(items, config)
    settings = f"{vocabulary.sha256} {version} {SHORT_SIDE_PX} {config.frame_rate_hz}"
    make = functools.partial(make_clip, config=config, vocabulary=vocabulary)
    dataset, _, rest = name.partition("-")
    return Plan(
        config_name=f"{vocabulary.name}-{rest or dataset}-{config.parts}",
        description=f"{len(items)} clips of {len(set(split_of))} sources",
        vocabulary=vocabulary,
        works={
            split: Work(
                name=f"{name}-{split}",
                items=[item for item in items if split_of[item.clip.source] == split],
                make=make,
                settings=f"{settings} {config.longest_s}",
            )
            for split in parts.parts
        },
        rejected=tuple(rejected),
        scenes=scenes,
    )


def split_clips(items: Sequence[ClipItem], config: ClipsConfig) -> dict[str, str]:
    """Assign the sources of clips to splits."""
    members = [
        Member(
            source=item.clip.source,
            classes=(item.scene,)
            if item.scene
            else tuple(dict.fromkeys(event.name for event in item.clip.events)),
            split=item.split,
        )
        for item in items
    ]
    return assign_splits(members, PARTS[config.parts], config.seed)


def find_media(
    clips: Iterable[AnnotatedClip], folder: Path
) -> tuple[list[ClipItem], list[Rejected]]:
    """Find the file of each clip by its name, with or without its extension."""
    if not folder.is_dir():
        raise MediaError("no such folder", path=folder, remedy="name the folder of the media")
    videos: dict[str, Path] = {}
    sounds: dict[str, Path] = {}
    for path in sorted(folder.rglob("*"), reverse=True):
        kind = path.suffix.casefold()
        if kind in (*VIDEOS, *SOUNDS) and path.is_file():
            for name in (path.relative_to(folder).as_posix(), path.name, path.stem):
                (videos if kind in VIDEOS else sounds)[name] = path
    items: list[ClipItem] = []
    rejected: list[Rejected] = []
    for clip in clips:
        stem = clip.clip.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        video, sound = (named.get(clip.clip) or named.get(stem) for named in (videos, sounds))
        path = video or sound
        if path is None:
            rejected.append(Rejected(item=clip.clip, reason="there is no file of this name"))
        else:
            items.append(ClipItem(path=path, clip=clip, sound_path=sound if video else None))
    return items, rejected


def make_clip(item: ClipItem, *, config: ClipsConfig, vocabulary: Vocabulary) -> Example:
    """Read the pictures and sound of a clip.

    A file as long as the clip is the clip; in a longer one it is at the publisher's times.

    Raises:
        MediaError: The file cannot be read, or ends before the clip begins.
    """
    if item.path.suffix.casefold() in SOUNDS:
        whole, times_s, pictures = read_mono(item.path), np.zeros(0), ()
        start_s, length_s = place_of(item, len(whole) / SOUND_RATE_HZ, config.longest_s)
        sound = cut(whole, start_s, length_s)
    else:
        info = probe_video(item.path)
        start_s, length_s = place_of(item, float(info.duration), config.longest_s)
        times_s, pictures = _look(info, start_s, length_s, config)
        if info.has_audio or item.sound_path is None:
            sound = listen_to_clip(info, start_s, length_s)
        else:
            sound = cut(read_mono(item.sound_path), start_s, length_s)
    effects = [event.name for event in item.clip.events]
    return Example(
        id=item.id,
        source=item.clip.source,
        origin=item.clip.origin,
        licence=item.clip.licence,
        frame_rate=config.frame_rate_hz,
        times_s=times_s,
        pictures=pictures,
        sound=to_int16(sound),
        events=tuple(
            event
            for labelled in item.clip.events
            if (event := effect_event(labelled, length_s)) is not None
        ),
        labelled=known_absent(effects, vocabulary) if item.is_known and not item.scene else (),
        scene=item.scene,
    )


def place_of(item: ClipItem, file_s: float, longest_s: float) -> tuple[float, float]:
    """Return the start of a clip in its file, and its length."""
    clip = item.clip
    told_s = clip.length_s
    is_cut = told_s is not None and file_s < told_s + 1.0
    start_s = 0.0 if is_cut else clip.start_s
    if start_s >= file_s:
        raise MediaError(f"ends at {file_s:.1f} s, before its clip begins", path=item.path)
    length_s = file_s - start_s if told_s is None else min(told_s, file_s - start_s)
    if length_s > longest_s:
        raise MediaError(
            f"a clip of {length_s:.0f} s is too long", path=item.path, remedy="split it"
        )
    return start_s, length_s


def _look(
    info: VideoInfo, start_s: float, length_s: float, config: ClipsConfig
) -> tuple[np.ndarray, tuple[bytes, ...]]:
    grid = TimeGrid.covering(
        as_fraction(length_s), as_fraction(config.frame_rate_hz), as_fraction(start_s)
    )
    times: list[Fraction] = []
    pictures: list[bytes] = []
    for frame in sample_frames(info, grid, shrink):
        times.append(frame.time - grid.start)
        pictures.append(encode_picture(frame.image))
    # A picture from before the clip's start is shown from time 0.
    return np.maximum(np.array([float(time) for time in times]), 0.0), tuple(pictures)


def listen_to_clip(info: VideoInfo, start_s: float, length_s: float) -> Mono:
    blocks = read_audio(info, sample_rate_hz=SOUND_RATE_HZ, channels=1)
    if blocks is None:
        return np.zeros(0, np.float32)
    first, last = round(start_s * SOUND_RATE_HZ), round((start_s + length_s) * SOUND_RATE_HZ)
    kept: list[Mono] = []
    place = 0
    for block in blocks:
        kept.append(block[max(first - place, 0) : max(last - place, 0), 0])
        place += len(block)
        if place >= last:
            break
    return np.concatenate(kept) if kept else np.zeros(0, np.float32)


def cut(whole: Mono, start_s: float, length_s: float) -> Mono:
    first = round(start_s * SOUND_RATE_HZ)
    return whole[first : first + round(length_s * SOUND_RATE_HZ)]


def effect_event(event: LabelledEvent, length_s: float) -> EffectEvent | None:
    """Return an event of the schema; None if it is after the end of the clip."""
    offset_s = event.offset_s
    if offset_s is None:
        offset_s = length_s if event.strength == "clip" else event.onset_s + _MOMENT_S
    offset_s = min(offset_s, length_s)
    if event.onset_s >= offset_s:
        return None
    return EffectEvent(
        effect=event.name,
        onset_s=event.onset_s,
        offset_s=offset_s,
        modality=_MODALITIES[event.modality],
        strength=event.strength,
    )
