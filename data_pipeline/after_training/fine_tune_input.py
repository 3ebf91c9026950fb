"""Read batches of short stretches of images with sound and labels from built datasets.

Batch number n of a seed is always the same. All clips of a batch are of one dataset: stills with
one image would wait for clips with many.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import grain
import numpy as np
from jaxtyping import Float16, Int, Shaped, UInt8

from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.source import DatasetSource, FeatureSource, Material
from data_pipeline.features.split import draw_out
from data_pipeline.input.batch_plan import BatchContent, Window
from data_pipeline.input.loader import InputConfig, load_batch
from data_pipeline.prepare.built import built_datasets, open_splits
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import UsageError
from temporal_foley.timegrid import TimeGrid

Batch = dict[str, Shaped[np.ndarray, "batch ..."]]
Pictures = UInt8[np.ndarray, "pictures rows columns 3"]

_MOST_DRAWN = 100
"""Draws without an image after which a dataset counts as having none."""
_CACHED = 4096
"""Sounds whose features are cached, some 30 kB each."""


@runtime_checkable
class Encoder(Protocol):
    """Prepares images and embeds sound: a `BundleDetector`."""

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Scale an image to the input of the backbone."""
        ...

    def listen(self, sound: Iterator[np.ndarray], grid: TimeGrid) -> np.ndarray | None:
        """Return the audio features of each frame, or None."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class StretchConfig:
    """How clips become batches."""

    batch_size: int = 2
    frames: int = 8
    """Frames of each stretch; a still is repeated for as many."""
    steps: int = 100
    seed: int = 0
    threads: int = 2
    batches_ahead: int = 4

    def __post_init__(self) -> None:
        for name in ("batch_size", "frames", "steps", "threads", "batches_ahead"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class Seen(NamedTuple):
    """The different images of a stretch, and which of them each frame shows."""

    pictures: Sequence[UInt8[np.ndarray, "rows columns 3"]]
    shown: Int[np.ndarray, " frames"]


class TuningClips:
    """Clips of several datasets with their labels, sound and images."""

    def __init__(
        self, sources: Mapping[str, FeatureSource], rate: Fraction, encoder: Encoder, audio: int
    ):
        """Take the datasets by name, the grid's rate, the encoder and its number of features."""
        self.names = tuple(sources)
        self.sources = tuple(sources.values())
        self.frame_rate = rate
        self.encoder = encoder
        self.audio_features = audio
        self._listen = functools.lru_cache(_CACHED)(self._listen_once)

    def material(self, source: int, index: int) -> Material:
        """Open a clip."""
        return self.sources[source].load(index, self.frame_rate)

    def record(self, source: int, index: int, material: Material) -> FeatureRecord:
        """Return a clip as a record whose image features are a column of zeros.

        Args:
            source: Number of the dataset.
            index: Number of the clip in it.
            material: Of that clip.
        """
        facts, grid = material.facts, material.grid
        audio = self._listen(source, index) if material.sound is not None else None
        zeros = np.zeros((grid.frames, self.audio_features), np.float16)
        return FeatureRecord(
            id=facts.id,
            source=facts.source,
            sha256=material.sha256,
            frame_rate=self.frame_rate,
            times_s=np.array([float(time) for time in grid.times()]),
            visual=np.zeros((grid.frames, 1), np.float16),
            audio=zeros if audio is None else audio,
            has_picture=material.pictures is not None,
            has_sound=audio is not None,
            is_still=material.is_still,
            events=facts.events,
            labelled=facts.labelled,
        )

    def see(self, material: Material, start: int, frames: int) -> Seen:
        """Return the prepared images of a stretch; none of a clip without images."""
        pictures, shown, last = [], [], None
        if material.pictures is not None:
            decoded = material.pictures(lambda picture: picture)
            for _, picture in itertools.islice(decoded, start, start + frames):
                if picture is not last:
                    pictures.append(self.encoder.prepare(picture))
                    last = picture
                shown.append(len(pictures) - 1)
        return Seen(pictures, np.array(shown, np.int32))

    def _listen_once(
        self, source: int, index: int
    ) -> Float16[np.ndarray, "frames features"] | None:
        material = self.material(source, index)
        assert material.sound is not None
        wave = material.sound()
        blocks = [wave] if isinstance(wave, np.ndarray) else wave
        return self.encoder.listen((block[:, None] for block in blocks), material.grid)


