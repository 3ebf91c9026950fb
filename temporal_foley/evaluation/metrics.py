"""Score how well each effect is separated from its absence, by frame and by clip.

Per effect: area under the ROC (the headline), average precision, log-loss and calibration error,
with the number of positives, negatives and sources. Macro averages run over the effects that are
defined and include their number; micro pools all cells. "Any effect" scores whether a frame has an
effect at all, by 1 - product(1 - p) and by the largest p. Intervals are by source. `evaluate`
returns all of it as a tree of plain numbers.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from temporal_foley.evaluation import bootstrap
from temporal_foley.evaluation.calibration import expected_calibration_error
from temporal_foley.evaluation.curves import average_precision, log_loss, roc_auc
from temporal_foley.evaluation.scored_clip import ScoredClip, validate

METRICS = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "calibration_error": expected_calibration_error,
}


class Cells(NamedTuple):
    """Truth and probabilities in rows: one per frame, or one per clip."""

    truth: Bool[np.ndarray, "rows effects"]
    known: Bool[np.ndarray, "rows effects"]
    probabilities: Float[np.ndarray, "rows effects"]
    source: Int[np.ndarray, " rows"]

    def column(self, effect: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return truth, probabilities and sources of the labelled rows of an effect."""
        known = self.known[:, effect]
        return (
            self.truth[known, effect],
            self.probabilities[known, effect],
            self.source[known],
        )


def frame_cells(clips: Sequence[ScoredClip]) -> Cells:
    """Return a row per frame."""
    numbers = bootstrap.source_numbers([clip.source for clip in clips])
    return Cells(
        truth=np.concatenate([clip.truth for clip in clips]),
        known=np.concatenate([clip.known for clip in clips]),
        probabilities=np.concatenate([clip.probabilities for clip in clips]),
        source=np.repeat(numbers, [clip.grid.frames for clip in clips]),
    )


def clip_cells(clips: Sequence[ScoredClip]) -> Cells:
    """Return a row per clip, with the largest probability of its frames."""
    return Cells(
        truth=np.stack([clip.clip_truth & clip.is_clip_known for clip in clips]),
        known=np.stack([clip.is_clip_known for clip in clips]),
        probabilities=np.stack([clip.probabilities.max(axis=0) for clip in clips]),
        source=bootstrap.source_numbers([clip.source for clip in clips]),
    )


def any_effect(cells: Cells) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return truth, scores and sources of "any effect", both ways.

    A row counts as negative only if every effect is labelled as absent.
    """
    anything = np.asarray(cells.truth.any(axis=1))
    known = anything | np.asarray(cells.known.all(axis=1))
    chances = cells.probabilities[known].astype(np.float64)
    # log1p of -1 warns; a probability of 1 is as good as one just below.
    silent = np.exp(np.log1p(-np.minimum(chances, 1.0 - 1e-16)).sum(axis=1))
    return {
        "one_minus_product": (anything[known], 1.0 - silent, cells.source[known]),
        "max": (anything[known], chances.max(axis=1), cells.source[known]),
    }


def evaluate(
    clips: Sequence[ScoredClip],
    effects: Sequence[str],
    *,
    seed: int = 0,
    draws: int = bootstrap.DRAWS,
) -> dict[str, Any]:
    """Score clips by frame and by clip; undefined numbers are NaN."""
    validate(clips, effects)
    times = bootstrap.draw_sources(
        len({clip.source for clip in clips}), np.random.default_rng(seed), draws
    )
    return {
        level: {
            **judge_cells(cells, effects, times),
            "any_effect": {
                way: {**_binary(truth, scores), **_with_interval(truth, scores, source, times)}
                for way, (truth, scores, source) in any_effect(cells).items()
            },
        }
        for level, cells in (("frames", frame_cells(clips)), ("clips", clip_cells(clips)))
    }


def judge_cells(
    cells: Cells, effects: Sequence[str], times: Float[np.ndarray, "draws sources"]
) -> dict[str, Any]:
    """Score each effect, their average, and all cells together."""
    table: dict[str, dict[str, Any]] = {}
    drawn: list[np.ndarray] = []
    for number, name in enumerate(effects):
        truth, scores, source = cells.column(number)
        replicates = bootstrap.drawn_roc_auc(truth, scores, source, times)
        drawn.append(replicates)
        table[name] = {
            **_binary(truth, scores),
            "positive_sources": len(np.unique(source[truth])),
            "roc_auc_interval": _interval(truth, source, replicates),
        }
    defined = [name for name in effects if np.isfinite(table[name]["roc_auc"])]
    known = cells.known
    return {
        "effects": table,
        "macro": {
            **{metric: _mean(table[name][metric] for name in defined) for metric in METRICS},
            "defined_effects": len(defined),
            "effects": len(effects),
            "roc_auc_interval": _macro_interval(table, effects, drawn),
        },
        "micro": _binary(cells.truth[known], cells.probabilities[known]),
    }


def _binary(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    numbers = {name: metric(truth, scores) for name, metric in METRICS.items()}
    return {**numbers, "positives": int(truth.sum()), "negatives": int((~truth).sum())}


def _with_interval(
    truth: np.ndarray, scores: np.ndarray, source: np.ndarray, times: np.ndarray
) -> dict[str, Any]:
    replicates = bootstrap.drawn_roc_auc(truth, scores, source, times)
    return {"roc_auc_interval": _interval(truth, source, replicates)}


def _interval(truth: np.ndarray, source: np.ndarray, drawn: np.ndarray) -> bootstrap.Interval:
    """Return the interval; undefined with positives or negatives of one source only."""
    if min(len(np.unique(source[truth])), len(np.unique(source[~truth]))) < 2:
        return bootstrap.UNDEFINED
    return bootstrap.interval(drawn)


def _macro_interval(
    table: dict[str, dict[str, Any]], effects: Sequence[str], drawn: list[np.ndarray]
) -> bootstrap.Interval:
    rows = [
        row for name, row in zip(effects, drawn, strict=True) if np.isfinite(table[name]["roc_auc"])
    ]
    if not rows:
        return bootstrap.UNDEFINED
    stack = np.stack(rows)
    held = np.isfinite(stack)
    total = np.where(held, stack, 0.0).sum(axis=0)
    return bootstrap.interval(
        np.where(held.any(axis=0), total / np.maximum(held.sum(0), 1), np.nan)
    )


def _mean(values: Any) -> float:
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else np.nan
