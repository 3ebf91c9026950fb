"""Measure how well predicted probabilities agree with how often effects occur.

Expected calibration error: Naeini, Cooper, Hauskrecht, AAAI 2015; reliability diagrams: Guo,
Pleiss, Sun, Weinberger, ICML 2017; with bins of equal width.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.evaluation.curves import Scores, Truth, is_defined

BINS = 15


class Reliability(NamedTuple):
    """Predictions and outcomes in each bin that is not empty."""

    said: Float[np.ndarray, " bins"]
    """Mean probability."""
    happened: Float[np.ndarray, " bins"]
    """Share of positives."""
    cells: Int[np.ndarray, " bins"]


def reliability(truth: Truth, probabilities: Scores, bins: int = BINS) -> Reliability:
    """Sort cells into bins by their probability."""
    is_defined(truth, probabilities)
    wide = probabilities.astype(np.float64)
    if len(wide) and not (wide.min() >= 0.0 and wide.max() <= 1.0):
        raise ValueError("probabilities must be in [0, 1]")
    place = np.minimum((wide * bins).astype(np.int64), bins - 1)
    cells = np.bincount(place, minlength=bins)
    held = cells > 0
    said = np.bincount(place, weights=wide, minlength=bins)[held] / cells[held]
    happened = np.bincount(place, weights=truth, minlength=bins)[held] / cells[held]
    return Reliability(said, happened, cells[held])


def expected_calibration_error(truth: Truth, probabilities: Scores, bins: int = BINS) -> float:
    """Return the mean distance of probability and frequency; NaN where one class is missing."""
    if not is_defined(truth, probabilities):
        return np.nan
    said, happened, cells = reliability(truth, probabilities, bins)
    return float(np.sum(cells * np.abs(said - happened)) / cells.sum())
