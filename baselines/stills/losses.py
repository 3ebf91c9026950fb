"""Build the losses of the image classifiers.

A batch has `images` (or, where only a top is trained, `features`), `classes` and `is_real`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key, UInt8

from baselines.stills.classifier import apply_top, class_accuracy, class_loss
from baselines.stills.small_resnet import SmallResNetConfig, SmallResNetV2
from temporal_foley.training.step import Batch, LossFn, Measured, Params, Statistics

Images = UInt8[Array, "batch rows columns 3"]
Augment = Callable[[Key[Array, ""], Images], Images]
Logits = Float[Array, "batch classes"]


def make_small_resnet(
    config: SmallResNetConfig, classes: int, key: Key[Array, ""]
) -> tuple[nnx.GraphDef, Params, Statistics]:
    """Make a new network: its structure, its parameters and the statistics of BatchNorm."""
    model = SmallResNetV2(config, classes, rngs=nnx.Rngs(params=key))
    graphdef, params, statistics = nnx.split(model, nnx.Param, nnx.BatchStat)
    return graphdef, nnx.to_pure_dict(params), nnx.to_pure_dict(statistics)


def make_scratch_loss(
    graphdef: nnx.GraphDef, augment: Augment | None, *, kernel_l2: float
) -> LossFn:
    """Build the loss of a small ResNetV2; BatchNorm uses the batch and updates its statistics.

    Args:
        graphdef: Of the network.
        augment: Changes the pictures, if given.
        kernel_l2: Weight of the sum of squares of the convolutions' kernels, as in the Keras
            example, which leaves out the readout.
    """

    def loss_fn(
        params: Params, statistics: Statistics, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[Statistics, Measured]]:
        images = batch["images"] if augment is None else augment(key, batch["images"])
        model = nnx.merge(graphdef, params, statistics)
        logits = model(images, is_real=batch["is_real"], is_training=True)
        loss, measured = _judge(logits, batch)
        moved = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
        return loss + kernel_l2 * _squares(params), (moved, measured)

    return loss_fn


def make_fine_tuning_loss(graphdef: nnx.GraphDef, augment: Augment | None) -> LossFn:
    """Build the loss of a whole `PictureClassifier`; its idle part is in the statistics."""

    def loss_fn(
        params: Params, statistics: Statistics, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[Statistics, Measured]]:
        images = batch["images"] if augment is None else augment(key, batch["images"])
        logits = nnx.merge(graphdef, params, statistics)(images)
        loss, measured = _judge(logits, batch)
        return loss, (statistics, measured)

    return loss_fn


def top_loss(
    params: Params, statistics: Statistics, batch: Batch, key: Key[Array, ""]
) -> tuple[Float[Array, ""], tuple[Statistics, Measured]]:
    """Return the loss of a top alone, on features of a frozen backbone; a `LossFn`."""
    loss, measured = _judge(apply_top(params, batch["features"]), batch)
    return loss, (statistics, measured)


def _judge(logits: Logits, batch: Batch) -> tuple[Float[Array, ""], Measured]:
    loss = class_loss(logits, batch["classes"], batch["is_real"])
    accuracy = class_accuracy(logits, batch["classes"], batch["is_real"])
    return loss, {"class_loss": loss, "accuracy": accuracy}


def _squares(params: Params) -> Float[Array, ""]:
    kernels = [
        leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if path[-1].key == "kernel" and path[0].key != "readout"
    ]
    return jnp.sum(jnp.stack([jnp.sum(jnp.square(kernel)) for kernel in kernels]))
