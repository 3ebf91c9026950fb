"""Open the examples that features are made from: built datasets, or media files with events.

A material is one example whose pictures and sound can be read. Both kinds of source can be sent to
other processes: they open their files where they are used.
"""

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import soundfile
import tensorflow_datasets as tfds
from jaxtyping import Float32

from data_pipeline.annotations.records import AnnotatedClip, LabelledEvent
from data_pipeline.builders.pictures import Picture, decode_still
from data_pipeline.prepare.built import open_splits
from data_pipeline.schema import EffectEvent, Example, Modality, from_example
from temporal_foley.errors import MediaError, UsageError
from temporal_foley.files.digest import file_sha256
from temporal_foley.media.audio import read_audio, read_sound_file
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.models.audio.geometry import SAMPLE_RATE_HZ
from temporal_foley.timegrid import TimeGrid, as_fraction, to_sample

SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m4v")

_MODALITIES: dict[str, Modality] = {"audio": "sound", "visual": "picture", "both": "both"}
# A timestamp that was stored as a float may lie this much behind the time of its frame.
_ROUNDING_S = 1e-6

Wave = Float32[np.ndarray, " _"]
Prepare = Callable[[Picture], Picture]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Material:
    """An example on a grid; its pictures and sound are read on demand.

    `facts` is the example without pictures and sound.
    """

    facts: Example
    grid: TimeGrid
    sha256: str
    is_still: bool = False
    pictures: Callable[[Prepare], Iterator[tuple[float, Picture]]] | None = None
    """Yield a time and a prepared picture per frame; equal neighbours are the same object."""
    sound: Callable[[], Wave | Iterable[Wave]] | None = None


@runtime_checkable
class FeatureSource(Protocol):
    """Examples in a fixed order."""

    @property
    def digest(self) -> str:
        """A hash that identifies this source."""
        ...

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Name an item without opening it."""
        ...

    def load(self, index: int, frame_rate: Fraction) -> Material:
        """Open an item; raise FoleyError or ValueError if it is unusable."""
        ...


@dataclasses.dataclass(frozen=True)
class DatasetSource:
    """A split of a built dataset."""

    folder: str
    split: str

    def __len__(self) -> int:
        return len(_open_dataset(self.folder, self.split))

    @property
    def digest(self) -> str:
        """Hash of the dataset's name, version, configuration, shards and what `prepare` noted."""
        info = tfds.builder_from_directory(self.folder).info
        split = info.splits[self.split]
        note = Path(self.folder) / "prepare.json"
        records = json.loads(note.read_text("utf-8"))["records_sha256"] if note.is_file() else ""
        told = (info.full_name, self.split, split.shard_lengths, split.num_bytes, records)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def name(self, index: int) -> str:
        """Return the place in the split."""
        return f"{self.split}[{index}]"

    def load(self, index: int, frame_rate: Fraction) -> Material:
        """Read an example."""
        return example_material(
            from_example(_open_dataset(self.folder, self.split)[index]), frame_rate
        )


@functools.cache
def _open_dataset(folder: str, split: str) -> Sequence[Mapping[str, Any]]:
    splits = open_splits(Path(folder))
    if split not in splits:
        raise UsageError(
            f"has no split {split!r}", path=folder, remedy=f"there are: {', '.join(splits)}"
        )
    return splits[split]


@dataclasses.dataclass(frozen=True)
class MediaSource:
    """Media files in a folder, and their labels.

    A file named like the clip is the clip; a file named like its source is the whole video, which
    contains the clip. `labelled` are the effects that the labellers looked for.
    """

    folder: str
    clips: tuple[AnnotatedClip, ...]
    labelled: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def digest(self) -> str:
        """Hash of the labels; the files themselves are hashed when they are read."""
        return hashlib.sha256(repr((self.clips, self.labelled)).encode()).hexdigest()

    def name(self, index: int) -> str:
        """Return the name of the clip."""
        return self.clips[index].clip

    def load(self, index: int, frame_rate: Fraction) -> Material:
        """Probe the file of a clip."""
        try:
            return self._load(self.clips[index], frame_rate)
        except MediaError as error:
            # The list of rejected items must not depend on the folder's place.
            raise MediaError(str(error).replace(f"{self.folder}/", "")) from None

    def _load(self, clip: AnnotatedClip, frame_rate: Fraction) -> Material:
        path, start_s, end_s = _file_of(Path(self.folder), clip)
        if path.suffix.casefold() in SOUND_SUFFIXES:
            material = _sound_material(path, frame_rate, start_s, end_s)
        else:
            material = _video_material(path, frame_rate, start_s, end_s)
        duration_s = float(material.grid.frames / frame_rate)
        facts = Example(
            id=clip.clip,
            source=clip.source,
            origin=clip.origin,
            licence=clip.licence,
            frame_rate=float(frame_rate),
            events=tuple(_event(event, duration_s) for event in clip.events),
            labelled=self.labelled,
        )
        return dataclasses.replace(material, facts=facts)


