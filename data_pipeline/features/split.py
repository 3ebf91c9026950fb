"""Read one split of a folder of features: the records of all its datasets as one.

Every finished feature folder that is called like the split, anywhere below the folder, belongs to
it: `features/stills/train` and `features/composed/train` are the datasets `stills` and `composed`
of `train`. All must have been made with the same networks on the same grid rate.
"""

import bisect
import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.features.record import FeatureError, FeatureRecord
from data_pipeline.features.store import FeatureStore
from temporal_foley.errors import UsageError

SENSES = ("frame_rate", "backbone", "aspect", "listener", "weights")
"""Settings that all parts must share."""


class FeatureSplit:
    """Records of several stores by one number; what the batches are read from."""

    def __init__(self, stores: Sequence[tuple[str, FeatureStore]], *, still_frames: int = 1):
        """Join stores.

        Args:
            stores: name and records of each.
            still_frames: to how many frames a still is drawn out; what it shows holds at any time.
        """
        if not stores:
            raise ValueError("a split must have at least one store")
        self.stores = tuple(stores)
        self.still_frames = still_frames
        sizes = [len(store) for _, store in stores]
        self._ends = np.cumsum(sizes).tolist()
        self.settings: dict[str, Any] = _shared_settings(self.stores)
        # A length of one frame is a still or a clip of one frame; which, its record says.
        self.frames: tuple[int, ...] = tuple(
            still_frames if frames == 1 else frames
            for _, store in self.stores
            for frames in store.frames
        )

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> FeatureRecord:
        if not 0 <= index < len(self):
            raise IndexError(f"record must be in [0, {len(self)}), got {index}")
        part = bisect.bisect_right(self._ends, index)
        before = self._ends[part - 1] if part else 0
        return draw_out(self.stores[part][1][index - before], self.still_frames)

    def dataset(self, index: int) -> str:
        """Return the name of the dataset that a record is from."""
        return self.stores[bisect.bisect_right(self._ends, index)][0]

    @property
    def frame_rate(self) -> Fraction:
        """Of the grid of all records."""
        return Fraction(self.settings["frame_rate"])

    def facts(self) -> dict[str, Any]:
        """Return what a run notes of its data: records and hash of each dataset."""
        return {
            name: {"records": len(store), "sha256": store.sha256} for name, store in self.stores
        }


def open_split(
    folder: Path, split: str, *, datasets: Sequence[str] = (), still_frames: int = 1
) -> FeatureSplit:
    """Open all features of a split below a folder.

    Args:
        folder: where `python -m data_pipeline features all` put them.
        split: `train`, `validation` or `test`.
        datasets: only these, each as `name` or, to be read several times an epoch, `name:times`;
            by default all.
        still_frames: to how many frames a still is drawn out.

    Raises:
        FeatureError: A file has changed since it was written; all are read once.
    """
    if not folder.is_dir():
        raise UsageError(
            "no such folder", path=folder, remedy="give that of `python -m data_pipeline features`"
        )
    found = {
        "/".join(path.parent.parent.relative_to(folder).parts) or folder.name: path.parent
        for path in sorted(folder.glob(f"**/{split}/manifest.json"))
    }
    times = dict(_times(words) for words in datasets)
    unknown = sorted(set(times) - set(found))
    if unknown or not found:
        what = f"the dataset {unknown[0]}" if unknown else "any dataset"
        known = f"; there are {', '.join(found)}" if found else ""
        raise UsageError(f"has no features of the split {split} of {what}{known}", path=folder)
    stores = []
    for name, path in found.items():
        if not times or name in times:
            store = FeatureStore(path)
            # Else a changed bit on disk would be trained on silently.
            store.verify()
            stores += [(name, store)] * (times.get(name, 1) if len(store) else 0)
    if not stores:
        raise UsageError(f"the features of the split {split} are empty", path=folder)
    return FeatureSplit(stores, still_frames=still_frames)


def _times(words: str) -> tuple[str, int]:
    name, _, count = words.partition(":")
    if count and not (count.isdecimal() and int(count) >= 1):
        raise UsageError(f"datasets: {words} must be a name, or a name and how often: name:3")
    return name, int(count or 1)


def draw_out(record: FeatureRecord, frames: int) -> FeatureRecord:
    """Repeat the one frame of a still or of a short sound."""
    if record.frames != 1 or frames == 1:
        return record
    times = np.arange(frames) / float(record.frame_rate)
    shown = np.zeros(frames) if record.is_still else times
    return dataclasses.replace(
        record,
        visual=np.repeat(record.visual, frames, axis=0),
        audio=np.repeat(record.audio, frames, axis=0),
        times_s=record.times_s + shown,
        events=tuple(
            dataclasses.replace(event, offset_s=max(event.offset_s, float(times[-1]) + 1.0))
            for event in record.events
        ),
    )


def _shared_settings(stores: Sequence[tuple[str, FeatureStore]]) -> dict[str, Any]:
    first_name, first = stores[0]
    for name, store in stores[1:]:
        for key in SENSES:
            if store.settings.get(key) != first.settings.get(key):
                raise FeatureError(
                    f"{name} was made with another {key} than {first_name}",
                    path=store.folder,
                    remedy="extract both with the same flags",
                )
    return {key: first.settings.get(key) for key in SENSES}
