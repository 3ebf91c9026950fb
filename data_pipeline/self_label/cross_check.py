"""Combine audio and image probabilities per frame.

Late fusion as in the scene baseline: (1 - share) of the sound's logits and `share` of
the picture's, best at a share of .25. Here the sound's logits stay whole and the picture adds
share / (1 - share) of its evidence, its log odds above those of an uninformative picture. So
a detector that cannot see an effect adds nothing, and picture and sound can outvote each other.

Where they disagree, the sound counts more; but a sound without a visible source needs a higher
probability, and is marked as audible only.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from temporal_foley.timegrid import TimeGrid

Heard = Float[np.ndarray, "frames effects"]
Seen = Float[np.ndarray, "frames effects"]
Embedding = Float[np.ndarray, "frames features"]

LEAST_LOGIT = -12.0
_LEAST_SEEN = 1e-4


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossCheckConfig:
    """Weights of sound and picture."""

    picture_share: float = 0.25
    """As in the scene baseline."""
    picture_prior: float = 0.01
    """The detector's probability for an uninformative picture."""
    seen_at: float = 0.5
    """An effect is visible from this probability of the detector on."""
    unseen_threshold: float = 0.7
    """The sound's threshold for an invisible effect; 0.5 for a visible one."""

    def __post_init__(self) -> None:
        for name in ("picture_prior", "seen_at", "unseen_threshold"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ValueError(f"cross_check.{name} must be in (0, 1), got {getattr(self, name)}")
        if not 0.0 <= self.picture_share < 1.0:
            raise ValueError(
                f"cross_check.picture_share must be in [0, 1), got {self.picture_share}"
            )


def weigh(
    heard: Heard,
    seen: Seen,
    visible: Bool[np.ndarray, " effects"],
    config: CrossCheckConfig = CrossCheckConfig(),
) -> Float[np.ndarray, "frames effects"]:
    """Return the probability of each effect in each frame.

    Args:
        heard: Logits of the sound.
        seen: Probabilities of the picture.
        visible: The effects that the detector knows.
        config: The weights.
    """
    if heard.shape != seen.shape or heard.shape[1:] != visible.shape:
        raise ValueError(
            f"heard, seen and visible must be of the same effects, got {heard.shape}, "
            f"{seen.shape}, {visible.shape}"
        )
    share = config.picture_share / (1.0 - config.picture_share)
    within = np.clip(seen, _LEAST_SEEN, 1.0 - _LEAST_SEEN)
    evidence = share * (_logit(within) - _logit(np.array(config.picture_prior)))
    alone = ~(visible & (seen >= config.seen_at))
    handicap = np.where(alone, _logit(np.array(config.unseen_threshold)), 0.0)
    total = heard + np.where(visible, evidence, 0.0) - handicap
    return sigmoid(total).astype(np.float32)


def mean_around(embedding: Embedding, grid: TimeGrid, window_s: float) -> Embedding:
    """Average each frame with those around it, in a window of an odd number of frames.

    The audio network was trained on ten seconds at a time. Its tags of a single step of its feature
    map are far off; those of the mean over a few seconds are not.
    """
    half = grid.frame_count(window_s) // 2
    total = np.concatenate(
        [np.zeros((1, embedding.shape[1])), np.cumsum(embedding, axis=0, dtype=np.float64)]
    )
    centre = np.arange(len(embedding))
    first = np.maximum(centre - half, 0)
    last = np.minimum(centre + half + 1, len(embedding))
    return ((total[last] - total[first]) / (last - first)[:, None]).astype(np.float32)


def sigmoid(logits: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    """Return the probabilities of logits of any size."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


def _logit(probability: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    return np.log(probability) - np.log1p(-probability)
