"""Losses of a tagger: logits, labels and what is known in, one number out; padding never counts.

A batch is what `data_pipeline.input.loader` yields. Labels between 0 and 1 are confidences of a
machine
that labelled: the effect is taken to be there, and counts as much as the machine was sure.
"""

import dataclasses

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from temporal_foley.models.tagging.tagger import TaggerOutputs
from temporal_foley.training.step import Batch, Measured

Cells = Float[Array, "batch frames effects"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is punished, and how much."""

    positive_weight: float = 1.0
    """How much more a missed frame of an effect counts than a false one."""
    balance: float = 0.0
    """0: all effects count alike in each frame. 1: those with few positive frames in the training
    data count the more, so that each gets the same share."""
    focal_gamma: float = 0.0
    """Above 0, frames that are easy count less (Lin et al., "Focal loss", ICCV 2017)."""
    smoothing: float = 0.0
    """Labels are moved so far from 0 and 1, by half of it each."""
    clip_weight: float = 0.2
    """Of the loss of whole clips, by attention, beside that of frames."""

    def __post_init__(self) -> None:
        if self.positive_weight <= 0:
            raise ValueError(f"loss.positive_weight must be above 0, got {self.positive_weight}")
        for name in ("focal_gamma", "clip_weight", "balance"):
            if getattr(self, name) < 0:
                raise ValueError(f"loss.{name} must be at least 0, got {getattr(self, name)}")
        if not 0.0 <= self.smoothing < 1.0:
            raise ValueError(f"loss.smoothing must be in [0, 1), got {self.smoothing}")


def tagger_loss(
    outputs: TaggerOutputs,
    batch: Batch,
    config: LossConfig,
    effect_weights: Float[Array, " effects"] | None = None,
) -> tuple[Float[Array, ""], Measured]:
    """Return the loss of a batch, and its parts.

    Args:
        outputs: of a tagger with sigmoids or with a softmax; its number of logits tells which.
        batch: labels and what is known of frames and clips.
        config: how the parts are weighed.
        effect_weights: of each effect where it is present, 1 in the mean.
    """
    labels, known = batch["labels"], batch["known"] & batch["mask"][..., None]
    if outputs.frames.shape[-1] == labels.shape[-1] + 1:
        frames = softmax_loss(outputs.frames, labels, known, smoothing=config.smoothing)
        return frames, {"frame_loss": frames}
    frames = sigmoid_loss(outputs.frames, labels, known, config, effect_weights)
    if not config.clip_weight:
        return frames, {"frame_loss": frames}
    clips = sigmoid_loss(
        outputs.clip, batch["clip_labels"], batch["clip_known"] & batch["is_real"][:, None], config
    )
    return frames + config.clip_weight * clips, {"frame_loss": frames, "clip_loss": clips}


def sigmoid_loss(
    logits: Float[Array, "*cells effects"],
    labels: Float[Array, "*cells effects"],
    known: Bool[Array, "*cells effects"],
    config: LossConfig,
    effect_weights: Float[Array, " effects"] | None = None,
) -> Float[Array, ""]:
    """Mean binary cross-entropy over what is known.

    Effects of one frame are judged each by itself.
    """
    is_there = (labels > 0).astype(jnp.float32)
    confidence = jnp.where(labels > 0, labels, 1.0)
    target = is_there * (1.0 - config.smoothing) + 0.5 * config.smoothing
    cells = optax.sigmoid_binary_cross_entropy(logits, target)
    if config.focal_gamma:
        probability = jax.nn.sigmoid(logits)
        wrong = jnp.where(is_there > 0, 1.0 - probability, probability)
        cells = cells * wrong**config.focal_gamma
    raised = config.positive_weight * (1.0 if effect_weights is None else effect_weights)
    weights = known * confidence * jnp.where(is_there > 0, raised, 1.0)
    return jnp.sum(cells * weights) / jnp.maximum(jnp.sum(known), 1.0)


def softmax_loss(
    logits: Float[Array, "*cells classes"],
    labels: Float[Array, "*cells effects"],
    known: Bool[Array, "*cells effects"],
    *,
    smoothing: float = 0.0,
) -> Float[Array, ""]:
    """Mean cross-entropy of one class a frame; `other` is the last, where no effect is.

    Where several effects are present each is as right as the others. A frame counts if an effect
    is known to be there, or if none is and all are known.
    """
    is_there = ((labels > 0) & known).astype(jnp.float32)
    count = is_there.sum(axis=-1, keepdims=True)
    target = jnp.concatenate(
        [is_there / jnp.maximum(count, 1.0), 1.0 - jnp.minimum(count, 1.0)], -1
    )
    target = target * (1.0 - smoothing) + smoothing / target.shape[-1]
    counts = (count[..., 0] > 0) | known.all(axis=-1)
    cells = optax.softmax_cross_entropy(logits, target)
    return jnp.sum(cells * counts) / jnp.maximum(jnp.sum(counts), 1.0)
