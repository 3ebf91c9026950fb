"""Tag every frame of a clip: one logit per effect and frame from image and audio features.

Standardised branches for image and sound, fusion, recurrent layers, and a readout of the fused
features beside the recurrent state. Each effect has its own sigmoid, so effects may overlap and
silence needs no class; a softmax with a class `other` exists for comparison with the stills
baseline. A second output is one logit per effect for the whole clip, by attention over its frames
(Kong et al., "Audio Set classification with attention model", ICASSP 2018): it trains on labels
that only say that an effect is somewhere in a clip.

A `Tagger` is a plain flax module and trains in any loop, here on two effects that follow each
other, of which only one is visible at a time:

>>> import jax, numpy as np, optax
>>> from flax import nnx
>>> config = TaggerConfig(effects=2, visual_features=4, audio_features=3)
>>> tagger = Tagger(config, rngs=nnx.Rngs(params=0))
>>> labels = np.repeat(np.eye(2, dtype=np.float32)[:, None], 5, axis=1).reshape(1, 10, 2)
>>> inputs = TaggerInputs(
...     visual=np.pad(labels, ((0, 0), (0, 0), (0, 2))),  # (clips, frames, image features)
...     audio=np.zeros((1, 10, 3), np.float32),  # (clips, frames, audio features)
...     has_picture=np.array([True]),  # per clip; features of a missing modality are ignored
...     has_sound=np.array([False]),
...     lengths=np.array([10]),  # frames per clip; later ones are padding
... )
>>> optimizer = nnx.Optimizer(tagger, optax.adam(3e-2), wrt=nnx.Param)
>>> @nnx.jit
... def step(tagger, optimizer):
...     def loss_fn(tagger):
...         logits = tagger(inputs).frames  # (clips, frames, effects)
...         return optax.sigmoid_binary_cross_entropy(logits, labels).mean()
...     loss, gradients = nnx.value_and_grad(loss_fn)(tagger)
...     optimizer.update(tagger, gradients)
...     return loss
>>> losses = [float(step(tagger, optimizer)) for _ in range(30)]
>>> losses[-1] < 0.1 * losses[0]
True
"""

import dataclasses
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from temporal_foley.models.tagging.class_prior import ClassPrior, PriorConfig
from temporal_foley.models.tagging.frame_regression import FrameRegression, RegressionConfig
from temporal_foley.models.tagging.fusion import Fusion, FusionConfig, ModalityBranch
from temporal_foley.models.tagging.recurrent import Lengths, RecurrentConfig, RecurrentLayer
from temporal_foley.models.tagging.tag_prior import TagPrior, TagPriorConfig

Output = Literal["sigmoid", "softmax"]
LEAST_TRUST, USUAL_ODDS = 0.3, -3.0
"""In training, the log odds of single frames are moved towards the usual ones by up to this part:
the regression knows its own examples too well."""

