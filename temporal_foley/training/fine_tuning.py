"""Fine-tuning end to end: a backbone and a tagger in, the loss of a batch of pictures out.

The second phase of transfer learning, for the tagger as report 000 has it for single pictures:
first a head on features of a frozen backbone (`tagging`), then both together, each at its own rate.
The readout to ImageNet's classes is no part of what is trained. Normalisation is folded into the
backbone's kernels, so it stays in inference mode (`models/picture_classifier.py` says why).

A batch is what `tagging` takes but with pictures in place of features: `images`, the different
pictures of each clip; `pictures`, how many they are; `shown`, which of them each frame shows.
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

READOUT = "readout"


class Split(NamedTuple):
    """Both networks as data; what is trained of them, and what is not."""

    network: nnx.GraphDef
    tagger: nnx.GraphDef
    params: Params
    """`backbone` and `tagger`."""
    statistics: Statistics


def split_networks(network: LoadedNetwork, structure: nnx.GraphDef, weights: PyTree) -> Split:
    """Part what is trained from what is not.

    Args:
        network: of the backbone.
        structure: of the tagger.
        weights: of the tagger.
    """
    tagger, params, rest = nnx.split(nnx.merge(structure, weights), nnx.Param, ...)
    own = {name: part for name, part in network.params.items() if name != READOUT}
    split = Split(
        network=network.graphdef,
        tagger=tagger,
        params={"backbone": own, "tagger": nnx.to_pure_dict(params)},
        statistics={
            "backbone": {READOUT: network.params[READOUT]},
            "tagger": nnx.to_pure_dict(rest),
        },
    )
    # Copies: a step gives the memory of its input away, and the bundle's must stay.
    arrays = jax.tree.map(lambda leaf: jnp.array(leaf), (split.params, split.statistics))
    return split._replace(params=arrays[0], statistics=arrays[1])


def join_networks(
    split: Split, params: Params, statistics: Statistics
) -> tuple[PyTree[Array], PyTree[Array]]:
    """Return the weights of the backbone, its readout included, and all those of the tagger."""
    model = nnx.merge(split.tagger, params["tagger"], statistics["tagger"])
    backbone = {**params["backbone"], **statistics["backbone"]}
    return jax.device_get((backbone, nnx.to_pure_dict(nnx.split(model)[1])))


def make_joint_optimizer(
    backbone: optax.GradientTransformation, tagger: optax.GradientTransformation
) -> optax.GradientTransformation:
    """Give each of the two networks its own rate, and its own bound of gradients."""

    def names(params: Params) -> PyTree[str]:
        return {part: jax.tree.map(lambda _, part=part: part, params[part]) for part in params}

    both = optax.multi_transform({"backbone": backbone, "tagger": tagger}, names)
    return optax.GradientTransformation(both.init, both.update)  # type: ignore[arg-type]


def make_joint_loss(
    split: Split, loss: LossConfig, dropout: DropoutConfig, *, augment: Augment | None = None
) -> LossFn:
    """Build the loss of both networks in training.

    Args:
        split: of `split_networks`; only its structures are read.
        loss: what is punished.
        dropout: what is left out of clips.
        augment: what is done to the pictures, a clip's all in the same way.
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
        seen = look(split.network, weights, images, batch["pictures"])
        visual = jnp.take_along_axis(seen, batch["shown"][..., None], axis=1)
        value, (_, measured) = judge(
            params["tagger"], statistics["tagger"], {**batch, "visual": visual}, judge_key
        )
        return value, (statistics, measured)

    return loss_fn


def look(
    graphdef: nnx.GraphDef, weights: PyTree[Array], images: Images, pictures: Int[Array, " batch"]
) -> Float[Array, "batch pictures features"]:
    """Return the features of all pictures; zeros where no clip has so many.

    One picture of each clip at a time, and what lies between is worked out again for the gradient:
    the memory is that of one picture a clip, however long the clips are.
    """

    @jax.checkpoint
    def look_once(weights: PyTree[Array], images: Array) -> Array:
        network: Any = nnx.merge(graphdef, weights)
        return network(images)[0]

    shape = jax.eval_shape(look_once, weights, images[:, 0])

    def look_if_there(place_and_images: tuple[Array, Array]) -> Array:
        place, images = place_and_images
        return jax.lax.cond(
            place < pictures.max(),
            lambda: look_once(weights, images),
            lambda: jnp.zeros(shape.shape, shape.dtype),
        )

    places = jnp.arange(images.shape[1])
    seen = jax.lax.map(look_if_there, (places, images.swapaxes(0, 1)))
    return seen.swapaxes(0, 1)


def fine_tuned_bundle(
    bundle: Bundle,
    network: LoadedNetwork,
    split: Split,
    params: Params,
    statistics: Statistics,
) -> Bundle:
    """Put trained networks into a bundle, in half precision as they are stored.

    The pictures that effects can be taught against were looked at by the old backbone, so they are
    left out.
    """
    backbone, weights = join_networks(split, params, statistics)
    rounded = round_network(network, backbone)
    return dataclasses.replace(
        bundle,
        senses=dataclasses.replace(bundle.senses, backbone_sha256=rounded.sha256),
        weights=jax.tree.map(lambda x: np.asarray(x, np.float16).astype(np.float32), weights),
        background=None,
        backbone=rounded,
        sha256="",
    )
