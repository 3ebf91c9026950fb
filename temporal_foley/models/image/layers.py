"""Convolutions written for CPUs, and what all image networks share.

XLA's plain depthwise convolution is some ten times slower on CPUs than the same sum written as one
multiply-add per tap of the kernel, so that is what is done here. A 1x1 convolution is a matrix
product. Normalisation is already folded into kernel and bias.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Num

FeatureMap = Float[Array, "batch rows columns features"]
Images = Num[Array, "batch rows columns 3"]
NetworkOutputs = tuple[
    Float[Array, "batch features"],
    Float[Array, "batch classes"],
    Float[Array, "batch rows columns features"],
]
"""Pooled features, ImageNet logits and feature map."""


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after one axis under TensorFlow's rule "SAME".

    At stride 2 the rule puts the odd zero at the end, unlike PyTorch's symmetric padding.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Convolution(nnx.Module):
    """Dense square convolution with bias; `padding` zeros on all sides, or TensorFlow's "SAME"."""

    def __init__(
        self, size: int, stride: int, inputs: int, outputs: int, padding: int | None = None
    ):
        self.stride = stride
        self.padding = padding
        self.kernel = nnx.Param(jnp.zeros((size, size, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(
        self, maps: Float[Array, "batch rows columns inputs"]
    ) -> Float[Array, "batch new_rows new_columns outputs"]:
        kernel = self.kernel[...]
        if self.padding is None:
            padding = [same_padding(n, kernel.shape[0], self.stride) for n in maps.shape[1:3]]
        else:
            padding = [(self.padding, self.padding)] * 2
        convolved = jax.lax.conv_general_dilated(
            maps,
            kernel,
            window_strides=(self.stride, self.stride),
            padding=padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return convolved + self.bias[...]


class Depthwise(nnx.Module):
    """One square convolution per feature, with bias; padded by TensorFlow's rule "SAME"."""

    def __init__(self, size: int, stride: int, features: int):
        self.stride = stride
        self.kernel = nnx.Param(jnp.zeros((size, size, features)))
        self.bias = nnx.Param(jnp.zeros(features))

    def __call__(
        self, maps: Float[Array, "batch rows columns features"]
    ) -> Float[Array, "batch new_rows new_columns features"]:
        kernel = self.kernel[...]
        padding = [same_padding(n, kernel.shape[0], self.stride) for n in maps.shape[1:3]]
        return sum_of_taps(maps, kernel, self.bias[...], (self.stride, self.stride), padding)


def sum_of_taps(
    maps: Float[Array, "batch rows columns inputs"],
    kernel: Float[Array, "size size features"],
    bias: Float[Array, " features"],
    strides: tuple[int, int],
    padding: list[tuple[int, int]],
) -> Float[Array, "batch new_rows new_columns features"]:
    """Convolve each feature by itself, one multiply-add per tap; one input may become many."""
    rows, columns = (-(-n // stride) for n, stride in zip(maps.shape[1:3], strides, strict=True))
    padded = jnp.pad(maps, ((0, 0), *padding, (0, 0)))
    total = bias
    for y in range(kernel.shape[0]):
        for x in range(kernel.shape[1]):
            taps = padded[
                :,
                y : y + (rows - 1) * strides[0] + 1 : strides[0],
                x : x + (columns - 1) * strides[1] + 1 : strides[1],
            ]
            total = total + taps * kernel[y, x]
    return total


class Pointwise(nnx.Module):
    """1x1 convolution with bias; also the linear map of a readout."""

    def __init__(self, inputs: int, outputs: int):
        self.kernel = nnx.Param(jnp.zeros((inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, maps: Float[Array, "*axes inputs"]) -> Float[Array, "*axes outputs"]:
        # Eigen is fastest on plain matrices, so the axes of the image are merged.
        merged = maps.reshape(-1, maps.shape[-1]) @ self.kernel[...] + self.bias[...]
        return merged.reshape(*maps.shape[:-1], -1)


class ImageNetwork(nnx.Module):
    """An ImageNet network in two halves: `early` has large maps, `late` large weights."""

    blocks: nnx.List
    early_blocks: int
    """Number of blocks up to maps of a sixteenth of the image's size."""
    readout: Pointwise

    def __call__(self, images: Images) -> NetworkOutputs:
        return self.late(self.early(images))

    def early(self, images: Images) -> Float[Array, "batch map_rows map_columns features"]:
        """Return the maps at a sixteenth of the image's size."""
        maps = self.begin(images)
        for block in self.blocks[: self.early_blocks]:
            maps = block(maps)
        return maps

    def late(self, maps: Float[Array, "batch rows columns inputs"]) -> tuple[Array, Array, Array]:
        """Return what `__call__` does, from the maps of `early`."""
        for block in self.blocks[self.early_blocks :]:
            maps = block(maps)
        maps = self.finish(maps)
        features = maps.mean(axis=(1, 2))
        return features, self.readout(features), maps

    def begin(self, images: Images) -> Float[Array, "batch map_rows map_columns features"]:
        """Return the maps before the first block."""
        raise NotImplementedError

    def finish(self, maps: FeatureMap) -> Float[Array, "batch rows columns outputs"]:
        """Return the feature map after the last block."""
        raise NotImplementedError
