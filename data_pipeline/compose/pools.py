"""Sort the labelled files and clips of a split into pools by effect."""

import dataclasses
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from data_pipeline.builders.clips import ClipItem, effect_event, place_of
from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.builders.pictures import Picture, read_still
from data_pipeline.builders.staging import Rejected
from data_pipeline.schema import EffectEvent
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.files.digest import file_sha256
from temporal_foley.media.probe import probe_video
from temporal_foley.media.video import sample_frames
from temporal_foley.timegrid import TimeGrid, as_fraction

NOTHING = ""
"""The key of material without any effect."""

SHORTEST_VIDEO_S = 1.0
_LONGEST_VIDEO_S = 600.0
_GREY_LEVELS = 4.0
"""Mean difference of the colour channels below which a picture is grey."""
_READERS = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoolStill:
    """A usable still, with the properties that looks depend on."""

    file: LabelledFile
    short_side_px: int
    is_grey: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoolVideo:
    """A video, or a part of one, with known events."""

    file: LabelledFile
    short_side_px: int
    is_grey: bool
    start_s: float
    """Start of the part in the file; events are relative to it."""
    length_s: float
    events: tuple[EffectEvent, ...]
    sound_path: Path | None
    """File of its own sound; None if there is none, or none that belongs to the picture."""

    def effects_at(self, time_s: float) -> tuple[str, ...]:
        """Return the visible effects at a time of the part."""
        return tuple(
            event.effect
            for event in self.events
            if event.modality != "sound" and event.onset_s <= time_s < event.offset_s
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pools:
    """The material of one split by effect; `NOTHING` is the key of the hard negatives."""

    stills: Mapping[str, tuple[PoolStill, ...]]
    sounds: Mapping[str, tuple[LabelledFile, ...]]
    videos: Mapping[str, tuple[PoolVideo, ...]] = dataclasses.field(default_factory=dict)


def make_pools(
    files: Iterable[LabelledFile], vocabulary: Vocabulary, clips: Iterable[ClipItem] = ()
) -> tuple[Pools, list[Rejected]]:
    """Sort the files and clips of a split by effect; reject those with unknown effects.

    Material of several effects is in the pool of each. Every picture is opened once.
    """
    rejected: list[Rejected] = []
    known: list[LabelledFile] = []
    for file in sorted(files, key=lambda file: file.id):
        if file.is_known:
            known.append(file)
        else:
            reason = "has a class that may or may not be an effect"
            rejected.append(Rejected(item=file.id, reason=f"{reason}: {', '.join(file.classes)}"))
    pictures = [file for file in known if file.medium == "picture"]
    with ThreadPoolExecutor(_READERS) as pool:
        looked_at = list(pool.map(_look_at, pictures))
    watched = [_watch(item) for item in sorted(clips, key=lambda item: item.id)]
    rejected += [one for one in (*looked_at, *watched) if isinstance(one, Rejected)]
    stills = [still for still in looked_at if isinstance(still, PoolStill)]
    videos = [video for video in watched if isinstance(video, PoolVideo)]
    sounds = [file for file in known if file.medium == "sound"]
    names = (*vocabulary.names, NOTHING)
    pools = Pools(
        stills={name: tuple(s for s in stills if _holds(s.file, name)) for name in names},
        sounds={name: tuple(f for f in sounds if _holds(f, name)) for name in names},
        videos={name: tuple(v for v in videos if _holds(v.file, name)) for name in names},
    )
    return pools, rejected


def is_grey(image: Picture) -> bool:
    """Return whether a picture has no colour."""
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    return float((small.max(axis=2) - small.min(axis=2)).mean()) < _GREY_LEVELS


def _holds(file: LabelledFile, name: str) -> bool:
    return name in file.effects if name != NOTHING else not file.effects


def _look_at(file: LabelledFile) -> PoolStill | Rejected:
    try:
        image = read_still(file.path)
    except FoleyError as error:
        return Rejected(item=file.id, reason=str(error))
    return PoolStill(file=file, short_side_px=min(image.shape[:2]), is_grey=is_grey(image))


def _watch(item: ClipItem) -> PoolVideo | Rejected:
    """Probe a clip, and check the picture in its middle."""
    if not item.is_known:
        return Rejected(item=item.id, reason="has a class that may or may not be an effect")
    if any(event.strength == "clip" for event in item.clip.events):
        reason = "has effects without times"
        return Rejected(item=item.id, reason=reason)
    try:
        info = probe_video(item.path)
        start_s, length_s = place_of(item, float(info.duration), _LONGEST_VIDEO_S)
        middle = as_fraction(start_s + length_s / 2.0)
        (frame,) = sample_frames(info, TimeGrid(frame_rate=as_fraction(1), frames=1, start=middle))
        digest = file_sha256(item.path)
    except FoleyError as error:
        return Rejected(item=item.id, reason=str(error))
    if length_s < SHORTEST_VIDEO_S:
        return Rejected(item=item.id, reason=f"is only {length_s:.1f} s long")
    found = (effect_event(event, length_s) for event in item.clip.events)
    events = tuple(event for event in found if event is not None)
    effects = tuple(dict.fromkeys(event.effect for event in events if event.modality != "sound"))
    # If only the picture was labelled, the sound may be music or something else.
    is_true = all(event.modality != "picture" for event in events)
    sound_path = item.path if info.has_audio else item.sound_path
    return PoolVideo(
        file=LabelledFile(
            id=item.id,
            path=item.path,
            medium="video",
            source=item.clip.source,
            classes=effects or ("other",),
            effects=effects,
            is_known=True,
            licence=item.clip.licence,
            sha256=digest,
        ),
        short_side_px=min(info.width, info.height),
        is_grey=is_grey(frame.image),
        start_s=start_s,
        length_s=length_s,
        events=events,
        sound_path=sound_path if is_true else None,
    )
