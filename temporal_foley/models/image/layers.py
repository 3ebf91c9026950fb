"""Convolutions written for CPUs: a map (batch, rows, columns, features) in, another out.

XLA's plain depthwise convolution is some ten times slower on CPUs than the same sum written as one
multiply-add for each tap of the kernel, so that is what is done here. A 1x1 convolution is a matrix
product. Normalisation is already folded into kernel and bias.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

FeatureMap = Float[Array, "batch rows columns features"]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after one axis under TensorFlow's rule "SAME".

    At stride 2 the rule puts the odd zero at the end, unlike PyTorch's symmetric padding.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Convolution(nnx.Module):
    """Dense square convolution with bias."""

    def __init__(self, size: int, stride: int, inputs: int, outputs: int):
        self.stride = stride
        self.kernel = nnx.Param(jnp.zeros((size, size, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, maps: FeatureMap) -> FeatureMap:
        kernel = self.kernel[...]
        padding = [same_padding(n, kernel.shape[0], self.stride) for n in maps.shape[1:3]]
        convolved = jax.lax.conv_general_dilated(
            maps,
            kernel,
            window_strides=(self.stride, self.stride),
            padding=padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return convolved + self.bias[...]


class Depthwise(nnx.Module):
    """One square convolution for each feature, with bias."""

    def __init__(self, size: int, stride: int, features: int):
        self.stride = stride
        self.kernel = nnx.Param(jnp.zeros((size, size, features)))
        self.bias = nnx.Param(jnp.zeros(features))

    def __call__(self, maps: FeatureMap) -> FeatureMap:
        kernel = self.kernel[...]
        size, stride = kernel.shape[0], self.stride
        rows, columns = (-(-n // stride) for n in maps.shape[1:3])
        padding = [same_padding(n, size, stride) for n in maps.shape[1:3]]
        padded = jnp.pad(maps, ((0, 0), *padding, (0, 0)))
        total = self.bias[...]
        for y in range(size):
            for x in range(size):
                taps = padded[
                    :,
                    y : y + (rows - 1) * stride + 1 : stride,
                    x : x + (columns - 1) * stride + 1 : stride,
                ]
                total = total + taps * kernel[y, x]
        return total


class Pointwise(nnx.Module):
    """1x1 convolution with bias; also the linear map of a readout."""

    def __init__(self, inputs: int, outputs: int):
        self.kernel = nnx.Param(jnp.zeros((inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, maps: Float[Array, "*axes inputs"]) -> Float[Array, "*axes outputs"]:
        # Eigen is at its best on plain matrices, so the axes of the picture are merged.
        merged = maps.reshape(-1, maps.shape[-1]) @ self.kernel[...] + self.bias[...]
        return merged.reshape(*maps.shape[:-1], -1)
