"""Fit a linear classifier for a new effect to a few examples and a background.

This is Fisher's linear discriminant between examples and background, with a ridge. With one to
eight examples a strong ridge is best, which makes it almost a plain prototype (Snell, Swersky and
Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017). Logits are in standard
deviations of the background, so that one calibration applies to all effects.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.models.tagging.background import Background
from temporal_foley.models.tagging.taught import TaughtEffects

RIDGE = 10.0
"""In variances of a standardised feature."""
NEGATIVE_SHARE = 0.5
"""Weight of the negatives relative to the examples."""

Rows = Float[np.ndarray, "_ visual_features"]


def fit_effect(
    examples: Sequence[Rows], background: Background, negatives: Sequence[Rows] = ()
) -> TaughtEffects:
    """Fit one effect.

    Args:
        examples: The frames of each example: one for a picture, more for a clip. Each example
            counts once, however many frames it has.
        background: Features of ordinary pictures without the effect.
        negatives: Examples of similar things that are not the effect.
    """
    if not examples:
        raise ValueError("examples must hold at least one")
    bank = background.rows
    towards = _mean(examples, background)
    if negatives:
        towards = towards - NEGATIVE_SHARE * _mean(negatives, background)
    direction = _through_ridge(bank, towards)
    spread = bank @ direction
    direction = direction / max(float(spread.std()), 1e-6)
    deviation, mean = (
        np.asarray(part, np.float32) for part in (background.deviation, background.mean)
    )
    # As stored in the file; the bias is computed with the rounded values.
    kernel = (direction / deviation).astype(np.float16)
    rounded = kernel.astype(np.float32)
    bias = -float(rounded @ mean) - float((bank @ (rounded * deviation)).mean())
    return TaughtEffects(kernel=kernel[:, None], bias=np.array([bias], np.float16))


def _mean(examples: Sequence[Rows], background: Background) -> Float[np.ndarray, " features"]:
    return np.mean([background.standardise(rows).mean(axis=0) for rows in examples], axis=0)


def _through_ridge(
    bank: Float[np.ndarray, "pictures features"], towards: Float[np.ndarray, " features"]
) -> Float[np.ndarray, " features"]:
    """Return `(bank' bank / n + RIDGE)^-1 towards`, by Woodbury's identity: n is the smaller."""
    pictures = len(bank)
    inner = bank @ bank.T / pictures
    inner[np.diag_indices(pictures)] += RIDGE
    return (towards - bank.T @ np.linalg.solve(inner, bank @ towards) / pictures) / RIDGE
