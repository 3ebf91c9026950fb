"""Score a tagger on the batches of a validation split, to choose the best state."""

from collections.abc import Callable, Iterable

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from temporal_foley.evaluation.curves import average_precision, log_loss, roc_auc
from temporal_foley.training.step import HostBatch, TrainState

SCORE = "score"
"""The score by which a state is chosen: the mean of macro ROC-AUC, any-effect ROC-AUC and macro
average precision."""


def make_evaluate(
    judge: Callable[..., Array], batches: Callable[[], Iterable[HostBatch]]
) -> Callable[[TrainState], dict[str, float]]:
    """Build the function that scores a state on the frames of all batches.

    Args:
        judge: From `tagging.make_judge`.
        batches: Returns the batches, the same ones each time.
    """

    def evaluate(state: TrainState) -> dict[str, float]:
        params = state.params if state.ema is None else state.ema
        logits, labels, known = [], [], []
        for batch in batches():
            out = np.asarray(jax.device_get(judge(params, state.statistics, batch)))
            mask = batch["mask"]
            logits.append(out[mask])
            labels.append(batch["labels"][mask] > 0)
            known.append(batch["known"][mask])
        return judge_clip_frames(
            np.concatenate(logits), np.concatenate(labels), np.concatenate(known)
        )

    return evaluate


def judge_clip_frames(
    logits: Float[np.ndarray, "frames outputs"],
    labels: Bool[np.ndarray, "frames effects"],
    known: Bool[np.ndarray, "frames effects"],
) -> dict[str, float]:
    """Return the scores of frames.

    Effects that are never or always present are left out of the means; without any effect left,
    the score is NaN.
    """
    effects = labels.shape[1]
    wide = logits.astype(np.float64)
    if logits.shape[1] == effects + 1:
        odds = np.exp(wide - wide.max(axis=1, keepdims=True))
        probability = (odds / odds.sum(axis=1, keepdims=True))[:, :effects]
    else:
        probability = 1.0 / (1.0 + np.exp(-np.clip(wide, -60.0, 60.0)))
    cells = [(labels[known[:, k], k], probability[known[:, k], k]) for k in range(effects)]
    aucs = np.array([roc_auc(truth, scores) for truth, scores in cells])
    precisions = np.array([average_precision(truth, scores) for truth, scores in cells])
    is_any = np.any(labels & known, axis=1)
    is_sure = np.asarray(is_any | np.all(known, axis=1))
    any_auc = roc_auc(is_any[is_sure], probability[is_sure].max(axis=1))
    defined = ~np.isnan(aucs)
    if not defined.any():
        return {SCORE: np.nan, "effects": 0.0}
    macro, precision = float(np.mean(aucs[defined])), float(np.mean(precisions[defined]))
    return {
        SCORE: float(np.nanmean([macro, any_auc, precision])),
        "macro_roc_auc": macro,
        "macro_average_precision": precision,
        "any_effect_roc_auc": float(np.nan_to_num(any_auc, nan=0.5)),
        "log_loss": float(np.mean([log_loss(*cells[k]) for k in np.flatnonzero(defined)])),
        "effects": float(defined.sum()),
    }
