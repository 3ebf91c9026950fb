"""Count which class is taken for which, and score each class.

Rows are the truth, and the recall of each class is on the diagonal of the row shares. A class that
never occurs has no recall, and one that is never predicted no precision: both are NaN.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.spotting.decision import Decision, most_likely

NOTHING = "nothing"
_UNSURE = -1

Confusion = Int[np.ndarray, "classes classes"]


class ClassScores(NamedTuple):
    """Precision, recall and F1 of each class, and how often it is true."""

    precision: Float[np.ndarray, " classes"]
    recall: Float[np.ndarray, " classes"]
    f1: Float[np.ndarray, " classes"]
    support: Int[np.ndarray, " classes"]


def confusion_matrix(
    reference: Int[np.ndarray, " items"], estimated: Int[np.ndarray, " items"], classes: int
) -> Confusion:
    """Count how often each class was taken for each."""
    reference, estimated = np.asarray(reference), np.asarray(estimated)
    if reference.shape != estimated.shape or reference.ndim != 1:
        raise ValueError(
            f"estimated must be one class an item, got {estimated.shape} for {reference.shape}"
        )
    for name, numbers in (("reference", reference), ("estimated", estimated)):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < classes:
            raise ValueError(f"{name} must be in [0, {classes}), got {numbers.max()}")
    flat = np.bincount(reference * classes + estimated, minlength=classes * classes)
    return flat.reshape(classes, classes)


def row_shares(confusion: Confusion) -> Float[np.ndarray, "classes classes"]:
    """Return the share of each prediction per true class; NaN in rows of absent classes."""
    support = confusion.sum(axis=1, keepdims=True)
    return np.where(support > 0, confusion / np.maximum(support, 1), np.nan)


def accuracy(confusion: Confusion) -> float:
    """Return the share of items that were predicted correctly."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else np.nan


def class_scores(confusion: Confusion) -> ClassScores:
    """Return precision, recall and F1 of each class."""
    right = np.diag(confusion).astype(np.float64)
    support, said = confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return ClassScores(
            precision=np.where(said > 0, right / np.maximum(said, 1), np.nan),
            recall=np.where(support > 0, right / np.maximum(support, 1), np.nan),
            f1=np.where(support > 0, 2.0 * right / np.maximum(support + said, 1), np.nan),
            support=support,
        )


def frame_confusion(clips: Sequence[ScoredClip], decision: Decision) -> Confusion:
    """Count predictions over frames with one effect or none; the last class is "nothing".

    Frames with several effects are skipped. Effects that are not labelled in a frame cannot be its
    prediction.
    """
    effects = len(decision.effects)
    total = np.zeros((effects + 1, effects + 1), np.int64)
    for clip in clips:
        truth = _single_truth(clip)
        said = most_likely(clip.probabilities, decision, among=clip.known)
        told = truth != _UNSURE
        total += confusion_matrix(truth[told], said[told], effects + 1)
    return total


def _single_truth(clip: ScoredClip) -> Int[np.ndarray, " frames"]:
    truth = clip.truth
    count = truth.sum(axis=1)
    is_nothing = (count == 0) & clip.known.all(axis=1)
    return np.where(count == 1, truth.argmax(axis=1), np.where(is_nothing, truth.shape[1], _UNSURE))
