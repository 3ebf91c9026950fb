"""The tagger: embeddings of frames in, one logit for each effect and frame out.

Standardised branches for picture and sound, fusion, recurrent layers, and a readout that sees the
fused frame beside the recurrent state. Each effect has its own sigmoid, so effects sound in
parallel and silence needs no class; the softmax with an `other` class is there for comparison with
report 000. Beside the frames' logits stands one for the whole clip, by attention over its frames
(Kong et al., "Audio Set classification with attention model", ICASSP 2018): labels that say only
that something is somewhere in a clip are trained through it.
"""

import dataclasses
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from temporal_foley.models.tagging.class_prior import ClassPrior, PriorConfig
from temporal_foley.models.tagging.fusion import (
    Fusion,
    FusionConfig,
    LateWeight,
    ModalityBranch,
    Rows,
)
from temporal_foley.models.tagging.recurrent import RecurrentConfig, RecurrentLayer, look_ahead
from temporal_foley.models.tagging.tag_prior import TagPrior, TagPriorConfig

Output = Literal["sigmoid", "softmax"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaggerConfig:
    """Shape of a tagger."""

    effects: int = 20
    visual_features: int = 1280
    audio_features: int = 384
    fusion: FusionConfig = dataclasses.field(default_factory=FusionConfig)
    recurrent: RecurrentConfig = dataclasses.field(default_factory=RecurrentConfig)
    prior: PriorConfig | None = None
    """Whether the backbone's own classifier has a say; only with sigmoids."""
    tag_prior: TagPriorConfig | None = None
    """Whether the audio network's own tags have a say; only with sigmoids."""
    output: Output = "sigmoid"
    """`softmax`: one class a frame, `other` behind the last effect (report 000)."""
    compute: Literal["float32", "bfloat16"] = "float32"
    """What products are computed in; weights, states and losses stay in single precision."""

    def __post_init__(self) -> None:
        for name in ("effects", "visual_features", "audio_features"):
            if getattr(self, name) < 1:
                raise ValueError(f"tagger.{name} must be at least 1, got {getattr(self, name)}")
        if self.output not in ("sigmoid", "softmax"):
            raise ValueError(f"tagger.output must be sigmoid or softmax, got {self.output!r}")
        for name in ("prior", "tag_prior"):
            if getattr(self, name) is not None and self.output != "sigmoid":
                raise ValueError(f"tagger.{name} must be left out with a softmax")
        if self.compute not in ("float32", "bfloat16"):
            raise ValueError(f"tagger.compute must be float32 or bfloat16, got {self.compute!r}")

    @property
    def outputs(self) -> int:
        """Logits a frame."""
        return self.effects + (self.output == "softmax")

    @property
    def has_prior(self) -> bool:
        """Whether classifiers of the networks add to the logits."""
        return self.prior is not None or self.tag_prior is not None


class TaggerInputs(NamedTuple):
    """Embeddings of clips, padded; what a clip lacks is marked."""

    visual: Float[Array, "batch frames visual_features"]
    audio: Float[Array, "batch frames audio_features"]
    has_picture: Bool[Array, " batch"]
    has_sound: Bool[Array, " batch"]
    lengths: Int[Array, " batch"]


class TaggerOutputs(NamedTuple):
    """Logits of frames and of clips; those of padded frames are finite but meaningless."""

    frames: Float[Array, "batch frames outputs"]
    clip: Float[Array, "batch outputs"]


class Readout(nnx.Module):
    """Rows and states of frames in, logits and attention of frames out."""

    def __init__(self, features: int, outputs: int, *, rngs: nnx.Rngs):
        self.logits = nnx.Linear(features, outputs, rngs=rngs)
        # Even attention to begin with.
        self.attention = nnx.Linear(
            features, outputs, kernel_init=nnx.initializers.zeros_init(), rngs=rngs
        )

    def __call__(self, rows: Rows) -> tuple[Rows, Rows]:
        return self.logits(rows).astype(jnp.float32), self.attention(rows).astype(jnp.float32)


class Head(nnx.Module):
    """Fused rows in, logits and attention of frames out, through the recurrent layers."""

    def __init__(self, features: int, config: TaggerConfig, *, rngs: nnx.Rngs):
        recurrent = config.recurrent
        self.look_ahead_frames = recurrent.look_ahead_frames
        self.dropout = nnx.Dropout(recurrent.dropout)
        layers = []
        width = features
        if recurrent.cell != "none":
            for _ in range(recurrent.layers):
                layers.append(
                    RecurrentLayer(
                        recurrent.cell, width, recurrent.hidden, recurrent.directions, rngs=rngs
                    )
                )
                width = recurrent.features
        self.layers = nnx.List(layers)
        self.readout = Readout(features + recurrent.features, config.outputs, rngs=rngs)

    def __call__(
        self, rows: Rows, lengths: Int[Array, " batch"], *, rngs: nnx.Rngs | None
    ) -> tuple[Rows, Rows]:
        states = rows
        for layer in self.layers:
            states = layer(
                self.dropout(states, deterministic=rngs is None, rngs=rngs), lengths
            ).astype(rows.dtype)
        return self.read_out(rows, states, lengths, rngs=rngs)

    def read_out(
        self, rows: Rows, states: Rows, lengths: Int[Array, " batch"], *, rngs: nnx.Rngs | None
    ) -> tuple[Rows, Rows]:
        """Turn fused rows and the last layer's states into logits and attention."""
        if len(self.layers):
            if self.look_ahead_frames is not None:
                states = look_ahead(states, lengths, self.look_ahead_frames)
            rows = jnp.concatenate([rows, states], axis=-1)
        return self.readout(self.dropout(rows, deterministic=rngs is None, rngs=rngs))


class Tagger(nnx.Module):
    """Says how probable each effect is in each frame of a clip."""

    def __init__(self, config: TaggerConfig, *, rngs: nnx.Rngs):
        self.config = config
        fusion = config.fusion
        self.video = ModalityBranch(config.visual_features, fusion, rngs=rngs)
        self.audio = ModalityBranch(config.audio_features, fusion, rngs=rngs)
        if config.prior is not None:
            self.prior = ClassPrior(config.visual_features, config.effects, config.prior)
        if config.tag_prior is not None:
            self.tag_prior = TagPrior(config.audio_features, config.effects, config.tag_prior)
        if fusion.kind == "late":
            self.video_head = Head(fusion.width, config, rngs=rngs)
            self.audio_head = Head(fusion.width, config, rngs=rngs)
            self.late = LateWeight(fusion, config.outputs)
        else:
            self.fusion = Fusion(fusion, rngs=rngs)
            self.head = Head(self.fusion.width, config, rngs=rngs)

    def __call__(self, inputs: TaggerInputs, *, rngs: nnx.Rngs | None = None) -> TaggerOutputs:
        """Judge clips; with `rngs` dropout is on."""
        video, audio = self.branches(inputs, rngs=rngs)
        lengths = inputs.lengths
        if self.config.fusion.kind == "late":
            seen = self.video_head(video, lengths, rngs=rngs)
            heard = self.audio_head(audio, lengths, rngs=rngs)
            logits, attention = (
                self.late(a, b, inputs.has_picture, inputs.has_sound)
                for a, b in zip(seen, heard, strict=True)
            )
        else:
            logits, attention = self.head(self.fusion(video, audio), lengths, rngs=rngs)
        if self.config.has_prior:
            logits = logits + self.prior_logits(inputs)
        return TaggerOutputs(frames=logits, clip=pool_clip(logits, attention, lengths))

    def prior_logits(self, inputs: TaggerInputs) -> Rows:
        """Return what the networks' own classifiers add to the logits; 0 for what is missing."""
        dtype = jnp.dtype(self.config.compute)
        told = jnp.zeros(())
        if self.config.prior is not None:
            seen = self.prior(inputs.visual.astype(dtype))
            told = told + jnp.where(inputs.has_picture[:, None, None], seen, 0.0)
        if self.config.tag_prior is not None:
            heard = self.tag_prior(inputs.audio.astype(dtype))
            told = told + jnp.where(inputs.has_sound[:, None, None], heard, 0.0)
        return told

    def branches(self, inputs: TaggerInputs, *, rngs: nnx.Rngs | None = None) -> tuple[Rows, Rows]:
        """Return the rows of both modalities, before they are joined."""
        dtype = jnp.dtype(self.config.compute)
        return (
            self.video(inputs.visual.astype(dtype), inputs.has_picture, rngs=rngs),
            self.audio(inputs.audio.astype(dtype), inputs.has_sound, rngs=rngs),
        )


def frame_mask(lengths: Int[Array, " batch"], frames: int) -> Bool[Array, "batch frames"]:
    """Mark real frames True and padding False."""
    return jnp.arange(frames)[None, :] < lengths[:, None]


def pool_clip(
    logits: Rows, attention: Rows, lengths: Int[Array, " batch"]
) -> Float[Array, "batch outputs"]:
    """Average the probabilities of a clip's frames by attention, and return that as a logit."""
    mask = frame_mask(lengths, logits.shape[1])[..., None]
    weights = jax.nn.softmax(jnp.where(mask, attention, -1e9), axis=1)
    probability = jnp.sum(weights * jax.nn.sigmoid(logits), axis=1)
    # Far from 0 and 1 by more than single precision resolves, so that the logit is finite.
    probability = jnp.clip(probability, 1e-6, 1.0 - 1e-6)
    return jnp.log(probability) - jnp.log1p(-probability)
