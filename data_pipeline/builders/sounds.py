"""Read sounds as 32 kHz mono, and convert them to and from 16 bits."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int16

from data_pipeline.schema import SOUND_RATE_HZ
from temporal_foley.media.audio import read_sound_file

Mono = Float32[np.ndarray, " samples"]


def read_mono(path: Path) -> Mono:
    """Read a sound file whole, its channels mixed to one.

    Raises:
        MediaError: It is not a sound file, or its header is impossible.
    """
    return read_sound_file(path, SOUND_RATE_HZ).mean(axis=1).astype(np.float32)


def to_int16(sound: Mono) -> Int16[np.ndarray, " samples"]:
    """Round to 16 bits; clip at full scale."""
    return np.round(np.clip(sound, -1.0, 1.0 - 2.0**-15) * 2.0**15).astype(np.int16)


def sound_to_float(sound: Int16[np.ndarray, " samples"]) -> Mono:
    """Return 16-bit samples as floats of at most 1."""
    return sound.astype(np.float32) / np.float32(2**15)
