"""Layers of the audio network, written for CPUs: a map (batch, bands, frames, features) in and out.

As in `models.image.layers`, a depthwise convolution is one multiply-add for each tap of its kernel,
and normalisation is folded into kernel and bias. Padding is PyTorch's, the same on both sides.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from temporal_foley.models.image.layers import Pointwise

SoundMap = Float[Array, "batch bands frames features"]
FrameWeights = Float[Array, "batch frames"]


def keep(maps: SoundMap, mask: FrameWeights | None) -> SoundMap:
    """Silence the frames behind the end of each sound, so that they act as zero padding."""
    return maps if mask is None else maps * mask[:, None, :, None]


def mean_over_map(maps: SoundMap, mask: FrameWeights | None) -> Float[Array, "batch features"]:
    """Average over bands and over the frames that are real."""
    over_bands = maps.mean(axis=1)
    if mask is None:
        return over_bands.mean(axis=1)
    return jnp.einsum("btf,bt->bf", over_bands, mask) / mask.sum(axis=1, keepdims=True)


class Depthwise(nnx.Module):
    """One square convolution for each feature, with bias; one feature in may become many.

    `stride` is that over the bands, and over the frames too unless `frame_stride` is given.
    """

    def __init__(self, size: int, stride: int, features: int, frame_stride: int | None = None):
        self.stride = stride
        self.frame_stride = frame_stride or stride
        self.kernel = nnx.Param(jnp.zeros((size, size, features)))
        self.bias = nnx.Param(jnp.zeros(features))

    def __call__(self, maps: SoundMap) -> SoundMap:
        kernel = self.kernel[...]
        size, stride, frame_stride = kernel.shape[0], self.stride, self.frame_stride
        bands, frames = -(-maps.shape[1] // stride), -(-maps.shape[2] // frame_stride)
        around = (size // 2, size // 2)
        padded = jnp.pad(maps, ((0, 0), around, around, (0, 0)))
        total = self.bias[...]
        for y in range(size):
            for x in range(size):
                taps = padded[
                    :,
                    y : y + (bands - 1) * stride + 1 : stride,
                    x : x + (frames - 1) * frame_stride + 1 : frame_stride,
                ]
                total = total + taps * kernel[y, x]
        return total


class SqueezeExcite(nnx.Module):
    """Scale each feature by what its mean over the whole map says.

    Source: Hu et al., "Squeeze-and-Excitation Networks" (CVPR 2018).
    """

    def __init__(self, features: int, squeezed: int):
        self.squeeze = Pointwise(features, squeezed)
        self.excite = Pointwise(squeezed, features)

    def __call__(self, maps: SoundMap, mask: FrameWeights | None) -> SoundMap:
        squeezed = jax.nn.relu(self.squeeze(mean_over_map(maps, mask)))
        return maps * jax.nn.sigmoid(self.excite(squeezed))[:, None, None, :]
