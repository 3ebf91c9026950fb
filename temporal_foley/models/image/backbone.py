"""Pictures in, what an ImageNet network sees in them out; one interface for every network."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree, UInt8

from temporal_foley.errors import UsageError
from temporal_foley.models.image.inference import make_inference
from temporal_foley.models.image.lite_weights import RELEASES, load_lite
from temporal_foley.models.image.preparation import ASPECTS, Aspect, Image, prepare_image
from temporal_foley.models.image.resnet_v2 import DEPTHS
from temporal_foley.models.image.resnet_weights import load_resnet_v2

BACKBONES = (*RELEASES, *DEPTHS)

DEFAULT_ASPECT: Aspect = "stretch"


class BackboneOutputs(NamedTuple):
    """What a backbone says of a batch of pictures, on the host."""

    features: Float[np.ndarray, "batch features"]
    logits: Float[np.ndarray, "batch classes"]
    feature_map: Float[np.ndarray, "batch rows columns features"]


class Backbone:
    """A network with its weights, ready to look at pictures.

    `graphdef` and `params` are the differentiable way in, for fine-tuning:
    `nnx.merge(graphdef, params)(images)` is (features, logits, feature map).
    """

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
        self._run = make_inference(graphdef, params)

    def prepare(self, image: Image) -> UInt8[np.ndarray, "rows columns 3"]:
        """Scale one RGB picture of any size to what `__call__` takes."""
        return prepare_image(image, self.input_size_px, self.aspect)

    def __call__(self, images: UInt8[np.ndarray, "batch rows columns 3"]) -> BackboneOutputs:
        """Look at prepared pictures of one shape, any number of them but none."""
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or not len(images):
            raise ValueError(
                "images must be uint8 of shape (batch, rows, columns, 3) with one picture or more, "
                f"got {images.dtype} {images.shape}"
            )
        return BackboneOutputs(*self._run(images))


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
        weights: a weights file of the network; by default the one of the installed package, where
            there is one. The ResNets need a Keras weights file of the user's.
    """
    if name not in BACKBONES:
        raise UsageError(f"unknown backbone {name!r}; known are {', '.join(BACKBONES)}")
    if aspect not in ASPECTS:
        raise UsageError(f"unknown aspect {aspect!r}; known are {', '.join(ASPECTS)}")
    loaded = load_lite(name, weights) if name in RELEASES else load_resnet_v2(name, weights)
    return Backbone(
        name=name,
        sha256=loaded.sha256,
        features=loaded.features,
        input_size_px=loaded.size_px,
        aspect=aspect,
        graphdef=loaded.graphdef,
        params=loaded.params,
    )
