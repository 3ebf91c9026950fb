"""Calibrate logits on validation clips: fit a slope and a bias per effect.

Platt, "Probabilistic outputs for support vector machines" (1999): the slope and bias of highest
likelihood. One pair is fitted to all effects together; that of each effect has a prior around it,
since its own frames are few. Where an effect is in a few clips only, the common pair alone judges
other clips better: `fit_common_line`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import optimize

from temporal_foley.evaluation.scored_clip import ScoredClip

SLOPE_DEPARTURE = 0.3
"""Standard deviation of the logarithm of an effect's slope around the common one."""
BIAS_DEPARTURE = 1.5
FRAMES_OF_A_CLIP = 8
"""For the common line of few clips: a longer one counts no more, for its frames are alike."""

Logits = Sequence[Float[np.ndarray, "_ effects"]]


class CalibrationLine(NamedTuple):
    """The calibrated logit is `slope * logit + bias`."""

    slope: float
    bias: float


def fit_lines(clips: Sequence[ScoredClip], logits: Logits) -> list[CalibrationLine]:
    """Fit a line for each effect; one without positives or negatives gets the common one."""
    truth = np.concatenate([clip.truth for clip in clips])
    known = np.concatenate([clip.known for clip in clips])
    values = np.concatenate([np.asarray(rows, np.float64) for rows in logits])
    common = _fit(values[known], truth[known], None)
    lines = []
    for effect in range(truth.shape[1]):
        rows = known[:, effect]
        own = truth[rows, effect]
        if not own.any() or own.all():
            lines.append(common)
        else:
            lines.append(_fit(values[rows, effect], own, common))
    return lines


def fit_common_line(clips: Sequence[ScoredClip], logits: Logits) -> CalibrationLine:
    """Fit one line for all effects, in which a clip counts as at most `FRAMES_OF_A_CLIP` frames."""
    truth = np.concatenate([clip.truth for clip in clips])
    known = np.concatenate([clip.known for clip in clips])
    values = np.concatenate([np.asarray(rows, np.float64) for rows in logits])
    each = np.concatenate(
        [np.full(rows.shape, min(1.0, FRAMES_OF_A_CLIP / max(len(rows), 1))) for rows in logits]
    )
    return _fit(values[known], truth[known], None, each[known])


def _fit(
    values: np.ndarray,
    truth: np.ndarray,
    prior: CalibrationLine | None,
    weights: np.ndarray | float = 1.0,
) -> CalibrationLine:
    if not truth.any() or truth.all():
        return prior or CalibrationLine(1.0, 0.0)
    sign = np.where(truth, -1.0, 1.0)
    centre = np.array([0.0, 0.0] if prior is None else [np.log(prior.slope), prior.bias])
    spread = np.array([SLOPE_DEPARTURE, BIAS_DEPARTURE])
    # The common line has a wide prior around no change.
    spread = spread * (10.0 if prior is None else 1.0)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        slope = np.exp(line[0])
        wrong = sign * (slope * values + line[1])
        pull = weights * sign * 0.5 * (1.0 + np.tanh(0.5 * wrong))
        away = (line - centre) / spread
        gradient = np.array([np.sum(pull * values) * slope, np.sum(pull)]) + away / spread
        lost = np.sum(weights * np.logaddexp(0.0, wrong))
        return float(lost + 0.5 * np.sum(away**2)), gradient

    bounds = [(np.log(0.05), np.log(20.0)), (-20.0, 20.0)]
    found = optimize.minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds)
    return CalibrationLine(float(np.exp(found.x[0])), float(found.x[1]))
