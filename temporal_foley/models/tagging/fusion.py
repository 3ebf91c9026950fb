"""Fusion: what is seen and what is heard in each frame in, one row of features for each out.

A modality that a clip lacks is a learnt null embedding, so that one model serves videos with sound,
without sound, and sound alone. Both modalities are standardised and brought to one width before
they are joined, so that neither drowns the other.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

FusionKind = Literal["concat", "gated", "late", "audio", "video"]
AlphaKind = Literal["fixed", "learnt", "per_effect"]
FUSIONS: tuple[FusionKind, ...] = ("concat", "gated", "late", "audio", "video")

Rows = Float[Array, "batch frames features"]
Presence = Bool[Array, " batch"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """How picture and sound are joined."""

    kind: FusionKind = "concat"
    """`concat` and `gated` join features before the recurrent layers (early); `late` has layers for
    each modality and joins their logits; `audio` and `video` use one modality alone."""
    width: int = 192
    """To which each modality is brought."""
    dropout: float = 0.3
    """On what comes from the encoders."""
    alpha: float = 0.25
    """Of `late`: logits = (1 - alpha) audio + alpha video; .25 was the best of report 004."""
    alpha_kind: AlphaKind = "fixed"
    """`learnt` and `per_effect` start from `alpha`."""

    def __post_init__(self) -> None:
        if self.kind not in FUSIONS:
            raise ValueError(f"fusion.kind must be one of {', '.join(FUSIONS)}, got {self.kind!r}")
        if self.width < 1:
            raise ValueError(f"fusion.width must be at least 1, got {self.width}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"fusion.dropout must be in [0, 1), got {self.dropout}")
        if not 0.0 < self.alpha < 1.0:
            raise ValueError(f"fusion.alpha must be in (0, 1), got {self.alpha}")
        if self.alpha_kind not in ("fixed", "learnt", "per_effect"):
            raise ValueError("fusion.alpha_kind must be fixed, learnt or per_effect")


class Statistic(nnx.Variable):
    """A number that is measured on the training data and not trained."""


class ModalityBranch(nnx.Module):
    """Embeddings of one modality in, rows of the common width out; null rows where it lacks."""

    def __init__(self, features: int, config: FusionConfig, *, rngs: nnx.Rngs):
        self.mean = Statistic(jnp.zeros(features))
        self.scale = Statistic(jnp.ones(features))
        self.dropout = nnx.Dropout(config.dropout)
        self.into = nnx.Linear(features, config.width, rngs=rngs)
        self.null = nnx.Param(0.1 * jax.random.normal(rngs.params(), (config.width,)))

    def __call__(self, embeddings: Rows, is_there: Presence, *, rngs: nnx.Rngs | None) -> Rows:
        dtype = embeddings.dtype
        standard = (embeddings - self.mean[...]) * self.scale[...]
        # A feature that was all but constant in training must not shout when it is not.
        standard = jnp.clip(standard, -8.0, 8.0).astype(dtype)
        rows = jax.nn.gelu(
            self.into(self.dropout(standard, deterministic=rngs is None, rngs=rngs)).astype(dtype)
        )
        null = jnp.broadcast_to(self.null[...].astype(dtype), rows.shape)
        return jnp.where(is_there[:, None, None], rows, null)


class Fusion(nnx.Module):
    """Rows of both modalities in, joined rows out: `concat` or `gated`, or one of the two."""

    def __init__(self, config: FusionConfig, *, rngs: nnx.Rngs):
        self.kind: FusionKind = config.kind
        self.width = 2 * config.width if config.kind == "concat" else config.width
        if config.kind == "gated":
            self.gate = nnx.Linear(2 * config.width, config.width, rngs=rngs)

    def __call__(self, video: Rows, audio: Rows) -> Rows:
        if self.kind == "video":
            return video
        if self.kind == "audio":
            return audio
        both = jnp.concatenate([video, audio], axis=-1)
        if self.kind == "concat":
            return both
        # How far each feature trusts the picture (Arevalo et al., "Gated multimodal units", 2017).
        trust = jax.nn.sigmoid(self.gate(both))
        return trust * video + (1.0 - trust) * audio


class LateWeight(nnx.Module):
    """Logits of both modalities in, their weighted sum out; a missing modality has no weight."""

    def __init__(self, config: FusionConfig, effects: int):
        self.alpha_kind: AlphaKind = config.alpha_kind
        shape = (effects,) if config.alpha_kind == "per_effect" else ()
        start = jnp.full(shape, jnp.log(config.alpha / (1.0 - config.alpha)))
        self.odds = Statistic(start) if config.alpha_kind == "fixed" else nnx.Param(start)

    @property
    def alpha(self) -> Float[Array, " ..."]:
        """The weight of the picture."""
        return jax.nn.sigmoid(self.odds[...])

    def __call__(self, video: Rows, audio: Rows, has_video: Presence, has_audio: Presence) -> Rows:
        alpha = jnp.broadcast_to(self.alpha, video.shape[-1:])
        alone = jnp.where(has_video & ~has_audio, 1.0, jnp.where(has_audio & ~has_video, 0.0, -1.0))
        share = jnp.where(alone[:, None] >= 0, alone[:, None], alpha[None])[:, None]
        return (share * video + (1.0 - share) * audio).astype(video.dtype)
