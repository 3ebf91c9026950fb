"""A tagger and the batches of a validation split in, the numbers that choose a state out."""

from collections.abc import Callable, Iterable

import jax
import numpy as np
from jaxtyping import Array

from temporal_foley.evaluation.curves import average_precision, log_loss, roc_auc
from temporal_foley.training.step import Batch, Params, Statistics, TrainState

SCORE = "score"
"""What a state is chosen by: the mean of what tells effects apart and what tells them from
nothing, (macro ROC-AUC + any-effect ROC-AUC + macro average precision) / 3."""


def make_evaluate(
    judge: Callable[[Params, Statistics, Batch], Array], batches: Callable[[], Iterable[Batch]]
) -> Callable[[TrainState], dict[str, float]]:
    """Build the function from a state to its numbers on the frames of all batches.

    Args:
        judge: from `tagging.make_judge`.
        batches: gives the batches, the same ones each time.
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
        return judge_frames(np.concatenate(logits), np.concatenate(labels), np.concatenate(known))

    return evaluate


def judge_frames(logits: np.ndarray, labels: np.ndarray, known: np.ndarray) -> dict[str, float]:
    """Return the numbers for frames: logits (frames, outputs), labels and what is known of them.

    Effects that are never, or always, there are left out of the means.
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
    macro, precision = float(np.mean(aucs[defined])), float(np.mean(precisions[defined]))
    return {
        SCORE: float(np.nanmean([macro, any_auc, precision])),
        "macro_roc_auc": macro,
        "macro_average_precision": precision,
        "any_effect_roc_auc": float(np.nan_to_num(any_auc, nan=0.5)),
        "log_loss": float(np.mean([log_loss(*cells[k]) for k in np.flatnonzero(defined)])),
        "effects": float(defined.sum()),
    }
