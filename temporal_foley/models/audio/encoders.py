"""A name in, what turns sound into an embedding for each frame of a grid out."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float16

from temporal_foley.models.audio import load_teacher
from temporal_foley.models.audio.columns import Wave
from temporal_foley.models.audio.student import load_student
from temporal_foley.timegrid import TimeGrid

EncoderName = Literal["student", "teacher"]

SILENCE = 1e-3
"""A track that never gets louder says nothing: many videos carry one that is empty (-60 dBFS)."""


@runtime_checkable
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


def listen(
    encoder: AudioEncoder, sound: Wave | Iterable[Wave], grid: TimeGrid
) -> Float16[np.ndarray, "frames features"] | None:
    """Return an embedding of each frame's sound, as it is stored; None if it is all silence.

    Args:
        encoder: what listens.
        sound: mono at 32 kHz, whole or in blocks.
        grid: the frames.
    """
    peak = 0.0

    def measured(blocks: Iterable[Wave]) -> Iterator[Wave]:
        nonlocal peak
        for block in blocks:
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            yield block

    if isinstance(sound, np.ndarray):
        (heard,) = measured([sound])
    else:
        heard = measured(sound)
    rows = encoder.frame_embeddings(heard, grid)
    return np.asarray(rows, np.float16) if peak >= SILENCE else None
