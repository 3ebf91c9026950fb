"""Define what the analysis of a video's own sound hands to timing and to the fill decision."""

import dataclasses

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.spotting.own_sound.onset_strength import SoundLevels

TAG_STEP_S = 0.16
"""Time from one row of tags to the next; row `i` is centred on `i * TAG_STEP_S`."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SoundEvidence:
    """Levels of a video's own sound, and what is audible in it, from the first picture on."""

    vocabulary: Vocabulary
    levels: SoundLevels
    tags: Float[np.ndarray, "columns effects"]
    """How probably each effect is audible."""
    speech: Float[np.ndarray, " columns"]
    music: Float[np.ndarray, " columns"]
    likeness: Float[np.ndarray, "columns effects"] | None = None
    """How like each effect the columns sound; the mean over a stretch counts as log odds.

    NaN for effects for which that was not fitted.
    """

    def __post_init__(self) -> None:
        if self.tags.shape != (len(self.speech), len(self.vocabulary)) or len(self.music) != len(
            self.speech
        ):
            raise ValueError(
                f"tags must be ({len(self.speech)} columns, {len(self.vocabulary)} effects), "
                f"got {self.tags.shape} with {len(self.music)} columns of music"
            )
        if self.likeness is not None and self.likeness.shape != self.tags.shape:
            raise ValueError(f"likeness must be {self.tags.shape}, got {self.likeness.shape}")

    def columns(self, start: float, end: float) -> slice:
        """Return the rows centred in `[start, end)` seconds; the nearest one, if there is none."""
        if not len(self.speech):
            return slice(0, 0)
        first = int(np.clip(np.ceil(start / TAG_STEP_S - 1e-9), 0, len(self.speech) - 1))
        last = int(np.clip(np.ceil(end / TAG_STEP_S - 1e-9), first + 1, len(self.speech)))
        return slice(first, last)
