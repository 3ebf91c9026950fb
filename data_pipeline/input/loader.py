"""Load cached features as padded and masked batches, prefetched and exactly resumable.

The iterator is grain's, so orbax saves and restores its place with `grain.checkpoint`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import grain
import numpy as np
from jaxtyping import Bool, Float32, Shaped

from data_pipeline.features.record import FeatureRecord, record_labels
from data_pipeline.input.batch_plan import BatchContent, BatchPlan, Window
from data_pipeline.schema import FrameLabels
from temporal_foley.effects import Vocabulary
from temporal_foley.timegrid import TimeGrid

Batch = dict[str, Shaped[np.ndarray, "batch ..."]]

SENSES: dict[str, Literal["picture", "sound"] | None] = {
    "": None,
    "seen_": "picture",
    "heard_": "sound",
}
"""Prefixes of the names of labels, and the events that count in them."""


@runtime_checkable
class Records(Protocol):
    """Records by number, with their lengths: a `FeatureStore`."""

    @property
    def frames(self) -> Sequence[int]:
        """Frames of each record."""
        ...

    def __getitem__(self, index: int) -> FeatureRecord: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputConfig:
    """Batch sizes, lengths and order."""

    batch_size: int = 16
    """Over all processes."""
    lengths_frames: tuple[int, ...] = (16, 40, 80, 160, 320)
    """Lengths that clips are padded to; a step is compiled for each."""
    epochs: int = 1
    seed: int = 0
    is_training: bool = True
    """Shuffled, and long clips cut at random places."""
    labels_of: Literal["picture", "sound"] | None = None
    """Count only visible events, or only audible ones."""
    scenes: tuple[str, ...] = ()
    threads: int = 4
    batches_ahead: int = 8

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "threads", "batches_ahead"):
            if getattr(self, name) < 1:
                raise ValueError(f"input.{name} must be at least 1, got {getattr(self, name)}")
        if not self.lengths_frames or min(self.lengths_frames) < 1:
            raise ValueError(f"input.lengths_frames must be above 0, got {self.lengths_frames}")


def make_plan(records: Records, config: InputConfig) -> BatchPlan:
    """Plan the batches of a configuration; its `digest` belongs into a run's checkpoint."""
    return BatchPlan(
        records.frames,
        lengths=config.lengths_frames,
        batch_size=config.batch_size,
        epochs=config.epochs,
        seed=config.seed,
        is_training=config.is_training,
    )


def open_batches(
    records: Records,
    vocabulary: Vocabulary,
    config: InputConfig,
    *,
    first: int = 0,
    process: int = 0,
    processes: int = 1,
) -> grain.DatasetIterator[Batch]:
    """Return an iterator over the batches of all epochs, from number `first` on.

    With several processes each gets its own rows of every batch: all make the same number of steps,
    of the same shapes.
    """
    if config.batch_size % processes or not 0 <= process < processes:
        raise ValueError(
            f"input.batch_size must be a multiple of the {processes} processes, "
            f"got {config.batch_size} for process {process}"
        )
    rows = config.batch_size // processes
    mine = slice(process * rows, (process + 1) * rows)

    def load(content: BatchContent) -> Batch:
        return load_batch(records, content, mine, vocabulary, config)

    ahead = grain.ReadOptions(num_threads=config.threads, prefetch_buffer_size=config.batches_ahead)
    plan = make_plan(records, config)
    return iter(grain.MapDataset.source(plan)[first:].map(load).to_iter_dataset(ahead))


def load_batch(
    records: Records,
    content: BatchContent,
    rows: slice,
    vocabulary: Vocabulary,
    config: InputConfig,
) -> Batch:
    """Read the records of some rows of a batch.

    Returns:
        A dict of `visual` and `audio` (batch, frames, features) float16; `times_s`
        (batch, frames); `lengths` (batch) and `mask` (batch, frames), True for real frames;
        `labels`, `known` (batch, frames, effects); `clip_labels`, `clip_known` (batch, effects);
        the same four again with `seen_` and `heard_` before their names, in which only events that
        are seen, or heard, count: what is known of a clip whose sound, or picture, is left out;
        `has_picture`, `has_sound`, `is_real` (batch): False for what is missing, and for empty
        rows; `scene` and `record` (batch), -1 for none.
    """
    windows = content.windows[rows]
    first = records[content.windows[0].record if not windows else windows[0].record]
    size, frames, effects = rows.stop - rows.start, content.frames, len(vocabulary)
    batch: Batch = {
        "visual": np.zeros((size, frames, first.visual.shape[1]), np.float16),
        "audio": np.zeros((size, frames, first.audio.shape[1]), np.float16),
        "times_s": np.zeros((size, frames), np.float32),
        "lengths": np.zeros(size, np.int32),
        "mask": np.zeros((size, frames), bool),
        **{
            f"{sense}{name}": np.zeros(shape, kind)
            for sense in SENSES
            for name, shape, kind in (
                ("labels", (size, frames, effects), np.float32),
                ("known", (size, frames, effects), bool),
                ("clip_labels", (size, effects), np.float32),
                ("clip_known", (size, effects), bool),
            )
        },
        "has_picture": np.zeros(size, bool),
        "has_sound": np.zeros(size, bool),
        "is_real": np.zeros(size, bool),
        "scene": np.full(size, -1, np.int32),
        "record": np.full(size, -1, np.int32),
    }
    for row, window in enumerate(windows):
        record = first if row == 0 else records[window.record]
        part = slice(window.start, window.start + window.frames)
        grid = TimeGrid(
            frame_rate=record.frame_rate,
            frames=window.frames,
            start=record.grid.time(window.start),
        )
        until = window.frames
        batch["visual"][row, :until] = record.visual[part]
        batch["audio"][row, :until] = record.audio[part]
        batch["times_s"][row, :until] = record.times_s[part] - float(grid.start)
        batch["lengths"][row] = until
        batch["mask"][row, :until] = True
        for sense, modality in SENSES.items():
            known = record_labels(
                record, vocabulary, grid=grid, modality=modality or config.labels_of
            )
            batch[f"{sense}labels"][row, :until] = known.labels
            batch[f"{sense}known"][row, :until] = known.known
            whole = _whole(known, window, record)
            batch[f"{sense}clip_labels"][row], batch[f"{sense}clip_known"][row] = whole
        batch["has_picture"][row] = record.has_picture
        batch["has_sound"][row] = record.has_sound
        batch["is_real"][row] = True
        if record.scene in config.scenes:
            batch["scene"][row] = config.scenes.index(record.scene)
        batch["record"][row] = window.record
    return batch


def _whole(
    known: FrameLabels, window: Window, record: FeatureRecord
) -> tuple[Float32[np.ndarray, " effects"], Bool[np.ndarray, " effects"]]:
    """Return the labels of a window as a whole; an event may be in another part of its record."""
    if window.frames == record.frames:
        return known.clip_labels, known.clip_known
    labels = np.where(known.known, known.labels, 0.0).max(axis=0)
    return labels, (labels > 0) | known.known.all(axis=0)
