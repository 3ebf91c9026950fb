"""Load an audio encoder by name, and embed the sound of each frame of a grid."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float16

from temporal_foley.models.audio.columns import ColumnEncoder, Wave, mean_in_frames
from temporal_foley.models.audio.heard_sound import HeardSound
from temporal_foley.models.audio.student import load_student
from temporal_foley.timegrid import TimeGrid

EncoderName = Literal["student", "teacher"]

SILENCE = 1e-3
"""A track whose peak stays below this (-60 dBFS) counts as none: many videos carry an empty one."""


@runtime_checkable
class AudioEncoder(Protocol):
    """Embeds sound. All encoders share one embedding space, so a head may read any of them."""

    @property
    def name(self) -> str:
        """Name of the encoder."""
        ...

    @property
    def sha256(self) -> str:
        """Digest of its weights file."""
        ...

    @property
    def features(self) -> int:
        """Length of an embedding."""
        ...

    def frame_embeddings(
        self, sound: Wave | Iterable[Wave], grid: TimeGrid
    ) -> Float[np.ndarray, "frames features"]:
        """Embed mono sound at 32 kHz of any length, whole or in blocks."""
        ...


def load_encoder(name: EncoderName, weights: Path | None = None) -> AudioEncoder:
    """Load an encoder.

    Args:
        name: `student`, which ships with the package, or `teacher`, which is downloaded once.
        weights: Other weights of the student, or a copy of the teacher's file.
    """
    match name:
        case "student":
            return load_student(weights)
        case "teacher":
            # Imported lazily: it needs jax.
            from temporal_foley.models.audio.teacher import load_teacher

            return load_teacher(weights)
    raise ValueError(f"encoder must be student or teacher, got {name!r}")


def listen(
    encoder: AudioEncoder, sound: Wave | Iterable[Wave] | HeardSound, grid: TimeGrid
) -> Float16[np.ndarray, "frames features"] | None:
    """Return an embedding of each frame's sound as it is stored, or None if all is silence.

    Args:
        encoder: The network.
        sound: Mono at 32 kHz, whole or in blocks, or a `HeardSound`.
        grid: The frames.
    """
    if isinstance(sound, HeardSound) and isinstance(encoder, ColumnEncoder):
        columns = sound.columns(encoder)
        rows = mean_in_frames(columns, grid, columns_each=encoder.columns_each)
        return np.asarray(rows, np.float16) if sound.peak >= SILENCE else None
    peak = 0.0

    def measured(blocks: Iterable[Wave]) -> Iterator[Wave]:
        nonlocal peak
        for block in blocks:
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            yield block

    if isinstance(sound, np.ndarray):
        (whole,) = measured([sound])
        rows = encoder.frame_embeddings(whole, grid)
    else:
        rows = encoder.frame_embeddings(measured(sound), grid)
    return np.asarray(rows, np.float16) if peak >= SILENCE else None
