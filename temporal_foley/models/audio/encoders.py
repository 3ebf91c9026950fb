"""A name in, what turns sound into an embedding for each frame of a grid out."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Float

from temporal_foley.models.audio import load_teacher
from temporal_foley.models.audio.columns import Wave
from temporal_foley.models.audio.student import load_student
from temporal_foley.timegrid import TimeGrid

EncoderName = Literal["student", "teacher"]


class AudioEncoder(Protocol):
    """What listens. All encoders answer in one space, so a head may read any of them."""

    @property
    def name(self) -> str:
        """Which encoder it is."""
        ...

    @property
    def sha256(self) -> str:
        """The digest of its weights file."""
        ...

    @property
    def features(self) -> int:
        """The length of an embedding."""
        ...

    def frame_embeddings(
        self, sound: Wave | Iterable[Wave], grid: TimeGrid
    ) -> Float[np.ndarray, "frames features"]:
        """Listen to mono sound at 32 kHz of any length, whole or in blocks; float32 comes out."""
        ...


def load_encoder(name: EncoderName, weights: Path | None = None) -> AudioEncoder:
    """Load an encoder.

    Args:
        name: `student`, which ships with the package, or `teacher`, which is downloaded once.
        weights: other weights of the student; a copy of the teacher's file.
    """
    match name:
        case "student":
            return load_student(weights)
        case "teacher":
            return load_teacher(weights)
    raise ValueError(f"encoder must be student or teacher, got {name!r}")
