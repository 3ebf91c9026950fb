"""What the backbone's own classifier says of each effect, as log odds: a prior that training mends.

The classifier was trained on over a million pictures of a thousand things, a head on some thousands
of twenty. Where a picture is like none that the head was trained on, the classifier still knows a
cello for a cello. So a tagger may add to its logits what the ImageNet map says (the same map, by
the same rules of the vocabulary, as `imagenet_detector`), and learn what has to be mended in it.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from temporal_foley.models.tagging.fusion import Rows, Statistic

PRIOR_ODDS = 0.02
"""Of an effect in a frame of an ordinary video, before looking."""
TEMPERATURE = 0.5
"""Logits are divided by it: the classifier is less sure of itself than it could be."""
FARTHEST = 6.0
"""Log odds beyond which the classifier is not believed."""
_LEAST = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class PriorConfig:
    """The classifier of a backbone."""

    classes: int = 1000
    gain: float = 1.0
    """How much the prior counts to begin with; learnt for each effect."""

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"prior.classes must be at least 2, got {self.classes}")


class ClassPrior(nnx.Module):
    """Pictures' features in, log odds of effects out; 0 for effects that no class shows."""

    def __init__(self, features: int, effects: int, config: PriorConfig):
        self.kernel = Statistic(jnp.zeros((features, config.classes)))
        self.bias = Statistic(jnp.zeros(config.classes))
        self.shows = Statistic(jnp.zeros((config.classes, effects)))
        self.gain = nnx.Param(jnp.full(effects, config.gain))

    def __call__(self, visual: Rows) -> Float[Array, "batch frames effects"]:
        dtype = visual.dtype
        logits = (visual @ self.kernel[...].astype(dtype)).astype(jnp.float32) + self.bias[...]
        shows = self.shows[...]
        after = jnp.clip(
            jax.nn.softmax(logits / TEMPERATURE, axis=-1) @ shows, _LEAST, 1.0 - _LEAST
        )
        before = jnp.clip(shows.mean(axis=0), _LEAST, 1.0 - _LEAST)
        evidence = _log_odds(after) - _log_odds(before) + jnp.log(PRIOR_ODDS)
        told = jnp.clip(evidence, -FARTHEST, FARTHEST)
        return self.gain[...] * jnp.where(shows.sum(axis=0) > 0, told, 0.0)


def _log_odds(share: Array) -> Array:
    return jnp.log(share) - jnp.log1p(-share)


def prior_statistics(
    params: dict, shows: Float[np.ndarray, "classes effects"]
) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the numbers of a `ClassPrior` for a backbone.

    Args:
        params: of the backbone's network; its classifier is `readout`.
        shows: how much each class shows each effect (`imagenet_classes.class_weights`).
    """
    readout = params["readout"]
    return {
        "kernel": np.asarray(readout["kernel"], np.float32),
        "bias": np.asarray(readout["bias"], np.float32),
        "shows": np.asarray(shows, np.float32),
    }
