"""Labels and scores in, curves and the numbers under them out.

A number that the labels leave undefined, as the area under a ROC of positives alone, is NaN and
never 0 or 1. Definitions are those of scikit-learn: Fawcett, "An introduction to ROC analysis"
(2006); average precision without interpolation.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

Truth = Bool[np.ndarray, " cells"]
Scores = Float[np.ndarray, " cells"]


class Counts(NamedTuple):
    """How many positives and negatives are at or above each threshold, highest first."""

    thresholds: Float[np.ndarray, " points"]
    true_positives: Int[np.ndarray, " points"]
    false_positives: Int[np.ndarray, " points"]


class Curve(NamedTuple):
    """A curve, point by point."""

    x: Float[np.ndarray, " points"]
    y: Float[np.ndarray, " points"]
    thresholds: Float[np.ndarray, " points"]


def counts_by_threshold(truth: Truth, scores: Scores) -> Counts:
    """Count what is at or above each score that occurs."""
    validate(truth, scores)
    if len(scores) == 0:
        nothing = np.zeros(0, np.int64)
        return Counts(np.zeros(0), nothing, nothing)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    positives = np.cumsum(truth[order])[last]
    return Counts(ranked[last].astype(np.float64), positives, last + 1 - positives)


def roc_auc(truth: Truth, scores: Scores) -> float:
    """Return the area under the ROC curve; NaN where only one class is present."""
    counts = counts_by_threshold(truth, scores)
    if not _has_both(truth):
        return np.nan
    hits = np.concatenate([[0], counts.true_positives])
    alarms = np.concatenate([[0], counts.false_positives])
    # Whole numbers up to the last division, so that no rounding is left.
    twice = int(np.sum(np.diff(alarms) * (hits[1:] + hits[:-1])))
    return twice / (2.0 * int(hits[-1]) * int(alarms[-1]))


def average_precision(truth: Truth, scores: Scores) -> float:
    """Return the mean of the precision over the recall; NaN where only one class is present."""
    counts = counts_by_threshold(truth, scores)
    if not _has_both(truth):
        return np.nan
    precision = counts.true_positives / (counts.true_positives + counts.false_positives)
    steps = np.diff(counts.true_positives, prepend=0) / counts.true_positives[-1]
    return float(np.sum(steps * precision))


def log_loss(truth: Truth, probabilities: Scores) -> float:
    """Return the mean of minus the logarithm of the probability of what is true."""
    validate(truth, probabilities)
    if not _has_both(truth):
        return np.nan
    right = np.where(truth, probabilities, 1.0 - probabilities.astype(np.float64))
    least = np.finfo(np.float64).eps
    return float(-np.log(np.clip(right, least, 1.0 - least)).mean())


def class_log_loss(
    labels: Int[np.ndarray, " clips"], probabilities: Float[np.ndarray, "clips classes"]
) -> float:
    """Return the log-loss of one class a clip; rows of probabilities add to 1."""
    if len(labels) == 0:
        return np.nan
    right = probabilities.astype(np.float64)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, np.finfo(np.float64).eps)).mean())


def roc_curve(truth: Truth, scores: Scores, most_points: int = 400) -> Curve:
    """Return false positive rate and true positive rate, from (0, 0) on, for drawing."""
    counts = counts_by_threshold(truth, scores)
    if not _has_both(truth):
        return Curve(np.zeros(0), np.zeros(0), np.zeros(0))
    hits = np.concatenate([[0], counts.true_positives / counts.true_positives[-1]])
    alarms = np.concatenate([[0], counts.false_positives / counts.false_positives[-1]])
    return _thinned(Curve(alarms, hits, np.concatenate([[np.inf], counts.thresholds])), most_points)


def precision_recall_curve(truth: Truth, scores: Scores, most_points: int = 400) -> Curve:
    """Return recall and precision, from the highest threshold on, for drawing."""
    counts = counts_by_threshold(truth, scores)
    if not _has_both(truth):
        return Curve(np.zeros(0), np.zeros(0), np.zeros(0))
    precision = counts.true_positives / (counts.true_positives + counts.false_positives)
    recall = counts.true_positives / counts.true_positives[-1]
    return _thinned(Curve(recall, precision, counts.thresholds), most_points)


def validate(truth: np.ndarray, scores: np.ndarray) -> None:
    """Refuse labels and scores that do not belong together."""
    if truth.dtype != bool or truth.ndim != 1 or truth.shape != scores.shape:
        raise ValueError(
            f"truth must be one bool a score, got {truth.dtype} {truth.shape} for {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")


def _has_both(truth: np.ndarray) -> bool:
    return bool(truth.any()) and not truth.all()


def _thinned(curve: Curve, most_points: int) -> Curve:
    """Keep points that are evenly spread along the curve, and both ends."""
    if len(curve.x) <= most_points:
        return curve
    length = np.cumsum(np.hypot(np.diff(curve.x, prepend=0), np.diff(curve.y, prepend=0)))
    wanted = np.linspace(length[0], length[-1], most_points)
    kept = np.unique(np.clip(np.searchsorted(length, wanted), 0, len(length) - 1))
    kept = np.union1d(kept, [0, len(length) - 1])
    return Curve(*(values[kept] for values in curve))
