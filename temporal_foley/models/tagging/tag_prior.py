"""Add the audio network's own AudioSet tags to a tagger as log odds of each effect.

The counterpart of `class_prior` for sound: the tag layer after the embeddings was trained on two
million clips of 527 classes, a head on some hundreds of recordings. For sounds unlike those of the
head's training, the tag layer is still right.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from temporal_foley.models.audio.audioset import audioset_classes, class_places
from temporal_foley.models.audio.tag_layer import tag_layers
from temporal_foley.models.tagging.fusion import Statistic

FARTHEST = 3.0
"""Limit of the log odds."""
_LEAST = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class TagPriorConfig:
    """Shape of the prior of an audio network's tag layer."""

    hidden: int = 512
    classes: int = 527
    gain: float = 0.5
    """Initial weight of the prior; learnt for each effect."""
    centre: float = -3.0
    """Neutral log odds of a tag; learnt for each effect."""
    absent: float = 0.0
    """Log odds of a clip without sound."""
    alone: tuple[float, float] | None = None
    """Gain and bias of the log odds that sound alone gives, at most 0, for effects that are audible
    and not visible; None: it only adds to the picture."""

    def __post_init__(self) -> None:
        for name in ("hidden", "classes"):
            if getattr(self, name) < 1:
                raise ValueError(f"tag_prior.{name} must be at least 1, got {getattr(self, name)}")


class TagPrior(nnx.Module):
    """Return the log odds of effects from audio features; 0 for effects without a tag."""

    def __init__(self, features: int, effects: int, config: TagPriorConfig):
        self.settings = config
        self.hidden_kernel = Statistic(jnp.zeros((features, config.hidden)))
        self.hidden_bias = Statistic(jnp.zeros(config.hidden))
        self.readout_kernel = Statistic(jnp.zeros((config.hidden, config.classes)))
        self.readout_bias = Statistic(jnp.zeros(config.classes))
        self.names = Statistic(jnp.zeros((config.classes, effects)))
        self.gain = nnx.Param(jnp.full(effects, config.gain))
        self.centre = nnx.Param(jnp.full(effects, config.centre))

    def __call__(
        self, audio: Float[Array, "batch frames features"]
    ) -> Float[Array, "batch frames effects"]:
        limited = jnp.clip(self.log_odds(audio) - self.centre[...], -FARTHEST, FARTHEST)
        return self.gain[...] * jnp.where(self.names[...].sum(axis=0) > 0, limited, 0.0)

    def alone(
        self, audio: Float[Array, "batch frames features"]
    ) -> Float[Array, "batch frames effects"]:
        """Return the log odds of audible effects, whether visible or not."""
        if self.settings.alone is None:
            raise ValueError("tag_prior.alone must be set")
        gain, bias = self.settings.alone
        # Limited, for single frames of loud impulses saturate the tags.
        return jnp.minimum(gain * self.log_odds(audio) + bias, 0.0)

    def log_odds(
        self, audio: Float[Array, "batch frames features"]
    ) -> Float[Array, "batch frames effects"]:
        """Return the log odds that any of the tags of each effect is present."""
        dtype = audio.dtype
        hidden = jax.nn.hard_swish(
            audio @ self.hidden_kernel[...].astype(dtype) + self.hidden_bias[...].astype(dtype)
        )
        tags = hidden @ self.readout_kernel[...].astype(dtype)
        # Probability that no tag of an effect is present, tags being independent.
        none = jax.nn.log_sigmoid(-(tags.astype(jnp.float32) + self.readout_bias[...]))
        none = jnp.clip(none @ self.names[...], jnp.log(_LEAST), jnp.log1p(-_LEAST))
        return jnp.log(-jnp.expm1(none)) - none


def tag_prior_statistics(
    audioset: Sequence[Sequence[str]],
) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the numbers of a `TagPrior`.

    Args:
        audioset: Display names of the AudioSet classes of each effect.
    """
    layers = tag_layers()
    names = np.zeros((len(audioset_classes()), len(audioset)), np.float32)
    for effect, classes in enumerate(audioset):
        names[class_places(classes), effect] = 1.0
    return {
        "hidden_kernel": layers["hidden.kernel"],
        "hidden_bias": layers["hidden.bias"],
        "readout_kernel": layers["readout.kernel"],
        "readout_bias": layers["readout.bias"],
        "names": names,
    }