def example_material(example: Example, frame_rate: Fraction) -> Material:
    """Put an example on a grid: each frame has the last picture that began by then."""
    is_still = example.frame_rate <= 0 and len(example.pictures) == 1
    grid = TimeGrid.covering(example.duration_s, frame_rate)
    # A still, or a sound without length, has one frame too.
    grid = dataclasses.replace(grid, frames=max(grid.frames, 1))
    starts = np.array([float(time) for time in grid.times()])
    shown = np.searchsorted(example.times_s, starts + _ROUNDING_S, side="right") - 1

    def pictures(prepare: Prepare) -> Iterator[tuple[float, Picture]]:
        place, image = -1, None
        for wanted in np.maximum(shown, 0):
            if image is None or wanted != place:
                place = int(wanted)
                name = f"{example.id}, picture {place}"
                image = prepare(decode_still(example.pictures[place], name))
            yield float(example.times_s[place]), image

    def sound() -> Wave:
        return example.sound.astype(np.float32) / 32768.0

    digest = hashlib.sha256()
    for picture in example.pictures:
        digest.update(len(picture).to_bytes(8, "little") + picture)
    digest.update(np.ascontiguousarray(example.sound, "<i2").tobytes())
    facts = dataclasses.replace(
        example, times_s=np.zeros(0), pictures=(), sound=np.zeros(0, np.int16)
    )
    return Material(
        facts=facts,
        grid=grid,
        sha256=digest.hexdigest(),
        is_still=is_still,
        pictures=pictures if example.pictures else None,
        sound=sound if len(example.sound) else None,
    )


def _file_of(folder: Path, clip: AnnotatedClip) -> tuple[Path, float, float | None]:
    """Find the file of a clip, and the start and end of the clip in it."""
    suffixes = ("", *VIDEO_SUFFIXES, *SOUND_SUFFIXES)
    whole = clip.source in (clip.clip, Path(clip.clip).stem)
    for name, cut in ((clip.clip, whole), (clip.source, True)):
        for suffix in suffixes:
            path = folder / f"{name}{suffix}"
            # Unlike Path.resolve, this does not raise at a link to itself.
            if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
                raise MediaError("is outside its folder", path=path)
            if path.is_file():
                return path, *((clip.start_s, clip.end_s) if cut else (0.0, clip.length_s))
    raise MediaError(f"no such file, nor one of its source {clip.source}", path=folder / clip.clip)


def _video_material(
    path: Path, frame_rate: Fraction, start_s: float, end_s: float | None
) -> Material:
    info = probe_video(path)
    start = as_fraction(start_s)
    end = info.duration if end_s is None else min(info.duration, as_fraction(end_s))
    if end <= start:
        raise MediaError(f"ends at {float(info.duration):.2f} s, before the clip begins", path=path)
    grid = TimeGrid.covering(end - start, frame_rate, start)

    def pictures(prepare: Prepare) -> Iterator[tuple[float, Picture]]:
        for frame in sample_frames(info, grid, prepare):
            yield float(frame.time - start), frame.image

    def sound() -> Iterator[Wave]:
        skipped = to_sample(start, SAMPLE_RATE_HZ)
        for block in read_audio(info, sample_rate_hz=SAMPLE_RATE_HZ, channels=1) or ():
            left = block[skipped:, 0]
            skipped = max(0, skipped - len(block))
            if len(left):
                yield left

    return Material(
        facts=Example(id=path.name, source=path.name),
        grid=dataclasses.replace(grid, start=Fraction(0)),
        sha256=file_sha256(path),
        pictures=pictures,
        sound=sound if info.has_audio else None,
    )


def _sound_material(
    path: Path, frame_rate: Fraction, start_s: float, end_s: float | None
) -> Material:
    try:
        length_s = soundfile.info(path).duration
    except (soundfile.SoundFileError, OSError) as error:
        raise MediaError(f"not a sound file that can be read ({error})", path=path) from None
    end_s = length_s if end_s is None else min(length_s, end_s)
    if end_s <= start_s:
        raise MediaError(f"ends at {length_s:.2f} s, before the clip begins", path=path)

    def sound() -> Wave:
        mono = read_sound_file(path, SAMPLE_RATE_HZ).mean(axis=1)
        return mono[to_sample(start_s, SAMPLE_RATE_HZ) : to_sample(end_s, SAMPLE_RATE_HZ)]

    return Material(
        facts=Example(id=path.name, source=path.name),
        grid=TimeGrid.covering(end_s - start_s, frame_rate),
        sha256=file_sha256(path),
        sound=sound,
    )


def _event(event: LabelledEvent, duration_s: float) -> EffectEvent:
    # A hit is labelled as a moment; it marks its frame.
    offset_s = event.offset_s
    if offset_s is None:
        offset_s = duration_s if event.strength == "clip" else event.onset_s + 1e-3
    return EffectEvent(
        effect=event.name,
        onset_s=event.onset_s,
        offset_s=offset_s,
        modality=_MODALITIES[event.modality],
        strength=event.strength,
    )
