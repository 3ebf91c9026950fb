"""Put a new fully connected top on an image backbone, as the stills baseline's second model does.

A network trained on ImageNet gets a new last layer for the effects and, last, `other`, with one
softmax over them. First only the top is trained, on features of the frozen network; then all of it.

BatchNorm: the backbones of this project carry the means and variances of ImageNet folded into their
kernels and biases. So normalisation is in inference mode in both phases, as the Keras guide to
transfer learning advises (a base called with `training=False`): small batches cannot spoil the
statistics, and a batch's empty rows change nothing. What BatchNorm would learn, a scale and an
offset, is learnt in the kernel and the bias.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt8

from temporal_foley.models.image.loaded import LoadedNetwork

Logits = Float[Array, "batch classes"]
Classes = Int[Array | np.ndarray, " batch"]
IsReal = Bool[Array | np.ndarray, " batch"]
Params = PyTree[Array | np.ndarray]


class PictureClassifier(nnx.Module):
    """A backbone's network and a fully connected top."""

    def __init__(self, network: nnx.Module, features: int, classes: int, *, rngs: nnx.Rngs):
        self.network = network
        self.top = nnx.Linear(
            features, classes, kernel_init=nnx.initializers.glorot_uniform(), rngs=rngs
        )

    def __call__(self, images: UInt8[Array, "batch rows columns 3"]) -> Logits:
        return self.top(self.features(images))

    def features(
        self, images: UInt8[Array, "batch rows columns 3"]
    ) -> Float[Array, "batch features"]:
        """Return the backbone's features, pooled over the picture."""
        features, _, _ = self.network(images)  # type: ignore[operator]
        return features


class SplitClassifier(NamedTuple):
    """A classifier as data; `nnx.merge(graphdef, params, idle)` is the classifier."""

    graphdef: nnx.GraphDef
    params: Params
    """`network` and `top`: what fine-tuning trains."""
    idle: Params
    """The readout to ImageNet's classes, which is not used and not trained."""


def make_classifier(
    network: LoadedNetwork, classes: int, *, key: Key[Array, ""]
) -> SplitClassifier:
    """Put a new top on a loaded backbone."""
    if classes < 2:
        raise ValueError(f"classes must be at least 2, got {classes}")
    backbone = nnx.merge(network.graphdef, jax.tree.map(jnp.asarray, network.params))
    model = PictureClassifier(backbone, network.features, classes, rngs=nnx.Rngs(params=key))
    graphdef, idle, params = nnx.split(model, _is_readout, ...)
    return SplitClassifier(graphdef, nnx.to_pure_dict(params), nnx.to_pure_dict(idle))


def _is_readout(path: tuple, _: object) -> bool:
    return tuple(path[:2]) == ("network", "readout")


def apply_top(
    top: Params, features: Float[Array | np.ndarray, "*axes features"]
) -> Float[Array, "*axes classes"]:
    """Return the logits of stored features, as the frozen phase does."""
    return features @ top["kernel"] + top["bias"]


def class_loss(
    logits: Logits,
    classes: Int[Array | np.ndarray, " batch"],
    is_real: Bool[Array | np.ndarray, " batch"],
) -> Float[Array, ""]:
    """Return the mean cross-entropy over the real rows."""
    own = jnp.take_along_axis(jax.nn.log_softmax(logits), classes[:, None], axis=1)[:, 0]
    return -jnp.sum(own * is_real) / jnp.maximum(jnp.sum(is_real), 1)


def class_accuracy(
    logits: Logits,
    classes: Int[Array | np.ndarray, " batch"],
    is_real: Bool[Array | np.ndarray, " batch"],
) -> Float[Array, ""]:
    """Return the share of the real rows whose most probable class is the true one."""
    is_right = (logits.argmax(axis=1) == classes) & is_real
    return jnp.sum(is_right) / jnp.maximum(jnp.sum(is_real), 1)
