"""Compute the logits of effects that were taught to a bundle.

Each is a linear function of the frozen backbone's features of one frame, beside the tagger, which
is unchanged. Features pass a square root first, which shortens the long tails of pooled features
(Hu, Gripon and Pateux, "Leveraging the feature distribution in transfer-based few-shot learning",
ICANN 2021).
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Float16, Float32

from temporal_foley.models.programs.program import NetworkStep

NOT_SEEN = -20.0
"""The logit of a taught effect where there is no image."""
BLOCK_FRAMES = 256


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TaughtEffects:
    """A linear function per effect, in the precision of a bundle's file."""

    kernel: Float16[np.ndarray, "visual_features taught"]
    bias: Float16[np.ndarray, " taught"]

    def __post_init__(self) -> None:
        if self.kernel.ndim != 2 or self.bias.shape != self.kernel.shape[1:]:
            raise ValueError(
                f"taught.kernel and taught.bias must be (features, effects) and (effects), "
                f"got {self.kernel.shape} and {self.bias.shape}"
            )
        if not (np.isfinite(self.kernel).all() and np.isfinite(self.bias).all()):
            raise ValueError("taught.kernel and taught.bias must be finite")

    def __len__(self) -> int:
        return self.kernel.shape[1]

    def and_also(self, other: "TaughtEffects") -> "TaughtEffects":
        """Return these effects followed by others."""
        return TaughtEffects(
            kernel=np.concatenate([self.kernel, other.kernel], axis=1),
            bias=np.concatenate([self.bias, other.bias]),
        )


def draw_in(features: Float[np.ndarray, "*axes"]) -> Float32[np.ndarray, "*axes"]:
    """Return the signed square root of features."""
    wide = np.asarray(features, np.float32)
    return np.sign(wide) * np.sqrt(np.abs(wide))


def judge_frames(
    taught: TaughtEffects,
    visual: Float[np.ndarray, "frames visual_features"],
    *,
    has_picture: bool,
) -> Float32[np.ndarray, "frames taught"]:
    """Return the logits of the frames of a clip of any length.

    Frames are computed in blocks of one shape, so that only one program is compiled and a frame's
    logit does not depend, to the bit, on the frames around it.
    """
    blocks = [np.zeros((0, len(taught)), np.float32)]
    presence = np.array([has_picture])
    for start in range(0, len(visual), BLOCK_FRAMES):
        rows = np.asarray(visual[start : start + BLOCK_FRAMES], np.float32)
        padded = np.pad(rows, ((0, BLOCK_FRAMES - len(rows)), (0, 0)))[None]
        # One by one: an effect's logit must not depend on the number of effects.
        judged = [
            _judge(taught.kernel[:, [k]], taught.bias[[k]], padded, presence)[0][0]
            for k in range(len(taught))
        ]
        blocks.append(np.concatenate(judged, axis=1)[: len(rows)])
    return np.concatenate(blocks)


def _trace() -> Callable[..., Any]:
    # Imported lazily: it needs jax.
    from temporal_foley.models.tagging.steps import taught_logits

    return lambda _weights, *inputs: taught_logits(*inputs, absent=NOT_SEEN)


_judge = NetworkStep(name="taught effect", settings="logits", trace=_trace, weights={})
