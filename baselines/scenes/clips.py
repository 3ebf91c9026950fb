"""Hold the clips of the scenes baseline as arrays, and make standardised batches of them."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

StoredFrames = Float[np.ndarray, "clips frames features"]
Indices = Int[np.ndarray, " batch"]

# Features that never vary are not divided by 0.
_LEAST_STD = 1e-6
# Clips that are converted to double precision at once.
_AT_ONCE = 256


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SceneClips:
    """The clips of a split, padded to one length; embeddings stay in half precision."""

    visual: StoredFrames
    audio: StoredFrames
    lengths: Int[np.ndarray, " clips"]
    scenes: Int[np.ndarray, " clips"]
    """Index of each clip's scene in `names`."""
    names: tuple[str, ...]
    sources: tuple[str, ...]
    """Sources of each clip; several are separated by `|`."""

    def __post_init__(self) -> None:
        for name in ("visual", "audio", "lengths", "scenes", "sources"):
            found = len(getattr(self, name))
            if found != len(self.scenes):
                raise ValueError(f"clips.{name} must hold {len(self.scenes)}, got {found}")
        if len(self) and (self.lengths.min() < 1 or self.lengths.max() > self.visual.shape[1]):
            raise ValueError(f"clips.lengths must be 1 to {self.visual.shape[1]}")

    def __len__(self) -> int:
        return len(self.scenes)

    def select(self, places: Indices) -> "SceneClips":
        """Return some of the clips."""
        return dataclasses.replace(
            self,
            visual=self.visual[places],
            audio=self.audio[places],
            lengths=self.lengths[places],
            scenes=self.scenes[places],
            sources=tuple(self.sources[place] for place in places),
        )


def mean_over_time(clips: SceneClips) -> SceneClips:
    """Replace each clip's frames by their mean, which is all that most heads read."""
    is_real = np.arange(clips.visual.shape[1])[None, :] < clips.lengths[:, None]

    def mean(frames: StoredFrames) -> Float32[np.ndarray, "clips 1 features"]:
        rows = np.empty((len(frames), 1, frames.shape[2]), np.float32)
        for row, clip, real in zip(rows, frames, is_real, strict=True):
            row[0] = clip[real].mean(axis=0, dtype=np.float32)
        return rows

    return dataclasses.replace(
        clips,
        visual=mean(clips.visual),
        audio=mean(clips.audio),
        lengths=np.ones_like(clips.lengths),
    )


class Standard(NamedTuple):
    """Mean and spread of each feature of a modality over real frames."""

    mean: Float32[np.ndarray, " features"]
    std: Float32[np.ndarray, " features"]


class Standards(NamedTuple):
    """Mean and spread of both modalities."""

    visual: Standard
    audio: Standard


def measure_standards(clips: SceneClips) -> Standards:
    """Measure mean and spread of training clips, as the recipe of DCASE 2021 task 1B does."""
    return Standards(*(_measure(frames, clips.lengths) for frames in (clips.visual, clips.audio)))


def standardised_batch(clips: SceneClips, places: Indices, standards: Standards) -> dict[str, Any]:
    """Return some clips in single precision; padded frames are 0, which is the mean."""
    lengths = clips.lengths[places]
    is_real = np.arange(clips.visual.shape[1])[None, :] < lengths[:, None]

    def standardised(frames: StoredFrames, standard: Standard) -> Float32[np.ndarray, "..."]:
        rows = (frames[places].astype(np.float32) - standard.mean) / standard.std
        return np.where(is_real[..., None], rows, np.float32(0.0))

    return {
        "visual": standardised(clips.visual, standards.visual),
        "audio": standardised(clips.audio, standards.audio),
        "lengths": lengths.astype(np.int32),
        "scenes": clips.scenes[places].astype(np.int32),
    }


def _measure(frames: StoredFrames, lengths: Int[np.ndarray, " clips"]) -> Standard:
    is_real = np.arange(frames.shape[1])[None, :] < lengths[:, None]
    total, squares = np.zeros(frames.shape[2]), np.zeros(frames.shape[2])
    for first in range(0, len(frames), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        rows = frames[part][is_real[part]].astype(np.float64)
        total += rows.sum(axis=0)
        squares += np.square(rows).sum(axis=0)
    mean = total / is_real.sum()
    std = np.sqrt(np.maximum(squares / is_real.sum() - np.square(mean), 0.0))
    std = np.where(std > _LEAST_STD, std, 1.0)
    return Standard(mean.astype(np.float32), std.astype(np.float32))