FrameRows = Float[Array, "batch frames features"]
FrameLogits = Float[Array, "batch frames outputs"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaggerConfig:
    """Shape of a tagger."""

    effects: int = 20
    visual_features: int = 1280
    audio_features: int = 384
    fusion: FusionConfig = dataclasses.field(default_factory=FusionConfig)
    recurrent: RecurrentConfig = dataclasses.field(default_factory=RecurrentConfig)
    prior: PriorConfig | None = None
    """Add the log odds of the backbone's own classifier; only with sigmoids."""
    tag_prior: TagPriorConfig | None = None
    """Add the log odds of the audio network's own tags; only with sigmoids."""
    regression: RegressionConfig | None = None
    """Add the log odds of a logistic regression on single frames; only with sigmoids."""
    correction: float | None = None
    """How far the recurrent head may move the log odds of the parts above, whose gains are then
    fixed; 0 leaves it out. None: any distance, and the gains are learnt."""
    output: Output = "sigmoid"
    """`softmax`: one class per frame, `other` after the last effect (stills baseline)."""
    compute: Literal["float32", "bfloat16"] = "float32"
    """Type of the products; weights, states and losses stay in single precision."""

    def __post_init__(self) -> None:
        for name in ("effects", "visual_features", "audio_features"):
            if getattr(self, name) < 1:
                raise ValueError(f"tagger.{name} must be at least 1, got {getattr(self, name)}")
        if self.output not in ("sigmoid", "softmax"):
            raise ValueError(f"tagger.output must be sigmoid or softmax, got {self.output!r}")
        for name in ("prior", "tag_prior", "regression", "correction"):
            if getattr(self, name) is not None and self.output != "sigmoid":
                raise ValueError(f"tagger.{name} must be left out with a softmax")
        if self.regression is not None and self.regression.roots and self.prior is None:
            raise ValueError("tagger.regression.roots needs the classifier of tagger.prior")
        if self.correction is not None and self.correction < 0:
            raise ValueError(f"tagger.correction must be at least 0, got {self.correction}")
        if self.compute not in ("float32", "bfloat16"):
            raise ValueError(f"tagger.compute must be float32 or bfloat16, got {self.compute!r}")

    @property
    def outputs(self) -> int:
        """Number of logits per frame."""
        return self.effects + (self.output == "softmax")


class TaggerInputs(NamedTuple):
    """Features of padded clips, and which modalities each clip has."""

    visual: Float[Array | np.ndarray, "batch frames visual_features"]
    audio: Float[Array | np.ndarray, "batch frames audio_features"]
    has_picture: Bool[Array | np.ndarray, " batch"]
    has_sound: Bool[Array | np.ndarray, " batch"]
    lengths: Int[Array | np.ndarray, " batch"]
    """Number of real frames of each clip."""


class TaggerOutputs(NamedTuple):
    """Logits of frames and of clips; those of padded frames are finite but meaningless."""

    frames: FrameLogits
    clip: Float[Array, "batch outputs"]


class FrameParts(NamedTuple):
    """What is computed of each frame by itself, before the recurrent layers."""

    rows: Float[Array, "batch frames fused"]
    prior: FrameLogits | Float[Array, ""]
    """Log odds to add to the logits; 0 without priors."""


class Readout(nnx.Module):
    """Turn the features of frames into their logits and attention."""

    def __init__(self, features: int, outputs: int, *, rngs: nnx.Rngs):
        self.logits = nnx.Linear(features, outputs, rngs=rngs)
        # Even attention to begin with.
        self.attention = nnx.Linear(
            features, outputs, kernel_init=nnx.initializers.zeros_init(), rngs=rngs
        )

    def __call__(self, rows: FrameRows) -> tuple[FrameLogits, FrameLogits]:
        return self.logits(rows).astype(jnp.float32), self.attention(rows).astype(jnp.float32)


class Head(nnx.Module):
    """Read fused features through the recurrent layers; return logits and attention of frames."""

    def __init__(self, features: int, config: TaggerConfig, *, rngs: nnx.Rngs):
        recurrent = config.recurrent
        self.farthest = config.correction
        self.dropout = nnx.Dropout(recurrent.dropout)
        layers = []
        width = features
        if recurrent.cell != "none":
            for _ in range(recurrent.layers):
                layers.append(RecurrentLayer(recurrent.cell, width, recurrent.hidden, rngs=rngs))
                width = recurrent.features
        self.layers = nnx.List(layers)
        self.readout = Readout(features + recurrent.features, config.outputs, rngs=rngs)

    def __call__(
        self, rows: FrameRows, lengths: Lengths, *, rngs: nnx.Rngs | None = None
    ) -> tuple[FrameLogits, FrameLogits]:
        logits, attention = self.readout(self._drop(self.features(rows, lengths, rngs=rngs), rngs))
        if self.farthest is not None:
            # Almost the same within the limit, never beyond it.
            logits = self.farthest * jnp.tanh(logits / max(self.farthest, 1e-3))
        return logits, attention

    def features(
        self, rows: FrameRows, lengths: Lengths, *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch frames readout"]:
        """Return what the readout reads: fused features beside the last layer's states."""
        states = rows
        for layer in self.layers:
            states = layer(self._drop(states, rngs), lengths).astype(rows.dtype)
        return jnp.concatenate([rows, states], axis=-1) if len(self.layers) else rows

    def _drop(self, rows: Array, rngs: nnx.Rngs | None) -> Array:
        return self.dropout(rows, deterministic=rngs is None, rngs=rngs)


class Tagger(nnx.Module):
    """Return how probable each effect is in each frame of a clip, as logits."""

    def __init__(self, config: TaggerConfig, *, rngs: nnx.Rngs):
        self.config = config
        fusion = config.fusion
        self.video = ModalityBranch(config.visual_features, fusion, rngs=rngs)
        self.audio = ModalityBranch(config.audio_features, fusion, rngs=rngs)
        if config.prior is not None:
            self.prior = ClassPrior(config.visual_features, config.effects, config.prior)
        if config.tag_prior is not None:
            self.tag_prior = TagPrior(config.audio_features, config.effects, config.tag_prior)
        if config.regression is not None:
            self.regression = FrameRegression(
                config.visual_features,
                config.effects,
                config.regression,
                0 if config.prior is None else config.prior.classes,
            )
        if config.correction is not None:
            # Else the head would spend its bounded corrections on the rate of all effects.
            self.shift = nnx.Param(jnp.zeros(1))
        self.fusion = Fusion(fusion, rngs=rngs)
        self.head = Head(self.fusion.width, config, rngs=rngs)

    def __call__(self, inputs: TaggerInputs, *, rngs: nnx.Rngs | None = None) -> TaggerOutputs:
        """Tag clips; with `rngs` dropout is on."""
        parts = self.frame_parts(inputs, rngs=rngs)
        logits, attention = self.head(parts.rows, inputs.lengths, rngs=rngs)
        logits = logits + parts.prior
        return TaggerOutputs(frames=logits, clip=pool_clip(logits, attention, inputs.lengths))

    def frame_parts(self, inputs: TaggerInputs, *, rngs: nnx.Rngs | None = None) -> FrameParts:
        """Return fused features and prior log odds, each frame by itself."""
        dtype = jnp.dtype(self.config.compute)
        visual, audio = jnp.asarray(inputs.visual, dtype), jnp.asarray(inputs.audio, dtype)
        video_rows = self.video(visual, inputs.has_picture, rngs=rngs)
        audio_rows = self.audio(audio, inputs.has_sound, rngs=rngs)
        prior = self.seen(visual, inputs.has_picture) + self.heard(audio, inputs.has_sound)
        if self.config.correction is not None and prior.ndim:
            if rngs is not None:
                # Gains are not trained; without training, gradients say where an effect is seen.
                prior = jax.lax.stop_gradient(prior)
                trust = jax.random.uniform(
                    rngs.dropout(), (len(prior), 1, 1), minval=LEAST_TRUST, maxval=1.0
                )
                prior = USUAL_ODDS + trust * (prior - USUAL_ODDS)
            prior = self.or_heard_alone(prior + self.shift[...], audio, inputs.has_sound)
        return FrameParts(rows=self.fusion(video_rows, audio_rows), prior=prior)

    def seen(
        self, visual: FrameRows, has_picture: Bool[Array | np.ndarray, " batch"]
    ) -> FrameLogits | Float[Array, ""]:
        """Return the log odds from single pictures alone; a constant without pictures."""
        parts = []
        if self.config.regression is not None:
            roots = None
            if self.config.regression.roots:
                # Where an effect is in the picture is asked of the features alone.
                roots = jax.lax.stop_gradient(self.prior.roots(visual))
            parts.append(self.regression(visual, roots))
        if self.config.prior is not None:
            parts.append(self.prior(visual))
        if not parts:
            return jnp.zeros(())
        absent = 0.0 if self.config.regression is None else self.config.regression.absent
        return jnp.where(has_picture[:, None, None], sum(parts), absent)

    def heard(
        self, audio: FrameRows, has_sound: Bool[Array | np.ndarray, " batch"]
    ) -> FrameLogits | Float[Array, ""]:
        """Return the log odds from the sound of single frames alone; without sound, a constant."""
        if self.config.tag_prior is None:
            return jnp.zeros(())
        absent = self.config.tag_prior.absent
        return jnp.where(has_sound[:, None, None], self.tag_prior(audio), absent)

    def or_heard_alone(
        self, log_odds: FrameLogits, audio: FrameRows, has_sound: Bool[Array | np.ndarray, " batch"]
    ) -> FrameLogits:
        """Add the odds of what is clearly heard, whether or not it is seen."""
        if self.config.tag_prior is None or self.config.tag_prior.alone is None:
            return log_odds
        alone = jax.lax.stop_gradient(self.tag_prior.alone(audio))
        return jnp.where(has_sound[:, None, None], jnp.logaddexp(log_odds, alone), log_odds)


def frame_mask(lengths: Lengths, frames: int) -> Bool[Array, "batch {frames}"]:
    """Mark real frames True and padding False."""
    return jnp.arange(frames)[None, :] < lengths[:, None]


def pool_clip(
    logits: FrameLogits, attention: FrameLogits, lengths: Lengths
) -> Float[Array, "batch outputs"]:
    """Average the probabilities of a clip's frames by attention, and return that as a logit."""
    mask = frame_mask(lengths, logits.shape[1])[..., None]
    weights = jax.nn.softmax(jnp.where(mask, attention, -1e9), axis=1)
    probability = jnp.sum(weights * jax.nn.sigmoid(logits), axis=1)
    # Far from 0 and 1 by more than single precision resolves, so that the logit is finite.
    probability = jnp.clip(probability, 1e-6, 1.0 - 1e-6)
    return jnp.log(probability) - jnp.log1p(-probability)
