"""Define the small ResNetV2 of the stills baseline's first model.

Architecture: He et al., "Identity Mappings in Deep Residual Networks" (ECCV 2016), as the Keras
example `cifar10_resnet.py` builds it (`resnet_v2`): a 3x3 convolution to 16 features, then stages
of bottlenecks (1x1, 3x3, 1x1). Each stage after the first halves rows and columns and doubles the
features; the first one makes 64 of the 16. Kernels are drawn by He's rule, the loss holds their
sum of squares (`kernel_l2`).

The report says only "5 blocks". The example counts blocks per stage (`num_res_blocks`, its depth is
9 n + 2) and has three stages, so here it is read as five blocks in each of three stages: 47
convolutions and matrices. Read as five stages it is `SmallResNetConfig(stages=5, blocks=1)`.

The example averages 8x8 places, which on its own pictures of 32 pixels is the whole map; here the
whole map is averaged whatever the size of the pictures.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from flax.typing import Dtype
from jaxtyping import Array, Bool, Float, UInt8

from temporal_foley.models.image.layers import FeatureMap

_STEM = 16
_MOMENTUM = 0.99
_EPSILON = 1e-3
_HE_NORMAL = nnx.initializers.he_normal()
# A truncated normal distribution in Keras and in flax.


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallResNetConfig:
    """Size of a small ResNetV2."""

    stages: int = 3
    blocks: int = 5
    """In each stage."""
    compute_dtype: str = "float32"
    """`bfloat16` halves the memory of activations on a GPU or TPU; parameters, statistics and
    logits stay float32. A CPU is slower with it."""

    def __post_init__(self) -> None:
        for name in ("stages", "blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"network.{name} must be at least 1, got {getattr(self, name)}")
        if self.compute_dtype not in ("float32", "bfloat16"):
            raise ValueError(
                f"network.compute_dtype must be float32 or bfloat16, got {self.compute_dtype!r}"
            )

    @property
    def features(self) -> int:
        """Width of the last stage."""
        return 4 * _STEM * 2 ** (self.stages - 1)


class NormedConvolution(nnx.Module):
    """Normalise, cut off below zero, convolve; a 1x1 convolution is a matrix product."""

    def __init__(
        self,
        size: int,
        stride: int,
        inputs: int,
        outputs: int,
        *,
        is_normed: bool,
        dtype: Dtype,
        rngs: nnx.Rngs,
    ):
        self.stride = stride
        self.norm = _norm(inputs, dtype, rngs) if is_normed else None
        if size == 1:
            self.filter = nnx.Linear(
                inputs, outputs, kernel_init=_HE_NORMAL, dtype=dtype, rngs=rngs
            )
        else:
            self.filter = nnx.Conv(
                inputs, outputs, (size, size), kernel_init=_HE_NORMAL, dtype=dtype, rngs=rngs
            )

    def __call__(
        self, maps: FeatureMap, is_real: Bool[Array, " batch"] | None, is_training: bool
    ) -> FeatureMap:
        if self.norm is not None:
            maps = jax.nn.relu(_normed(self.norm, maps, is_real, is_training))
        # A 1x1 convolution with a stride reads every other value only.
        return self.filter(maps[:, :: self.stride, :: self.stride])


class Bottleneck(nnx.Module):
    """Narrow, filter, widen; add the input, or its projection in the first block of a stage."""

    def __init__(
        self,
        inputs: int,
        width: int,
        outputs: int,
        stride: int,
        *,
        is_first: bool,
        is_normed: bool,
        dtype: Dtype,
        rngs: nnx.Rngs,
    ):
        def convolution(
            size: int, stride: int, inputs: int, outputs: int, is_normed: bool = True
        ) -> NormedConvolution:
            return NormedConvolution(
                size, stride, inputs, outputs, is_normed=is_normed, dtype=dtype, rngs=rngs
            )

        self.narrow = convolution(1, stride, inputs, width, is_normed)
        self.filter = convolution(3, 1, width, width)
        self.widen = convolution(1, 1, width, outputs)
        self.projection = convolution(1, stride, inputs, outputs, False) if is_first else None

    def __call__(
        self, maps: FeatureMap, is_real: Bool[Array, " batch"] | None, is_training: bool
    ) -> FeatureMap:
        residual = maps
        for part in (self.narrow, self.filter, self.widen):
            residual = part(residual, is_real, is_training)
        if self.projection is not None:
            maps = self.projection(maps, is_real, is_training)
        return maps + residual


class SmallResNetV2(nnx.Module):
    """The whole network with its fully connected top."""

    def __init__(self, config: SmallResNetConfig, classes: int, *, rngs: nnx.Rngs):
        dtype = self.dtype = jnp.dtype(config.compute_dtype)
        self.stem = NormedConvolution(3, 1, 3, _STEM, is_normed=False, dtype=dtype, rngs=rngs)
        self.stem_norm = _norm(_STEM, dtype, rngs)
        blocks = []
        inputs = width = _STEM
        for stage in range(config.stages):
            outputs = 4 * width if stage == 0 else 2 * width
            for index in range(config.blocks):
                is_first = index == 0
                blocks.append(
                    Bottleneck(
                        inputs,
                        width,
                        outputs,
                        stride=2 if is_first and stage > 0 else 1,
                        is_first=is_first,
                        # The stem has normalised the input of the very first block.
                        is_normed=not (is_first and stage == 0),
                        dtype=dtype,
                        rngs=rngs,
                    )
                )
                inputs = outputs
            width = outputs
        self.blocks = nnx.List(blocks)
        self.last_norm = _norm(config.features, dtype, rngs)
        self.readout = nnx.Linear(config.features, classes, kernel_init=_HE_NORMAL, rngs=rngs)

    def __call__(
        self,
        images: UInt8[Array, "batch rows columns 3"],
        *,
        is_real: Bool[Array, " batch"] | None = None,
        is_training: bool = False,
    ) -> Float[Array, "batch classes"]:
        """Return logits; training updates the statistics of BatchNorm.

        Args:
            images: of any one size; the example was made for 32 pixels.
            is_real: False for empty rows, which then do not count in the statistics.
            is_training: normalise by the batch instead of by what was measured so far.
        """
        maps = (images.astype(jnp.float32) / 127.5 - 1.0).astype(self.dtype)
        maps = self.stem(maps, is_real, is_training)
        maps = jax.nn.relu(_normed(self.stem_norm, maps, is_real, is_training))
        for block in self.blocks:
            maps = block(maps, is_real, is_training)
        maps = jax.nn.relu(_normed(self.last_norm, maps, is_real, is_training))
        return self.readout(maps.astype(jnp.float32).mean(axis=(1, 2)))


def _norm(features: int, dtype: Dtype, rngs: nnx.Rngs) -> nnx.BatchNorm:
    return nnx.BatchNorm(features, momentum=_MOMENTUM, epsilon=_EPSILON, dtype=dtype, rngs=rngs)


def _normed(
    norm: nnx.BatchNorm,
    maps: FeatureMap,
    is_real: Bool[Array, " batch"] | None,
    is_training: bool,
) -> FeatureMap:
    mask = None if is_real is None else is_real[:, None, None, None]
    return norm(maps, use_running_average=not is_training, mask=mask)
