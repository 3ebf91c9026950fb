"""Compute the features, logits and feature maps of images with an ImageNet network.

A backbone is cheap to make: its network is loaded, and jax with it, when it is first needed or
`load_ahead` is called, so that images can be prepared meanwhile.
"""

import functools
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.errors import UsageError
from temporal_foley.models.image.inference import Inference
from temporal_foley.models.image.lite_weights import lite_params
from temporal_foley.models.image.preparation import ASPECTS, Aspect, Image, prepare_image
from temporal_foley.models.image.releases import (
    BACKBONES,
    RELEASES,
    find_weights,
    input_size_px,
    weights_sha256,
)
from temporal_foley.models.programs.program import (
    Weights,
    flattened,
    nested,
    single_precision,
)

if TYPE_CHECKING:
    from temporal_foley.models.image.loaded import LoadedNetwork

__all__ = ["BACKBONES", "Backbone", "BackboneOutputs", "load_backbone"]

DEFAULT_BACKBONE = "efficientnet_lite0"
DEFAULT_ASPECT: Aspect = "stretch"


class BackboneOutputs(NamedTuple):
    """Outputs of a backbone for a batch of images, on the host."""

    features: Float[np.ndarray, "batch features"]
    logits: Float[np.ndarray, "batch classes"]
    feature_map: Float[np.ndarray, "batch rows columns features"]


class Backbone:
    """A network with its weights; one interface for every network.

    `network` is for fine-tuning:
    `nnx.merge(network.graphdef, network.params)(images)` is (features, logits, feature map).
    """

    def __init__(self, name: str, aspect: Aspect, weights: Path):
        self.name = name
        self.sha256 = weights_sha256(name, weights)
        self.input_size_px = input_size_px(name)
        self.aspect: Aspect = aspect
        self._file = weights
        self._ahead: Future[None] | None = None

    def prepare(self, image: Image) -> UInt8[np.ndarray, "rows columns 3"]:
        """Scale one RGB image of any size to the input of `__call__`."""
        return prepare_image(image, self.input_size_px, self.aspect)

    @functools.cached_property
    def network(self) -> "LoadedNetwork":
        """The network as data: graphdef, params, and what they are."""
        if self.name in RELEASES:
            from temporal_foley.models.image.efficientnet_lite import load_lite

            return load_lite(self.name, nested(self.weights))
        from temporal_foley.models.image.resnet_weights import load_resnet_v2

        return load_resnet_v2(self.name, self._file)

    @functools.cached_property
    def weights(self) -> Weights:
        """The weights of the network by name; those of a released one are read without jax."""
        if self.name not in RELEASES:
            return flattened(self.network.params)
        return single_precision(flattened(lite_params(self.name, self._file)))

    def load_ahead(self) -> None:
        """Begin to load and compile the network in a thread; `__call__` waits for it."""
        if self._ahead is None:
            pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load-backbone")
            self._ahead = pool.submit(self._load)
            pool.shutdown(wait=False)

    def __call__(self, images: UInt8[np.ndarray, "batch rows columns 3"]) -> BackboneOutputs:
        """Run the network on one or more prepared images of one shape."""
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or not len(images):
            raise ValueError(
                "images must be uint8 of shape (batch, rows, columns, 3) with one image or more, "
                f"got {images.dtype} {images.shape}"
            )
        if self._ahead is not None:
            self._ahead.result()
        return BackboneOutputs(*self._inference.run(images))

    @functools.cached_property
    def _inference(self) -> Inference:
        return Inference(lambda: self.network.graphdef, self.weights, settings=self.name)

    def _load(self) -> None:
        size = self.input_size_px
        if self.aspect == "native":  # The shape of the images is not known yet.
            _ = self._inference
        else:
            self._inference.compile_for((size, size, 3))


def load_backbone(
    name: str = DEFAULT_BACKBONE,
    *,
    aspect: Aspect = DEFAULT_ASPECT,
    weights: Path | None = None,
) -> Backbone:
    """Load a backbone by name.

    Args:
        name: One of `BACKBONES`.
        aspect: How images are scaled to the network's size.
        weights: A weights file of the network; by default that of the installed package, if there
            is one. The ResNets need a Keras weights file of the user's.
    """
    if aspect not in ASPECTS:
        raise UsageError(f"unknown aspect {aspect!r}; known are {', '.join(ASPECTS)}")
    return Backbone(name, aspect, find_weights(name, weights))
