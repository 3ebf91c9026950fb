"""Compute the features and ImageNet logits of images with EfficientNet-Lite, made for CPUs.

Architecture: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks" (ICML 2019), in the Lite variant of 2020 (no squeeze-and-excitation, ReLU6, fixed stem
and head).
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from temporal_foley.models.image.layers import (
    Convolution,
    Depthwise,
    FeatureMap,
    ImageNetwork,
    Images,
    Pointwise,
)
from temporal_foley.models.image.lite_weights import (
    CLASSES,
    FEATURES,
    STEM,
    BlockShape,
    block_shapes,
)
from temporal_foley.models.image.loaded import LoadedNetwork, load_network
from temporal_foley.models.image.releases import RELEASES


class Bottleneck(nnx.Module):
    """Widen, filter each feature in space, narrow; add the input where shapes allow."""

    def __init__(self, shape: BlockShape):
        middle = shape.inputs * shape.expansion
        self.expand = Pointwise(shape.inputs, middle) if shape.expansion > 1 else None
        self.depthwise = Depthwise(shape.size, shape.stride, middle)
        self.project = Pointwise(middle, shape.outputs)
        self.has_shortcut = shape.stride == 1 and shape.inputs == shape.outputs

    def __call__(self, maps: FeatureMap) -> Float[Array, "batch new_rows new_columns outputs"]:
        wide = maps if self.expand is None else jax.nn.relu6(self.expand(maps))
        narrow = self.project(jax.nn.relu6(self.depthwise(wide)))
        return maps + narrow if self.has_shortcut else narrow


class EfficientNetLite(ImageNetwork):
    """The whole network, normalisation folded into its convolutions."""

    def __init__(self, width: float = 1.0, depth: float = 1.0):
        shapes = block_shapes(width, depth)
        self.stem = Convolution(3, 2, 3, STEM)
        self.blocks = nnx.List([Bottleneck(shape) for shape in shapes])
        # Everything up to the fourth halving of the image, the stem's included.
        self.early_blocks = [i for i, shape in enumerate(shapes) if shape.stride == 2][2] + 1
        self.head = Pointwise(shapes[-1].outputs, FEATURES)
        self.readout = Pointwise(FEATURES, CLASSES)

    def begin(self, images: Images) -> Float[Array, "batch map_rows map_columns features"]:
        """Return the maps of the stem."""
        return jax.nn.relu6(self.stem((images.astype(jnp.float32) - 127.0) / 128.0))

    def finish(self, maps: FeatureMap) -> Float[Array, "batch rows columns outputs"]:
        """Widen the maps to the features that are pooled."""
        return jax.nn.relu6(self.head(maps))


def load_lite(name: str, params: dict) -> LoadedNetwork:
    """Pair a released network with its params, from `lite_weights`."""
    release = RELEASES[name]
    return load_network(
        lambda: EfficientNetLite(release.width, release.depth),
        params,
        sha256=release.sha256,
        features=FEATURES,
        size_px=release.size_px,
    )
