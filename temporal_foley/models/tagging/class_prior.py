"""Add the backbone's own ImageNet classifier to a tagger as log odds of each effect.

The classifier was trained on over a million images of a thousand classes, a head on some thousands
of twenty. For images unlike those of the head's training, the classifier is still right. So a
tagger may add the log odds of the ImageNet map to its logits (the same map, by the same rules of
the vocabulary, as `imagenet_detector`) and learn to correct them.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from temporal_foley.models.tagging.fusion import Statistic

PRIOR_ODDS = 0.02
"""Prior odds of an effect in a frame of an ordinary video."""
TEMPERATURE = 0.5
"""Logits are divided by it, since the classifier is underconfident."""
FARTHEST = 6.0
"""Limit of the log odds."""
_LEAST = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class PriorConfig:
    """Shape of the prior of a backbone's classifier."""

    classes: int = 1000
    gain: float = 1.0
    """Initial weight of the prior; learnt for each effect."""
    absent: float = 0.0
    """Log odds of an effect without a class: as of one whose classes are not in view."""
    least: float = -FARTHEST
    """Lowest log odds: that a class is not in view says little of what looks otherwise."""
    most: float = FARTHEST
    """Highest log odds."""

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"prior.classes must be at least 2, got {self.classes}")
        if not self.least < self.most:
            raise ValueError(f"prior.least must be below prior.most, got {self.least}")


class ClassPrior(nnx.Module):
    """Return the log odds of effects from image features."""

    def __init__(self, features: int, effects: int, config: PriorConfig):
        self.absent, self.least, self.most = config.absent, config.least, config.most
        self.kernel = Statistic(jnp.zeros((features, config.classes)))
        self.bias = Statistic(jnp.zeros(config.classes))
        self.shows = Statistic(jnp.zeros((config.classes, effects)))
        self.gain = nnx.Param(jnp.full(effects, config.gain))

    def __call__(
        self, visual: Float[Array, "batch frames features"]
    ) -> Float[Array, "batch frames effects"]:
        shows = self.shows[...]
        shares = jax.nn.softmax(self.logits(visual) / TEMPERATURE, axis=-1)
        after = jnp.clip(shares @ shows, _LEAST, 1.0 - _LEAST)
        before = jnp.clip(shows.mean(axis=0), _LEAST, 1.0 - _LEAST)
        evidence = _log_odds(after) - _log_odds(before) + jnp.log(PRIOR_ODDS)
        limited = jnp.clip(evidence, self.least, self.most)
        return self.gain[...] * jnp.where(shows.sum(axis=0) > 0, limited, self.absent)

    def logits(
        self, visual: Float[Array, "batch frames features"]
    ) -> Float[Array, "batch frames classes"]:
        """Return the logits of the backbone's classes."""
        kernel = self.kernel[...].astype(visual.dtype)
        return (visual @ kernel).astype(jnp.float32) + self.bias[...]

    def roots(
        self, visual: Float[Array, "batch frames features"]
    ) -> Float[Array, "batch frames classes"]:
        """Return the square roots of the classes' shares, of which small ones differ too."""
        return class_roots(self.logits(visual))


def class_roots(logits: Float[Array, "*rows classes"]) -> Float[Array, "*rows classes"]:
    """Return the square roots of the shares that a classifier gives its classes."""
    return jnp.exp(0.5 * jax.nn.log_softmax(logits, axis=-1))


def _log_odds(share: Array) -> Array:
    return jnp.log(share) - jnp.log1p(-share)


def prior_statistics(
    params: dict, shows: Float[np.ndarray, "classes effects"]
) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the numbers of a `ClassPrior` for a backbone.

    Args:
        params: Of the backbone's network; its classifier is `readout`.
        shows: Weight of each class for each effect (`imagenet_classes.class_weights`).
    """
    readout = params["readout"]
    return {
        "kernel": np.asarray(readout["kernel"], np.float32),
        "bias": np.asarray(readout["bias"], np.float32),
        "shows": np.asarray(shows, np.float32),
    }
