"""Layers of the audio networks on maps (batch, bands, frames, features).

As in `models.image.layers`, a depthwise convolution is one multiply-add per tap of its kernel, and
normalisation is folded into kernel and bias. Padding is PyTorch's, the same on both sides.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from temporal_foley.models.image.layers import Pointwise, sum_of_taps

SoundMap = Float[Array, "batch bands frames features"]
FrameWeights = Float[Array, "batch frames"]


def keep(maps: SoundMap, mask: FrameWeights | None) -> SoundMap:
    """Zero the frames after the end of each sound, so that they act as zero padding."""
    return maps if mask is None else maps * mask[:, None, :, None]


def mean_over_map(maps: SoundMap, mask: FrameWeights | None) -> Float[Array, "batch features"]:
    """Average over bands and over the frames that are real."""
    over_bands = maps.mean(axis=1)
    if mask is None:
        return over_bands.mean(axis=1)
    return jnp.einsum("btf,bt->bf", over_bands, mask) / mask.sum(axis=1, keepdims=True)


class Depthwise(nnx.Module):
    """One square convolution per feature, with bias; one input may become many features.

    `stride` is that over the bands, and over the frames too unless `frame_stride` is given.
    """

    def __init__(self, size: int, stride: int, features: int, frame_stride: int | None = None):
        self.stride = stride
        self.frame_stride = frame_stride or stride
        self.kernel = nnx.Param(jnp.zeros((size, size, features)))
        self.bias = nnx.Param(jnp.zeros(features))

    def __call__(
        self, maps: Float[Array, "batch bands frames inputs"]
    ) -> Float[Array, "batch new_bands new_frames features"]:
        kernel = self.kernel[...]
        around = (kernel.shape[0] // 2, kernel.shape[0] // 2)
        strides = (self.stride, self.frame_stride)
        return sum_of_taps(maps, kernel, self.bias[...], strides, [around, around])


class SqueezeExcite(nnx.Module):
    """Scale each feature by a gate computed from the means over the whole map.

    Source: Hu et al., "Squeeze-and-Excitation Networks" (CVPR 2018).
    """

    def __init__(self, features: int, squeezed: int):
        self.squeeze = Pointwise(features, squeezed)
        self.excite = Pointwise(squeezed, features)

    def __call__(self, maps: SoundMap, mask: FrameWeights | None) -> SoundMap:
        squeezed = jax.nn.relu(self.squeeze(mean_over_map(maps, mask)))
        return maps * jax.nn.sigmoid(self.excite(squeezed))[:, None, None, :]
