"""Compute ROC and precision-recall curves, the areas under them, and log-loss.

The numbers are scikit-learn's (average precision without interpolation). One rule is added: a
number that the labels leave undefined, such as the area under a ROC of positives alone, is NaN and
never 0 or 1, and its curve has no points.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from sklearn import metrics

Truth = Bool[np.ndarray, " cells"]
Scores = Float[np.ndarray, " cells"]


class Curve(NamedTuple):
    """A curve, point by point."""

    x: Float[np.ndarray, " points"]
    y: Float[np.ndarray, " points"]


def roc_auc(truth: Truth, scores: Scores) -> float:
    """Return the area under the ROC curve."""
    return _or_nan(metrics.roc_auc_score, truth, scores)


def average_precision(truth: Truth, scores: Scores) -> float:
    """Return the mean of the precision over the recall."""
    return _or_nan(metrics.average_precision_score, truth, scores)


def log_loss(truth: Truth, probabilities: Scores) -> float:
    """Return the mean negative logarithm of the probability of the true class."""
    return _or_nan(metrics.log_loss, truth, probabilities.astype(np.float64))


def source_log_loss(truth: Truth, probabilities: Scores) -> float:
    """Return the log-loss where one class may be missing: for comparing sources only."""
    if not len(truth):
        return np.nan
    return float(metrics.log_loss(truth, probabilities.astype(np.float64), labels=[False, True]))


def roc_curve(truth: Truth, scores: Scores, most_points: int = 400) -> Curve:
    """Return false positive rate and true positive rate, from (0, 0) on, for drawing."""
    if not is_defined(truth, scores):
        return Curve(np.zeros(0), np.zeros(0))
    false, true, _ = metrics.roc_curve(truth, scores, drop_intermediate=False)
    return _thinned(Curve(false, true), most_points)


def precision_recall_curve(truth: Truth, scores: Scores, most_points: int = 400) -> Curve:
    """Return recall and precision, from the highest threshold on, for drawing."""
    if not is_defined(truth, scores):
        return Curve(np.zeros(0), np.zeros(0))
    precision, recall, _ = metrics.precision_recall_curve(truth, scores)
    # The last point, (0, 1), belongs to no threshold.
    return _thinned(Curve(recall[-2::-1], precision[-2::-1]), most_points)


def is_defined(truth: Truth, scores: Scores) -> bool:
    """Return whether both classes occur.

    Raises:
        ValueError: Labels and scores do not belong together.
    """
    if truth.dtype != bool or truth.ndim != 1 or truth.shape != scores.shape:
        raise ValueError(
            f"truth must be one bool a score, got {truth.dtype} {truth.shape} for {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return bool(truth.any()) and not truth.all()


def _or_nan(metric: Callable[..., float], truth: Truth, scores: Scores) -> float:
    return float(metric(truth, scores)) if is_defined(truth, scores) else np.nan


def _thinned(curve: Curve, most_points: int) -> Curve:
    """Keep points that are evenly spread along the curve, and both ends."""
    if len(curve.x) <= most_points:
        return curve
    length = np.cumsum(np.hypot(np.diff(curve.x, prepend=0), np.diff(curve.y, prepend=0)))
    wanted = np.linspace(length[0], length[-1], most_points)
    kept = np.unique(np.clip(np.searchsorted(length, wanted), 0, len(length) - 1))
    kept = np.union1d(kept, [0, len(length) - 1])
    return Curve(curve.x[kept], curve.y[kept])
