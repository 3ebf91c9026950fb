"""Join image and audio features of each frame into one row of features.

A modality that a clip lacks is replaced by a learnt null embedding, so that one model serves videos
with sound, without sound, and sound alone. Both modalities are standardised and projected to one
width before they are joined, so that neither dominates.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

FusionKind = Literal["concat", "gated", "audio", "video"]
FUSIONS: tuple[FusionKind, ...] = ("concat", "gated", "audio", "video")

Presence = Bool[Array | np.ndarray, " batch"]
Rows = Float[Array, "batch frames width"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """How image and audio features are joined."""

    kind: FusionKind = "concat"
    """`concat` and `gated` join both modalities; `audio` and `video` use one of them."""
    width: int = 192
    """Features of each modality after its projection."""
    dropout: float = 0.3
    """On the encoders' features."""

    def __post_init__(self) -> None:
        if self.kind not in FUSIONS:
            raise ValueError(f"fusion.kind must be one of {', '.join(FUSIONS)}, got {self.kind!r}")
        if self.width < 1:
            raise ValueError(f"fusion.width must be at least 1, got {self.width}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"fusion.dropout must be in [0, 1), got {self.dropout}")


class Statistic(nnx.Variable):
    """A number that is measured on the training data and not trained."""


class ModalityBranch(nnx.Module):
    """Standardise one modality and project it to the common width; null rows where it is absent."""

    def __init__(self, features: int, config: FusionConfig, *, rngs: nnx.Rngs):
        self.mean = Statistic(jnp.zeros(features))
        self.scale = Statistic(jnp.ones(features))
        self.dropout = nnx.Dropout(config.dropout)
        self.into = nnx.Linear(features, config.width, rngs=rngs)
        self.null = nnx.Param(0.1 * jax.random.normal(rngs.params(), (config.width,)))

    def __call__(
        self,
        embeddings: Float[Array | np.ndarray, "batch frames features"],
        is_there: Presence,
        *,
        rngs: nnx.Rngs | None,
    ) -> Rows:
        dtype = embeddings.dtype
        standard = (embeddings - self.mean[...]) * self.scale[...]
        # A feature that hardly varied in training must not dominate when it does.
        standard = jnp.clip(standard, -8.0, 8.0).astype(dtype)
        rows = jax.nn.gelu(
            self.into(self.dropout(standard, deterministic=rngs is None, rngs=rngs)).astype(dtype)
        )
        null = jnp.broadcast_to(self.null[...].astype(dtype), rows.shape)
        return jnp.where(is_there[:, None, None], rows, null)


class Fusion(nnx.Module):
    """Join the rows of both modalities by `concat` or `gated`, or pass one of them on."""

    def __init__(self, config: FusionConfig, *, rngs: nnx.Rngs):
        self.kind: FusionKind = config.kind
        self.width = 2 * config.width if config.kind == "concat" else config.width
        if config.kind == "gated":
            self.gate = nnx.Linear(2 * config.width, config.width, rngs=rngs)

    def __call__(self, video: Rows, audio: Rows) -> Float[Array, "batch frames fused"]:
        if self.kind == "video":
            return video
        if self.kind == "audio":
            return audio
        both = jnp.concatenate([video, audio], axis=-1)
        if self.kind == "concat":
            return both
        # How far each feature trusts the image (Arevalo et al., "Gated multimodal units", 2017).
        trust = jax.nn.sigmoid(self.gate(both))
        return trust * video + (1.0 - trust) * audio
