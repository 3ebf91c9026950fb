"""Probabilities and what happened in, how far the former may be believed out.

Expected calibration error: Naeini, Cooper, Hauskrecht, AAAI 2015; reliability diagrams: Guo,
Pleiss, Sun, Weinberger, ICML 2017. Of sigmoids the probability of the effect is judged, in bins of
equal width.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.evaluation.curves import Scores, Truth, validate

BINS = 15


class Reliability(NamedTuple):
    """What was said and what happened, in each bin that holds something."""

    said: Float[np.ndarray, " bins"]
    """Mean probability."""
    happened: Float[np.ndarray, " bins"]
    """Share of positives."""
    cells: Int[np.ndarray, " bins"]


def reliability(truth: Truth, probabilities: Scores, bins: int = BINS) -> Reliability:
    """Sort cells into bins by their probability."""
    validate(truth, probabilities)
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
    """Return the mean distance of what was said from what happened; NaN where one class lacks."""
    if not truth.any() or truth.all():
        return np.nan
    said, happened, cells = reliability(truth, probabilities, bins)
    return float(np.sum(cells * np.abs(said - happened)) / cells.sum())
