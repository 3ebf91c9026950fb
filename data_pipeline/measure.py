"""Features of a split in; what a run must know of them before it begins out: scales and counts."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Int

from data_pipeline.feature_record import record_labels
from data_pipeline.feature_split import FeatureSplit
from temporal_foley.effects import Vocabulary

LEAST_DEVIATION = 1e-2
"""A feature that hardly ever differs from its mean is not blown up any further."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What the records of a split are like."""

    visual_mean: Float32[np.ndarray, " visual_features"]
    visual_deviation: Float32[np.ndarray, " visual_features"]
    audio_mean: Float32[np.ndarray, " audio_features"]
    audio_deviation: Float32[np.ndarray, " audio_features"]
    positive_frames: Int[np.ndarray, " effects"]
    positive_records: Int[np.ndarray, " effects"]
    sources: tuple[int, ...]
    """Of each effect: how many videos, series of pictures or recordings show or sound it."""

    def table(self, vocabulary: Vocabulary) -> dict[str, dict[str, int]]:
        """Return what stands behind each effect."""
        return {
            name: {
                "records": int(self.positive_records[k]),
                "frames": int(self.positive_frames[k]),
                "sources": self.sources[k],
            }
            for k, name in enumerate(vocabulary.names)
        }


def measure_split(
    split: FeatureSplit, vocabulary: Vocabulary, *, seed: int = 0, most_frames: int = 200_000
) -> Measured:
    """Read all records once.

    Args:
        split: the training data.
        vocabulary: whose effects are counted.
        seed: which frames of a record are measured.
        most_frames: about so many are, spread over all records.
    """
    generator = np.random.default_rng(seed)
    part = min(1.0, most_frames / max(sum(split.frames), 1))
    sums: dict[str, Any] = {"visual": _Moments(), "audio": _Moments()}
    frames = np.zeros(len(vocabulary), np.int64)
    records = np.zeros(len(vocabulary), np.int64)
    sources: list[set[str]] = [set() for _ in range(len(vocabulary))]
    for index in range(len(split)):
        record = split[index]
        kept = generator.random(record.frames) < part
        if record.has_picture:
            sums["visual"].add(record.visual[kept])
        if record.has_sound:
            sums["audio"].add(record.audio[kept])
        labels = record_labels(record, vocabulary)
        frames += ((labels.labels > 0) & labels.known).sum(axis=0)
        present = labels.clip_labels > 0
        records += present
        for k in np.flatnonzero(present):
            sources[k].add(record.source)
    first = split[0]
    visual = sums["visual"].finish(first.visual.shape[1])
    audio = sums["audio"].finish(first.audio.shape[1])
    return Measured(
        visual_mean=visual[0],
        visual_deviation=visual[1],
        audio_mean=audio[0],
        audio_deviation=audio[1],
        positive_frames=frames,
        positive_records=records,
        sources=tuple(len(names) for names in sources),
    )


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
