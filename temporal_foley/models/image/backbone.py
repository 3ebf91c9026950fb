"""Pictures in, what an ImageNet network sees in them out; one interface for every network."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree, UInt8

from temporal_foley.errors import UsageError
from temporal_foley.models.image import lite_weights
from temporal_foley.models.image.preparation import ASPECTS, Aspect, Image, prepare_image

BACKBONES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")

DEFAULT_ASPECT: Aspect = "stretch"


class BackboneOutputs(NamedTuple):
    """What a backbone says of a batch of pictures, on the host."""

    features: Float[np.ndarray, "batch features"]
    logits: Float[np.ndarray, "batch classes"]
    feature_map: Float[np.ndarray, "batch rows columns features"]


class Backbone:
    """A network with its weights, ready to look at pictures."""

    def __init__(
        self,
        *,
        name: str,
        sha256: str,
        features: int,
        input_size_px: int,
        aspect: Aspect,
        graphdef: nnx.GraphDef,
        params: PyTree[Array],
    ):
        self.name = name
        self.sha256 = sha256
        self.features = features
        self.input_size_px = input_size_px
        self.aspect: Aspect = aspect
        self.graphdef = graphdef
        self.params = params
        self._look = jax.jit(lambda params, images: nnx.merge(graphdef, params)(images))

    def prepare(self, image: Image) -> UInt8[np.ndarray, "rows columns 3"]:
        """Scale one RGB picture of any size to what `__call__` takes."""
        return prepare_image(image, self.input_size_px, self.aspect)

    def __call__(self, images: UInt8[np.ndarray, "batch rows columns 3"]) -> BackboneOutputs:
        """Look at prepared pictures of one shape."""
        frames = [self._look(self.params, images[i : i + 1]) for i in range(len(images))]
        return BackboneOutputs(*(np.concatenate(part) for part in zip(*frames, strict=True)))


def load_backbone(
    name: str = "efficientnet_lite0",
    *,
    aspect: Aspect = DEFAULT_ASPECT,
    weights: Path | None = None,
) -> Backbone:
    """Load a backbone by name.

    Args:
        name: one of `BACKBONES`.
        aspect: how pictures are brought to the network's size.
        weights: a weights file of the network; by default the one of the installed package.
    """
    if name not in BACKBONES:
        raise UsageError(f"unknown backbone {name!r}; known are {', '.join(BACKBONES)}")
    if aspect not in ASPECTS:
        raise UsageError(f"unknown aspect {aspect!r}; known are {', '.join(ASPECTS)}")
    loaded = lite_weights.load_lite(name, weights)
    return Backbone(name=name, aspect=aspect, **loaded)
