"""Keep a bank of image features that new effects are taught against.

A few examples show what a new effect looks like; a bank of some hundred images of all kinds, stored
in the bundle, shows what other things look like and how much they vary. Stored are the backbone's
features, standardised and rounded to eight bits, from which no image can be restored.

The bank includes calibrations for different numbers of examples. They are learnt from known
effects: each in turn is treated as new, taught from a few of its images and evaluated on others
(`python -m data_pipeline background`).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float16, Float32, Int8

from temporal_foley.models.tagging.taught import draw_in

STEPS = 16
"""Codes per standard deviation; eight bits reach nearly eight deviations."""
LEAST_DEVIATION = 0.05
"""Least deviation, so that features that hardly vary are not amplified."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Background:
    """A bank of standardised features; `lines` are rows of (examples, slope, bias)."""

    mean: Float16[np.ndarray, " visual_features"]
    deviation: Float16[np.ndarray, " visual_features"]
    codes: Int8[np.ndarray, "pictures visual_features"]
    lines: Float16[np.ndarray, "lines 3"]

    def __post_init__(self) -> None:
        features = self.mean.shape
        if self.deviation.shape != features or self.codes.shape[1:] != features:
            raise ValueError("background.mean, .deviation and .codes must have the same features")
        if len(self.codes) < 2 or self.codes.dtype != np.int8:
            raise ValueError("background.codes must be two or more rows of int8")
        if self.lines.ndim != 2 or self.lines.shape[1] != 3 or not len(self.lines):
            raise ValueError(f"background.lines must be rows of 3, got {self.lines.shape}")
        if not (np.isfinite(self.lines).all() and (self.lines[:, :2] > 0).all()):
            raise ValueError("background.lines must be finite, with slopes above 0")
        if not (np.isfinite(self.mean).all() and (self.deviation > 0).all()):
            raise ValueError("background.mean must be finite and .deviation above 0")

    def standardise(
        self, features: Float[np.ndarray, "rows visual_features"]
    ) -> Float32[np.ndarray, "rows visual_features"]:
        """Return features as deviations from the mean."""
        rows = draw_in(features) - self.mean.astype(np.float32)
        return rows / self.deviation.astype(np.float32)

    @property
    def rows(self) -> Float32[np.ndarray, "pictures visual_features"]:
        """The standardised features of the bank."""
        return self.codes.astype(np.float32) / STEPS

    def line(self, examples: int) -> tuple[float, float]:
        """Return slope and bias for a number of examples, interpolated."""
        known = self.lines[np.argsort(self.lines[:, 0])].astype(np.float64)
        place = np.log(max(examples, 1))
        at = np.log(known[:, 0])
        return float(np.interp(place, at, known[:, 1])), float(np.interp(place, at, known[:, 2]))


def make_background(
    features: Float[np.ndarray, "pictures visual_features"],
    lines: Sequence[tuple[int, float, float]] = ((1, 1.0, 0.0),),
) -> Background:
    """Make a bank of the features of some images."""
    rows = draw_in(features)
    mean = rows.mean(axis=0).astype(np.float16)
    deviation = np.maximum(rows.std(axis=0), LEAST_DEVIATION).astype(np.float16)
    standard = (rows - mean.astype(np.float32)) / deviation.astype(np.float32)
    codes = np.clip(np.round(standard * STEPS), -127, 127).astype(np.int8)
    return Background(
        mean=mean, deviation=deviation, codes=codes, lines=np.array(lines, np.float16)
    )
