"""Compute the loss of a tagger; padding and unlabelled cells never count.

A batch is what `data_pipeline.input.loader` yields. Labels between 0 and 1 are the confidences of
automatic labels: the effect counts as present, with the confidence as its weight.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from temporal_foley.models.tagging.tagger import TaggerOutputs
from temporal_foley.training.step import Batch, Measured

Cells = Float[Array, "batch frames effects"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the parts of the loss."""

    positive_weight: float = 1.0
    """Weight of a frame with an effect, relative to one without."""
    balance: float = 0.0
    """0: all effects weigh the same in each frame. 1: effects with few positive frames in the
    training data weigh more, so that each gets the same share."""
    focal_gamma: float = 0.0
    """Above 0, easy frames weigh less (Lin et al., "Focal loss", ICCV 2017)."""
    smoothing: float = 0.0
    """Labels are moved from 0 and 1 by half of this."""
    clip_weight: float = 0.2
    """Weight of the loss of whole clips, by attention, beside that of frames."""

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
    effect_weights: Float[Array | np.ndarray, " effects"] | None = None,
) -> tuple[Float[Array, ""], Measured]:
    """Return the loss of a batch, and its parts.

    Args:
        outputs: Of a tagger with sigmoids or with a softmax, which has one logit more.
        batch: Labels of frames and clips, and which of them are known.
        config: Weights of the parts.
        effect_weights: Of each effect where it is present, with mean 1.
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
    effect_weights: Float[Array | np.ndarray, " effects"] | None = None,
) -> Float[Array, ""]:
    """Return the mean binary cross-entropy over the known cells."""
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
    """Return the mean cross-entropy of one class per frame; the last is `other`, for no effect.

    If several effects are present, each is equally correct. A frame counts if an effect is known
    to be present, or if all are known to be absent.
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
