"""Read batches of resized pictures with one class each from a built dataset of stills.

A picture shows one effect of the vocabulary or certainly none of them, which is the class `other`.
Batches depend only on a seed and their number (`batch_plan`), so a stopped run continues exactly.
Pictures are augmented in the jitted step, by `augment_batch`, not here.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grain
import numpy as np
from jaxtyping import Array, Int, Key, Shaped, UInt8

from data_pipeline.builders.pictures import Picture, decode_still
from data_pipeline.input.augment import PictureRanges, augment_pictures
from data_pipeline.input.batch_plan import BatchContent, BatchPlan
from data_pipeline.prepare.built import DatasetError, open_splits
from data_pipeline.schema import Example, from_example
from temporal_foley.effects import Vocabulary
from temporal_foley.models.image.preparation import ASPECTS, Aspect, prepare_image

Batch = dict[str, Shaped[np.ndarray, "batch ..."]]

OTHER = "other"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureInputConfig:
    """How stills become batches."""

    size_px: int = 224
    aspect: Aspect = "stretch"
    """As in the report: to a square, whatever the shape was."""
    batch_size: int = 32
    epochs: int = 1
    seed: int = 0
    is_training: bool = True
    """Shuffled anew in every epoch."""
    threads: int = 2
    batches_ahead: int = 4

    def __post_init__(self) -> None:
        for name in ("size_px", "batch_size", "epochs", "threads", "batches_ahead"):
            if getattr(self, name) < 1:
                raise ValueError(f"pictures.{name} must be at least 1, got {getattr(self, name)}")
        if self.aspect not in ASPECTS or self.aspect == "native":
            raise ValueError(
                f"pictures.aspect must be stretch, crop or letterbox, got {self.aspect!r}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StillPictures:
    """The pictures of a split that have one class each, at random access."""

    records: Sequence[Mapping[str, Any]]
    places: Int[np.ndarray, " pictures"]
    """Which records they are."""
    classes: Int[np.ndarray, " pictures"]
    """The number of the effect in the vocabulary, or the number after the last one: `other`."""
    names: tuple[str, ...]
    """Of the classes."""
    left_out: Mapping[str, int]
    """Number of skipped records, by reason."""

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Picture:
        example = from_example(self.records[int(self.places[index])])
        return decode_still(example.pictures[0], example.id)

    @property
    def counts(self) -> Int[np.ndarray, " classes"]:
        """Number of pictures of each class."""
        return np.bincount(self.classes, minlength=len(self.names))


def open_stills(
    folder: Path, split: str, vocabulary: Vocabulary, *, has_other: bool = True
) -> StillPictures:
    """Find the pictures of a split that show one effect, or none if `other` is a class.

    Raises:
        DatasetError: There is no such dataset or split, or no picture of a class in it.
    """
    splits = open_splits(folder)
    if split not in splits:
        raise DatasetError(
            f"has no split {split}", path=folder, remedy=f"there are: {', '.join(splits)}"
        )
    pictures = find_pictures(splits[split], vocabulary, has_other=has_other)
    if not len(pictures):
        raise DatasetError(
            f"{split} has no picture of one effect", path=folder, remedy="build it from stills"
        )
    return pictures


def find_pictures(
    records: Sequence[Mapping[str, Any]], vocabulary: Vocabulary, *, has_other: bool = True
) -> StillPictures:
    """Read the labels of all records and keep the pictures with one class."""
    places, classes = [], []
    left_out: Counter[str] = Counter()
    for place in range(len(records)):
        class_ = _class_of(from_example(records[place]), vocabulary, has_other)
        if isinstance(class_, str):
            left_out[class_] += 1
        else:
            places.append(place)
            classes.append(class_)
    return StillPictures(
        records=records,
        places=np.array(places, np.int64),
        classes=np.array(classes, np.int32),
        names=(*vocabulary.names, OTHER) if has_other else vocabulary.names,
        left_out=dict(left_out),
    )


def _class_of(example: Example, vocabulary: Vocabulary, has_other: bool) -> int | str:
    """Return the class of an example, or the reason why it has none."""
    if len(example.pictures) != 1 or example.frame_rate > 0:
        return "no still picture"
    seen = {event.effect for event in example.events if event.modality != "sound"}
    if len(seen) > 1:
        return "shows several effects"
    if seen:
        (name,) = seen
        return vocabulary.index(name) if name in vocabulary.names else "shows an unknown effect"
    if not set(vocabulary.names) <= set(example.labelled):
        return "may show an effect"
    return len(vocabulary) if has_other else "shows no effect"


def make_plan(pictures: StillPictures, config: PictureInputConfig) -> BatchPlan:
    """Plan the batches of a configuration."""
    return BatchPlan(
        np.ones(len(pictures), np.int64).tolist(),
        lengths=(1,),
        batch_size=config.batch_size,
        epochs=config.epochs,
        seed=config.seed,
        is_training=config.is_training,
    )


def open_batches(
    pictures: StillPictures, config: PictureInputConfig, *, first: int = 0
) -> grain.DatasetIterator[Batch]:
    """Return an iterator over the batches of all epochs, from number `first` on."""

    def load(content: BatchContent) -> Batch:
        return load_batch(pictures, content, config)

    ahead = grain.ReadOptions(num_threads=config.threads, prefetch_buffer_size=config.batches_ahead)
    plan = make_plan(pictures, config)
    return iter(grain.MapDataset.source(plan)[first:].map(load).to_iter_dataset(ahead))


def load_batch(pictures: StillPictures, content: BatchContent, config: PictureInputConfig) -> Batch:
    """Read and resize the pictures of a batch.

    Returns:
        A dict of `images` (batch, rows, columns, 3) uint8; `classes` (batch), 0 in empty rows;
        `is_real` (batch), False for empty rows; `picture` (batch), the number of each, else -1.
    """
    size, side = config.batch_size, config.size_px
    batch: Batch = {
        "images": np.zeros((size, side, side, 3), np.uint8),
        "classes": np.zeros(size, np.int32),
        "is_real": np.zeros(size, bool),
        "picture": np.full(size, -1, np.int32),
    }
    for row, window in enumerate(content.windows):
        batch["images"][row] = prepare_image(pictures[window.record], side, config.aspect)
        batch["classes"][row] = pictures.classes[window.record]
        batch["is_real"][row] = True
        batch["picture"][row] = window.record
    return batch


def augment_batch(
    key: Key[Array, ""],
    images: UInt8[Array, "batch rows columns 3"],
    ranges: PictureRanges | None = None,
) -> UInt8[Array, "batch rows columns 3"]:
    """Warp, flip and tint pictures, each by itself; for use inside the jitted step."""
    return augment_pictures(key, images[:, None], ranges or PictureRanges())[:, 0]
