"""What the audio network's own tags say of each effect, as log odds: a prior that training mends.

What `class_prior` is to pictures, this is to sound: the tag layer behind the embeddings was trained
on two million clips of 527 classes, a head on some hundreds of recordings. Where a sound is like
none that the head was trained on, the tag layer still knows speech for speech.
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
from temporal_foley.models.tagging.fusion import Rows, Statistic

FARTHEST = 3.0
"""Log odds beyond which a tag is not believed."""
_LEAST = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class TagPriorConfig:
    """The tag layer of an audio network."""

    hidden: int = 512
    classes: int = 527
    gain: float = 0.5
    """How much the prior counts to begin with; learnt for each effect."""
    centre: float = -3.0
    """Log odds of a tag that speak neither for nor against an effect; learnt for each effect."""

    def __post_init__(self) -> None:
        for name in ("hidden", "classes"):
            if getattr(self, name) < 1:
                raise ValueError(f"tag_prior.{name} must be at least 1, got {getattr(self, name)}")


class TagPrior(nnx.Module):
    """Embeddings of sound in, log odds of effects out; 0 for effects that no tag names."""

    def __init__(self, features: int, effects: int, config: TagPriorConfig):
        self.hidden_kernel = Statistic(jnp.zeros((features, config.hidden)))
        self.hidden_bias = Statistic(jnp.zeros(config.hidden))
        self.readout_kernel = Statistic(jnp.zeros((config.hidden, config.classes)))
        self.readout_bias = Statistic(jnp.zeros(config.classes))
        self.names = Statistic(jnp.zeros((config.classes, effects)))
        self.gain = nnx.Param(jnp.full(effects, config.gain))
        self.centre = nnx.Param(jnp.full(effects, config.centre))

    def __call__(self, audio: Rows) -> Float[Array, "batch frames effects"]:
        dtype = audio.dtype
        hidden = jax.nn.hard_swish(
            audio @ self.hidden_kernel[...].astype(dtype) + self.hidden_bias[...].astype(dtype)
        )
        tags = hidden @ self.readout_kernel[...].astype(dtype)
        # No tag of an effect, where each is there or not by itself.
        none = jax.nn.log_sigmoid(-(tags.astype(jnp.float32) + self.readout_bias[...]))
        none = jnp.clip(none @ self.names[...], jnp.log(_LEAST), jnp.log1p(-_LEAST))
        heard = jnp.log(-jnp.expm1(none)) - none
        told = jnp.clip(heard - self.centre[...], -FARTHEST, FARTHEST)
        return self.gain[...] * jnp.where(self.names[...].sum(axis=0) > 0, told, 0.0)


def tag_prior_statistics(
    audioset: Sequence[Sequence[str]],
) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the numbers of a `TagPrior`.

    Args:
        audioset: the display names of AudioSet's classes that name each effect.
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
