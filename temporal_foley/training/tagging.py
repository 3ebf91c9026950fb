"""Build what training a tagger needs: the network, the loss of a batch, and the evaluation.

In training, modalities are left out at random, so that the null embeddings learn what a missing one
means, and clips are mixed.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig, TaggerInputs
from temporal_foley.training.losses import LossConfig, tagger_loss
from temporal_foley.training.step import Batch, LossFn, Measured, Params, Statistics

Augment = Callable[[Key[Array, ""], Batch], Batch]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropoutConfig:
    """What is left out of the training clips."""

    picture: float = 0.05
    """Share of the clips with both that lose their pictures."""
    sound: float = 0.35
    """Share of the clips with both that lose their sound: most videos have none."""
    feature_noise: float = 0.0
    """Standard deviation of noise on features, in standard deviations of each."""

    def __post_init__(self) -> None:
        if self.picture < 0 or self.sound < 0 or self.picture + self.sound > 1:
            raise ValueError("dropout.picture and dropout.sound must be parts of 1 together")
        if self.feature_noise < 0:
            raise ValueError(f"dropout.feature_noise must be at least 0, got {self.feature_noise}")


def make_tagger(
    config: TaggerConfig, key: Key[Array, ""]
) -> tuple[nnx.GraphDef, Params, Statistics]:
    """Make a new tagger: its structure, its parameters, and its statistics."""
    model = Tagger(config, rngs=nnx.Rngs(params=key))
    graphdef, params, statistics = nnx.split(model, nnx.Param, ...)
    return graphdef, nnx.to_pure_dict(params), nnx.to_pure_dict(statistics)


def tagger_inputs(batch: Batch) -> TaggerInputs:
    """Return the inputs of a tagger in a batch."""
    return TaggerInputs(
        visual=batch["visual"].astype(jnp.float32),
        audio=batch["audio"].astype(jnp.float32),
        has_picture=batch["has_picture"],
        has_sound=batch["has_sound"],
        lengths=batch["lengths"],
    )


def make_loss_fn(
    graphdef: nnx.GraphDef,
    loss: LossConfig,
    dropout: DropoutConfig,
    *,
    augment: Augment | None = None,
    effect_weights: Float[Array | np.ndarray, " effects"] | None = None,
) -> LossFn:
    """Build the loss of a tagger in training."""

    def loss_fn(
        params: Params, statistics: Statistics, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[Statistics, Measured]]:
        augment_key, modality_key, noise_key, dropout_key = jax.random.split(key, 4)
        if augment is not None:
            batch = augment(augment_key, batch)
        inputs = drop_modalities(modality_key, tagger_inputs(batch), dropout)
        if dropout.feature_noise:
            inputs = _noisy(noise_key, inputs, statistics, dropout.feature_noise)
        model = nnx.merge(graphdef, params, statistics)
        outputs = model(inputs, rngs=nnx.Rngs(dropout=dropout_key))
        value, measured = tagger_loss(
            outputs, labels_of_modalities(batch, inputs), loss, effect_weights
        )
        return value, (statistics, measured)

    return loss_fn


def drop_modalities(
    key: Key[Array, ""], inputs: TaggerInputs, config: DropoutConfig
) -> TaggerInputs:
    """Take the picture or the sound from some of the clips that have both."""
    draw = jax.random.uniform(key, inputs.has_picture.shape)
    has_both = inputs.has_picture & inputs.has_sound
    no_picture = has_both & (draw < config.picture)
    no_sound = has_both & (draw >= 1.0 - config.sound)
    return inputs._replace(
        has_picture=inputs.has_picture & ~no_picture, has_sound=inputs.has_sound & ~no_sound
    )


def labels_of_modalities(batch: Batch, inputs: TaggerInputs) -> Batch:
    """Return the labels that fit a clip's inputs: without its sound, only visible effects.

    Otherwise a network without sound would learn to see what was only audible.
    """
    if "seen_labels" not in batch:
        return batch
    only_seen = inputs.has_picture & ~inputs.has_sound
    only_heard = inputs.has_sound & ~inputs.has_picture
    chosen = dict(batch)
    for name in ("labels", "known", "clip_labels", "clip_known"):
        shape = (-1,) + (1,) * (batch[name].ndim - 1)
        chosen[name] = jnp.where(
            only_seen.reshape(shape),
            batch[f"seen_{name}"],
            jnp.where(only_heard.reshape(shape), batch[f"heard_{name}"], batch[name]),
        )
    return chosen


def _noisy(
    key: Key[Array, ""], inputs: TaggerInputs, statistics: Statistics, amount: float
) -> TaggerInputs:
    visual_key, audio_key = jax.random.split(key)

    def add(key: Key[Array, ""], rows: Array | np.ndarray, branch: str) -> Array:
        deviation = 1.0 / statistics[branch]["scale"]
        return rows + amount * deviation * jax.random.normal(key, rows.shape)

    return inputs._replace(
        visual=add(visual_key, inputs.visual, "video"), audio=add(audio_key, inputs.audio, "audio")
    )


def make_judge(graphdef: nnx.GraphDef) -> Callable[..., Array]:
    """Build the jitted function from (params, statistics, batch) to the logits of all frames."""

    @jax.jit
    def judge(params: Params, statistics: Statistics, batch: Batch) -> Array:
        return nnx.merge(graphdef, params, statistics)(tagger_inputs(batch)).frames

    return judge


def with_input_scale(
    statistics: Statistics,
    *,
    video: tuple[np.ndarray, np.ndarray],
    audio: tuple[np.ndarray, np.ndarray],
) -> Statistics:
    """Set the mean and standard deviation of the training data in a tagger's branches."""
    scaled = dict(statistics)
    for branch, (mean, deviation) in (("video", video), ("audio", audio)):
        scaled[branch] = {
            **statistics[branch],
            "mean": jnp.asarray(mean, jnp.float32),
            "scale": jnp.asarray(1.0 / deviation, jnp.float32),
        }
    return scaled


def weights_of_effects(
    positive_frames: Int[np.ndarray, " effects"], balance: float
) -> Float[np.ndarray, " effects"] | None:
    """Return larger weights for rare effects: share of positive frames to the power of `-balance`.

    No effect weighs more than ten times the mean one, for a handful of frames would be memorised.
    """
    if not balance:
        return None
    share = np.maximum(positive_frames, 1) / max(float(np.mean(positive_frames)), 1.0)
    weights = np.minimum(share**-balance, 10.0)
    return (weights / weights.mean()).astype(np.float32)
