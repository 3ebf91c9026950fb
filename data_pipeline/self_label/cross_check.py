"""What is heard and what is seen, frame by frame, in; what may be believed of both out.

Late fusion as in report 004 (audio-visual scenes): (1 - share) of the sound's logits and `share` of
the picture's, best at a share of .25. Here the sound's logits stay whole and the picture adds
share / (1 - share) of its evidence, its log odds above those of a picture that says nothing. So
an eye that is blind for an effect adds nothing, and picture and sound can outvote each other.

Where they are at odds, the report trusts the sound more, and so does this; but a sound whose source
is not seen must be heard more firmly, and is marked as heard only.
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
    """How sound and picture are weighed."""

    picture_share: float = 0.25
    """Of report 004."""
    picture_prior: float = 0.01
    """The detector's probability for a picture that says nothing."""
    seen_at: float = 0.5
    """Seen is what the detector gives at least this probability."""
    unseen_threshold: float = 0.7
    """The sound's probability that is as good for an unseen effect as 0.5 is for a seen one."""

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
    """Return how probable it is that each effect happens in each frame.

    Args:
        heard: Logits of the sound.
        seen: Probabilities of the picture.
        visible: The effects that the eye can see at all.
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

    The audio network learnt from ten seconds at a time. What it says of the embedding of a single
    step of its feature map is far off; of the mean over a few seconds it is not.
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
