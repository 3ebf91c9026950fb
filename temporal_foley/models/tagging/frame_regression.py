"""Judge single frames by a logistic regression on image features: the plain base of a tagger.

It may also read the square roots of the shares that the backbone's own classifier gives its
classes: what is named clearly then counts for or against an effect whatever else is in view.

One class for each effect and one for nothing, fitted to labelled frames before a training begins
(`data_pipeline/train/fit_regression.py`) and not trained further. It is hard to beat where there
are few labelled videos, so a tagger adds its log odds and learns to correct them.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from temporal_foley.models.tagging.fusion import Statistic

FARTHEST = 9.0
"""Limit of the log odds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressionConfig:
    """How a regression on single frames is fitted and used."""

    gain: float = 1.0
    """Weight of its log odds."""
    absent: float = -6.0
    """Log odds of a clip without pictures."""
    strength: float = 0.003
    """Inverse of the L2 penalty on standardised features, for examples weighted as below."""
    nothing_weight: float = 2500.0
    """Total weight of the frames without any effect; each effect's frames have 200 together."""
    roots: bool = False
    """Whether it reads the square roots of the classes' shares beside the image features."""

    def __post_init__(self) -> None:
        for name in ("gain", "strength", "nothing_weight"):
            if getattr(self, name) <= 0:
                raise ValueError(f"regression.{name} must be above 0, got {getattr(self, name)}")


class FrameRegression(nnx.Module):
    """Return the log odds of each effect in each frame."""

    def __init__(self, features: int, effects: int, config: RegressionConfig, classes: int = 0):
        self.gain = config.gain
        rows = features + (classes if config.roots else 0)
        self.kernel = Statistic(jnp.zeros((rows, effects + 1)))
        self.bias = Statistic(jnp.zeros(effects + 1))

    def __call__(
        self,
        visual: Float[Array, "batch frames features"],
        roots: Float[Array, "batch frames classes"] | None = None,
    ) -> Float[Array, "batch frames effects"]:
        """Return log odds from image features and, if it was made for them, from `roots`."""
        # In single precision: sums of a thousand features are differences of large numbers.
        rows = visual.astype(jnp.float32)
        if roots is not None:
            rows = jnp.concatenate([rows, roots], axis=-1)
        logits = rows @ self.kernel[...] + self.bias[...]
        classes = logits.shape[-1]
        others = jnp.where(jnp.eye(classes, dtype=bool), -jnp.inf, logits[..., None, :])
        log_odds = (logits - jax.nn.logsumexp(others, axis=-1))[..., :-1]
        # Beyond the limit gradients still show where in the picture the effect is.
        beyond = jnp.clip(log_odds, -FARTHEST, FARTHEST) - log_odds
        return self.gain * (log_odds + jax.lax.stop_gradient(beyond))
