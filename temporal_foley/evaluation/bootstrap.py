"""Estimate confidence intervals by drawing whole sources with replacement.

The frames of one video are not independent trials, so sources are resampled (Efron, Tibshirani,
"An Introduction to the Bootstrap", 1993: percentile interval of clusters). All effects share the
draws, so that macro averages can be resampled too.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, Int

from temporal_foley.evaluation.curves import Scores, Truth

DRAWS = 1000
LEVEL = 0.95
_BINS = 1024

Interval = tuple[float, float]
UNDEFINED: Interval = (np.nan, np.nan)


def source_numbers(sources: Sequence[str]) -> Int[np.ndarray, " items"]:
    """Number the sources of items from 0."""
    return np.unique(np.asarray(sources, dtype=object).astype(str), return_inverse=True)[1]


def draw_sources(
    sources: int, random: np.random.Generator, draws: int = DRAWS
) -> Float32[np.ndarray, "draws sources"]:
    """Return how often each source occurs in each draw of as many sources as there are."""
    drawn = random.integers(0, sources, (draws, sources))
    flat = drawn + np.arange(draws)[:, None] * sources
    return (
        np.bincount(flat.ravel(), minlength=draws * sources)
        .reshape(draws, sources)
        .astype(np.float32)
    )


def drawn_roc_auc(
    truth: Truth,
    scores: Scores,
    source: Int[np.ndarray, " cells"],
    times: Float32[np.ndarray, "draws sources"],
) -> Float[np.ndarray, " draws"]:
    """Return the area under the ROC curve of each draw; NaN where it is undefined.

    Exact up to a thousand different scores; more are ranked in a thousand steps, which changes an
    area by less than a thousandth.
    """
    if not truth.any() or truth.all():
        return np.full(len(times), np.nan)
    step = _steps(truth, scores)
    positives = _drawn_counts(step[truth], source[truth], times)
    negatives = _drawn_counts(step[~truth], source[~truth], times)
    below = np.cumsum(negatives, axis=1) - negatives
    won = np.sum(positives * (below + 0.5 * negatives), axis=1)
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return np.where(pairs > 0, won / np.maximum(pairs, 1.0), np.nan)


def interval(drawn: Float[np.ndarray, " draws"], level: float = LEVEL) -> Interval:
    """Return the central range of the draws; undefined where most draws are."""
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < 0.5 * len(drawn) or len(defined) == 0:
        return UNDEFINED
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _steps(truth: Truth, scores: Scores) -> Int[np.ndarray, " cells"]:
    """Rank scores in a limited number of steps, fine near positives and near negatives."""
    known = np.unique(scores)
    if len(known) > _BINS:
        shares = np.linspace(0.0, 1.0, _BINS // 2)
        known = np.unique(
            np.concatenate(
                [np.quantile(scores[side], shares, method="lower") for side in (truth, ~truth)]
            )
        )
    return np.searchsorted(known, scores, side="right")


def _drawn_counts(
    step: Int[np.ndarray, " cells"],
    source: Int[np.ndarray, " cells"],
    times: Float32[np.ndarray, "draws sources"],
) -> Float[np.ndarray, "draws steps"]:
    steps = _BINS + 2
    present, row = np.unique(source, return_inverse=True)
    counts = np.bincount(row * steps + step, minlength=len(present) * steps)
    table = counts.reshape(len(present), steps).astype(np.float32)
    return (times[:, present] @ table).astype(np.float64)
