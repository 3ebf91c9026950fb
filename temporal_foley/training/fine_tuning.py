"""Train a backbone and a tagger together, end to end, on clips of pictures.

The second phase of transfer learning: first a tagger on features of a frozen backbone (`tagging`),
then both together, each at its own rate; the backbone may stay frozen for the first steps. The
readout to ImageNet's classes is not trained. Normalisation is folded into the backbone's kernels,
so it stays in inference mode (`baselines/stills/classifier.py` says why).

A batch is that of `tagging` with pictures in place of image features: `images`, the different
pictures of each clip; `pictures`, their number; `shown`, which of them each frame shows.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key, PyTree, UInt8

from temporal_foley.models.bundle.bundle import Bundle
from temporal_foley.models.image.fine_tuned import round_network
from temporal_foley.models.image.loaded import LoadedNetwork
from temporal_foley.training.losses import LossConfig
from temporal_foley.training.step import Batch, LossFn, Measured, Params, Statistics
from temporal_foley.training.tagging import DropoutConfig, make_loss_fn

Images = UInt8[Array, "batch pictures rows columns 3"]
Augment = Callable[[Key[Array, ""], Images], Images]
Weights = PyTree[Array | np.ndarray]

READOUT = "readout"


class Split(NamedTuple):
    """Both networks as data, split into what is trained and what is not."""

    network: nnx.GraphDef
    tagger: nnx.GraphDef
    params: Params
    """`backbone` and `tagger`."""
    statistics: Statistics


def split_networks(network: LoadedNetwork, structure: nnx.GraphDef, weights: Weights) -> Split:
    """Split both networks into what is trained and what is not.

    Args:
        network: Of the backbone.
        structure: Of the tagger.
        weights: Of the tagger.
    """
    tagger, params, rest = nnx.split(nnx.merge(structure, weights), nnx.Param, ...)
    own = {name: part for name, part in network.params.items() if name != READOUT}
    # Copies: a step gives the memory of its input away, and the bundle's must stay.
    params, statistics = jax.tree.map(
        lambda leaf: jnp.array(leaf),
        (
            {"backbone": own, "tagger": nnx.to_pure_dict(params)},
            {
                "backbone": {READOUT: network.params[READOUT]},
                "tagger": nnx.to_pure_dict(rest),
            },
        ),
    )
    return Split(network.graphdef, tagger, params, statistics)


def join_networks(split: Split, params: Params, statistics: Statistics) -> tuple[Weights, Weights]:
    """Return the weights of the backbone, its readout included, and all those of the tagger."""
    model = nnx.merge(split.tagger, params["tagger"], statistics["tagger"])
    backbone = {**params["backbone"], **statistics["backbone"]}
    return jax.device_get((backbone, nnx.to_pure_dict(nnx.split(model)[1])))


def make_joint_optimizer(
    backbone: optax.GradientTransformation,
    tagger: optax.GradientTransformation,
    *,
    freeze_steps: int = 0,
) -> optax.GradientTransformation:
    """Give each network its own optimizer, with its own rate and limit of gradients.

    Args:
        backbone: The backbone's optimizer.
        tagger: The tagger's optimizer.
        freeze_steps: Steps during which the backbone stays as it is; its optimizer begins after.
    """
    if freeze_steps:
        backbone = optax.transforms.conditionally_mask(
            backbone,
            lambda step, **_: jnp.asarray(step) >= freeze_steps,  # type: ignore[arg-type]
        )

    def names(params: Params) -> PyTree[str]:
        return {part: jax.tree.map(lambda _, part=part: part, params[part]) for part in params}

    both = optax.multi_transform({"backbone": backbone, "tagger": tagger}, names)
    return optax.GradientTransformation(both.init, both.update)  # type: ignore[arg-type]


def make_joint_loss(
    split: Split, loss: LossConfig, dropout: DropoutConfig, *, augment: Augment | None = None
) -> LossFn:
    """Build the loss of both networks in training.

    Args:
        split: From `split_networks`; only its structures are read.
        loss: Weights of the parts of the loss.
        dropout: What is left out of clips.
        augment: Changes the pictures, all of a clip in the same way.
    """
    judge = make_loss_fn(split.tagger, loss, dropout)

    def loss_fn(
        params: Params, statistics: Statistics, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[Statistics, Measured]]:
        augment_key, judge_key = jax.random.split(key)
        images = batch["images"]
        if augment is not None:
            images = augment(augment_key, images)
        weights = {**params["backbone"], **statistics["backbone"]}
        features = picture_features(split.network, weights, images, batch["pictures"])
        visual = jnp.take_along_axis(features, batch["shown"][..., None], axis=1)
        value, (_, measured) = judge(
            params["tagger"], statistics["tagger"], {**batch, "visual": visual}, judge_key
        )
        return value, (statistics, measured)

    return loss_fn


def picture_features(
    graphdef: nnx.GraphDef,
    weights: Weights,
    images: UInt8[Array | np.ndarray, "batch pictures rows columns 3"],
    pictures: Int[Array, " batch"],
) -> Float[Array, "batch pictures features"]:
    """Return the features of all pictures; zeros where no clip has that many.

    Runs one picture of each clip at a time, and computes activations again for the gradient: the
    memory is that of one picture per clip, however long the clips are.
    """

    @jax.checkpoint
    def run_once(weights: Weights, images: Array) -> Array:
        network: Any = nnx.merge(graphdef, weights)
        return network(images)[0]

    shape = jax.eval_shape(run_once, weights, images[:, 0])

    def run_if_any(place_and_images: tuple[Array, Array]) -> Array:
        place, images = place_and_images
        return jax.lax.cond(
            place < pictures.max(),
            lambda: run_once(weights, images),
            lambda: jnp.zeros(shape.shape, shape.dtype),
        )

    places = jnp.arange(images.shape[1])
    return jax.lax.map(run_if_any, (places, images.swapaxes(0, 1))).swapaxes(0, 1)


def fine_tuned_bundle(
    bundle: Bundle,
    network: LoadedNetwork,
    split: Split,
    params: Params,
    statistics: Statistics,
) -> Bundle:
    """Put trained networks into a bundle, in half precision as they are stored.

    The bank that effects are taught against holds features of the old backbone, so it is left out.
    """
    backbone, weights = join_networks(split, params, statistics)
    rounded = round_network(network, backbone)
    return dataclasses.replace(
        bundle,
        inputs=dataclasses.replace(bundle.inputs, backbone_sha256=rounded.sha256),
        weights=jax.tree.map(lambda x: np.asarray(x, np.float16).astype(np.float32), weights),
        background=None,
        backbone=rounded,
        sha256="",
    )
