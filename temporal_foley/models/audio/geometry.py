"""Count the samples, mel frames and columns of sounds that the audio networks take, without jax.

A column is one step in time of a network's feature map: column `i` is centred on sample
`i * COLUMN_SAMPLES` of the sound.
"""

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import jax

Count = TypeVar("Count", int, "jax.Array", np.ndarray)

SAMPLE_RATE_HZ = 32_000
HOP_SAMPLES = 320
FFT_POINTS = 1024
MIN_SAMPLES = FFT_POINTS // 2 + 2
"""Shorter sounds cannot be reflected at their ends."""
FEATURES = 384
"""Length of an embedding of `mn04` and of its student."""
FRAMES_PER_COLUMN = 32
"""Mel frames from one column of the teacher's feature map to the next."""
COLUMN_SAMPLES = FRAMES_PER_COLUMN * HOP_SAMPLES
FOLD = 1
"""Mel frames and bands of the teacher per one of the student."""
FRAME_STRIDE = 16
"""The student's mel frames per column."""
COLUMNS_EACH = FRAMES_PER_COLUMN // (FOLD * FRAME_STRIDE)
"""The student's columns per one of the teacher."""


def mel_frames(samples: Count, fold: int = 1) -> Count:
    """Return the number of mel frames of a sound."""
    return 1 + (samples - 1) // (fold * HOP_SAMPLES)


def count_columns(samples: Count, columns_each: int = 1) -> Count:
    """Return the number of columns of a sound, `columns_each` to one of `COLUMN_SAMPLES`."""
    return -(-mel_frames(samples) // (FRAMES_PER_COLUMN // columns_each))
