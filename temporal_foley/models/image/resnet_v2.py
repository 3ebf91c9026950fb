"""ResNetV2, an ImageNet classifier, and how its Keras weights are arranged.

Architecture: He et al., "Identity Mappings in Deep Residual Networks" (ECCV 2016), with the sizes,
paddings and names of `keras.applications.resnet_v2`, whose weights it takes.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from temporal_foley.models.image.layers import (
    Convolution,
    FeatureMap,
    ImageNetwork,
    Images,
    Pointwise,
)

FEATURES = 2048
CLASSES = 1000

_WIDTHS = (64, 128, 256, 512)
_EPSILON = 1.001e-5


class Scaling(nnx.Module):
    """A normalisation that no convolution precedes, reduced to a scale and an offset."""

    def __init__(self, features: int):
        self.scale = nnx.Param(jnp.ones(features))
        self.offset = nnx.Param(jnp.zeros(features))

    def __call__(self, maps: FeatureMap) -> FeatureMap:
        return maps * self.scale[...] + self.offset[...]


class PreactivationBlock(nnx.Module):
    """Scale, narrow, filter, widen; add the input or its projection."""

    def __init__(self, inputs: int, width: int, stride: int, has_projection: bool):
        self.stride = stride
        self.preactivation = Scaling(inputs)
        self.narrow = Pointwise(inputs, width)
        self.filter = Convolution(3, stride, width, width, padding=1)
        self.widen = Pointwise(width, 4 * width)
        self.projection = Pointwise(inputs, 4 * width) if has_projection else None

    def __call__(self, maps: FeatureMap) -> Float[Array, "batch new_rows new_columns outputs"]:
        active = jax.nn.relu(self.preactivation(maps))
        if self.projection is not None:
            shortcut = self.projection(active)
        else:
            # Keras shrinks the plain shortcut by a 1x1 maximum, which is every other value.
            shortcut = maps[:, :: self.stride, :: self.stride]
        residual = jax.nn.relu(self.filter(jax.nn.relu(self.narrow(active))))
        return shortcut + self.widen(residual)


class ResNetV2(ImageNetwork):
    """The whole network; without a top in its weights the logits are zero."""

    def __init__(self, depths: tuple[int, ...]):
        self.stem = Convolution(7, 2, 3, 64, padding=3)
        blocks = []
        inputs = 64
        for stage, (depth, width) in enumerate(zip(depths, _WIDTHS, strict=True)):
            is_last_stage = stage == len(depths) - 1
            for index in range(depth):
                # Keras puts the stride at the end of a stage, and none in the last one.
                stride = 2 if index == depth - 1 and not is_last_stage else 1
                blocks.append(PreactivationBlock(inputs, width, stride, has_projection=index == 0))
                inputs = 4 * width
        self.blocks = nnx.List(blocks)
        self.early_blocks = sum(depths[:2])
        self.postactivation = Scaling(FEATURES)
        self.readout = Pointwise(FEATURES, CLASSES)

    def begin(self, images: Images) -> Float[Array, "batch map_rows map_columns features"]:
        """Return the pooled maps of the stem."""
        maps = self.stem(images.astype(jnp.float32) / 127.5 - 1.0)
        padded = jnp.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return jax.lax.reduce_window(
            padded, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID"
        )

    def finish(self, maps: FeatureMap) -> Float[Array, "batch rows columns outputs"]:
        """Activate the maps of the last block."""
        return jax.nn.relu(self.postactivation(maps))


def keras_layers(depths: tuple[int, ...]) -> dict[str, dict[str, tuple[int, ...]]]:
    """List the layers with weights by their Keras names: the shape of each of their weights."""
    layers: dict[str, dict[str, tuple[int, ...]]] = {}

    def convolution(name: str, size: int, inputs: int, outputs: int, has_bias: bool) -> None:
        bias = {"bias": (outputs,)} if has_bias else {}
        layers[name] = {"kernel": (size, size, inputs, outputs), **bias}

    def norm(name: str, features: int) -> None:
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        layers[name] = {part: (features,) for part in parts}

    convolution("conv1_conv", 7, 3, 64, True)
    inputs = 64
    for stage, (depth, width) in enumerate(zip(depths, _WIDTHS, strict=True), start=2):
        for index in range(1, depth + 1):
            name = f"conv{stage}_block{index}"
            norm(f"{name}_preact_bn", inputs)
            if index == 1:
                convolution(f"{name}_0_conv", 1, inputs, 4 * width, True)
            convolution(f"{name}_1_conv", 1, inputs, width, False)
            norm(f"{name}_1_bn", width)
            convolution(f"{name}_2_conv", 3, width, width, False)
            norm(f"{name}_2_bn", width)
            convolution(f"{name}_3_conv", 1, width, 4 * width, True)
            inputs = 4 * width
    norm("post_bn", FEATURES)
    layers["predictions"] = {"kernel": (FEATURES, CLASSES), "bias": (CLASSES,)}
    return layers


def params_from_keras(
    layers: dict[str, dict[str, Float[np.ndarray, "..."]]], depths: tuple[int, ...]
) -> dict:
    """Arrange Keras weights, by layer and weight name, as `ResNetV2` params.

    Normalisation is folded into the convolution before it where there is one.
    """

    def scaling(name: str) -> tuple[np.ndarray, np.ndarray]:
        norm = layers[name]
        scale = norm["gamma"] / np.sqrt(norm["moving_variance"] + _EPSILON)
        return scale, norm["beta"] - norm["moving_mean"] * scale

    def dense(name: str) -> dict:
        return {"kernel": layers[name]["kernel"], "bias": layers[name]["bias"]}

    def pointwise(name: str) -> dict:
        return {"kernel": layers[name]["kernel"][0, 0], "bias": layers[name]["bias"]}

    def block(name: str) -> dict:
        scale, offset = scaling(f"{name}_preact_bn")
        narrow_scale, narrow_bias = scaling(f"{name}_1_bn")
        filter_scale, filter_bias = scaling(f"{name}_2_bn")
        narrow = layers[f"{name}_1_conv"]["kernel"][0, 0] * narrow_scale
        params = {
            "preactivation": {"scale": scale, "offset": offset},
            "narrow": {"kernel": narrow, "bias": narrow_bias},
            "filter": {
                "kernel": layers[f"{name}_2_conv"]["kernel"] * filter_scale,
                "bias": filter_bias,
            },
            "widen": pointwise(f"{name}_3_conv"),
        }
        if f"{name}_0_conv" in layers:
            params["projection"] = pointwise(f"{name}_0_conv")
        return params

    names = [
        f"conv{stage}_block{index}"
        for stage, depth in enumerate(depths, start=2)
        for index in range(1, depth + 1)
    ]
    scale, offset = scaling("post_bn")
    return {
        "stem": dense("conv1_conv"),
        "blocks": {index: block(name) for index, name in enumerate(names)},
        "postactivation": {"scale": scale, "offset": offset},
        "readout": dense("predictions"),
    }