def find_sources(data: Path, split: str, datasets: Sequence[str] = ()) -> dict[str, FeatureSource]:
    """Find a split of all datasets that were built in a folder, or of some of them.

    Raises:
        UsageError: There is none.
    """
    if not data.is_dir():
        raise UsageError(
            "no such folder", path=data, remedy="give that of `python -m data_pipeline build`"
        )
    found = built_datasets(data)
    unknown = sorted(set(datasets) - set(found))
    if unknown or not found:
        what = f"the dataset {unknown[0]}" if unknown else "no finished dataset"
        known = f"; there are {', '.join(found)}" if found else ""
        raise UsageError(f"has {'not ' if unknown else ''}{what}{known}", path=data)
    sources: dict[str, FeatureSource] = {}
    for name, folders in found.items():
        for folder in folders if not datasets or name in datasets else ():
            splits = open_splits(folder)
            if split in splits and len(splits[split]):
                key = name if len(folders) == 1 else f"{name}/{folder.parent.name}"
                sources[key] = DatasetSource(str(folder.resolve()), split)
    if not sources:
        raise UsageError(f"no dataset has a split {split}", path=data, remedy="build one that has")
    return sources


def open_tuning_batches(
    clips: TuningClips, vocabulary: Vocabulary, config: StretchConfig, *, first: int = 0
) -> Iterator[Batch]:
    """Iterate over the batches of all steps, from number `first` on."""
    if first >= config.steps:
        return iter(())

    def load(number: int) -> Batch:
        return load_stretches(clips, vocabulary, config, int(number))

    ahead = grain.ReadOptions(num_threads=config.threads, prefetch_buffer_size=config.batches_ahead)
    steps = grain.MapDataset.source(range(config.steps))
    return iter(steps[first:].map(load).to_iter_dataset(ahead))


def load_stretches(
    clips: TuningClips, vocabulary: Vocabulary, config: StretchConfig, number: int
) -> Batch:
    """Draw and read the clips of a batch and a stretch of each.

    Returns:
        What `input.load_batch` gives, but for `visual`; in its place `images`
        (batch, pictures, rows, columns, 3) uint8, the different pictures of each clip, `pictures`
        (batch), how many there are, and `shown` (batch, frames), which of them each frame shows.

    Raises:
        UsageError: The dataset has no pictures.
    """
    rng = np.random.default_rng((config.seed, number))
    source = int(rng.integers(len(clips.sources)))
    frames = config.frames
    records, windows, seen = [], [], []
    for _ in range(_MOST_DRAWN * config.batch_size):
        index = int(rng.integers(len(clips.sources[source])))
        material = clips.material(source, index)
        if material.pictures is None:
            continue
        record = draw_out(clips.record(source, index, material), frames)
        start = int(rng.integers(max(1, record.frames - frames + 1)))
        window = Window(record=len(records), start=start, frames=min(frames, record.frames))
        if material.grid.frames == 1:
            one = clips.see(material, 0, 1)
            found = Seen(one.pictures, np.zeros(window.frames, np.int32))
        else:
            found = clips.see(material, start, window.frames)
        records.append(record)
        windows.append(window)
        seen.append(found)
        if len(records) == config.batch_size:
            break
    else:
        raise UsageError(
            "has hardly any images", path=clips.names[source], remedy="leave it out of --datasets"
        )
    batch = load_batch(
        _Drawn(records),
        BatchContent(epoch=0, frames=frames, windows=tuple(windows)),
        slice(0, config.batch_size),
        vocabulary,
        InputConfig(batch_size=config.batch_size, lengths_frames=(frames,)),
    )
    del batch["visual"]
    shape = seen[0].pictures[0].shape
    batch["images"] = np.zeros((config.batch_size, frames, *shape), np.uint8)
    batch["pictures"] = np.array([len(found.pictures) for found in seen], np.int32)
    batch["shown"] = np.zeros((config.batch_size, frames), np.int32)
    for row, found in enumerate(seen):
        batch["images"][row, : len(found.pictures)] = found.pictures
        batch["shown"][row, : len(found.shown)] = found.shown
    return batch


@dataclasses.dataclass(frozen=True)
class _Drawn:
    """Drawn records by index, as `load_batch` takes them."""

    records: Sequence[FeatureRecord]

    @property
    def frames(self) -> Sequence[int]:
        return [record.frames for record in self.records]

    def __getitem__(self, index: int) -> FeatureRecord:
        return self.records[index]
