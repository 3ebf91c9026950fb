"""Measure the scales and class counts of the features of a split."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Int

from data_pipeline.features.record import FeatureRecord, record_labels
from data_pipeline.features.split import FeatureSplit
from temporal_foley.effects import Vocabulary

LEAST_DEVIATION = 1e-2
"""Lower limit, so that a nearly constant feature is not amplified."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Statistics of the records of a split."""

    visual_mean: Float32[np.ndarray, " visual_features"]
    visual_deviation: Float32[np.ndarray, " visual_features"]
    audio_mean: Float32[np.ndarray, " audio_features"]
    audio_deviation: Float32[np.ndarray, " audio_features"]
    positive_frames: Int[np.ndarray, " effects"]
    examples: tuple[dict[str, dict[str, int]], ...]
    """For each effect, the numbers of positive records and sources by dataset."""

    def table(self, vocabulary: Vocabulary) -> dict[str, dict[str, dict[str, int]]]:
        """Return the numbers of records and sources of each effect by dataset."""
        return dict(zip(vocabulary.names, self.examples, strict=True))


def measure_split(
    split: FeatureSplit, vocabulary: Vocabulary, *, seed: int = 0, most_frames: int = 200_000
) -> Measured:
    """Read all records once.

    Args:
        split: the training data.
        vocabulary: whose effects are counted.
        seed: which frames of a record are measured.
        most_frames: about this many are, spread over all records.
    """
    generator = np.random.default_rng(seed)
    part = min(1.0, most_frames / max(sum(split.frames), 1))
    sums: dict[str, Any] = {"visual": _Moments(), "audio": _Moments()}
    frames = np.zeros(len(vocabulary), np.int64)
    # Sets: a dataset that is repeated in an epoch counts once.
    found: list[dict[str, set[tuple[str, str, str]]]] = [defaultdict(set) for _ in vocabulary.names]
    # Likewise records that two datasets share, such as a picture and its toned copy.
    owner: dict[tuple[str, str], str] = {}
    for index in range(len(split)):
        record = split[index]
        kept = generator.random(record.frames) < part
        if record.has_picture:
            sums["visual"].add(record.visual[kept])
        if record.has_sound:
            sums["audio"].add(record.audio[kept])
        labels = record_labels(record, vocabulary)
        frames += ((labels.labels > 0) & labels.known).sum(axis=0)
        dataset = owner.setdefault((record.id, record.sha256), split.dataset(index))
        for k in np.flatnonzero(labels.clip_labels > 0):
            found[k][dataset].add((record.id, record.source, _medium(record)))
    first = split[0]
    visual = sums["visual"].finish(first.visual.shape[1])
    audio = sums["audio"].finish(first.audio.shape[1])
    return Measured(
        visual_mean=visual[0],
        visual_deviation=visual[1],
        audio_mean=audio[0],
        audio_deviation=audio[1],
        positive_frames=frames,
        examples=tuple(
            {dataset: _count_examples(records) for dataset, records in sorted(by_dataset.items())}
            for by_dataset in found
        ),
    )


def _medium(record: FeatureRecord) -> str:
    if not record.has_picture:
        return "sound"
    return "picture" if record.is_still and not record.has_sound else "clip"


def _count_examples(records: Collection[tuple[str, str, str]]) -> dict[str, int]:
    media = [medium for _, _, medium in records]
    return {
        "records": len(records),
        "sources": len({source for _, source, _ in records}),
        "pictures": media.count("picture"),
        "sounds": media.count("sound"),
    }


class _Moments:
    """Sums of rows and of their squares."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Any = 0.0
        self.squares: Any = 0.0

    def add(self, rows: np.ndarray) -> None:
        wide = rows.astype(np.float64)
        self.count += len(wide)
        self.total = self.total + wide.sum(axis=0)
        self.squares = self.squares + (wide**2).sum(axis=0)

    def finish(self, features: int) -> Sequence[np.ndarray]:
        if not self.count:
            return np.zeros(features, np.float32), np.ones(features, np.float32)
        mean = self.total / self.count
        variance = np.maximum(self.squares / self.count - mean**2, 0.0)
        return mean.astype(np.float32), np.maximum(np.sqrt(variance), LEAST_DEVIATION).astype(
            np.float32
        )
