"""Make shards of windows of sound with the teacher's embeddings.

A window holds the student's input (log-mel) and its target (the teacher's columns). Shard `i` of a
seed is always the same; existing shards are kept.
"""

import dataclasses
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float16, Int32

from data_pipeline.distill.mix import mix_window
from data_pipeline.distill.sounds import Pool
from temporal_foley.models.audio.geometry import COLUMN_SAMPLES, FOLD, SAMPLE_RATE_HZ
from temporal_foley.models.audio.mel import log_mel
from temporal_foley.models.audio.teacher import AudioTeacher

WINDOWS = 256
"""In a shard, all of one length."""
_AT_ONCE = 32
_LENGTHS = (8, 16, 32)
"""In columns of the teacher."""
_LENGTH_PARTS = (0.35, 0.45, 0.2)
# Of the shortest windows so many end before they are full: sounds are short, too.
_CUT_PART = 0.6
_SHORTEST_S = 0.3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of one length; values after the end of a window are meaningless."""

    mel: Float16[np.ndarray, "windows mel_bands mel_frames"]
    columns: Float16[np.ndarray, "windows columns features"]
    samples: Int32[np.ndarray, " windows"]


def shard_path(folder: Path, number: int) -> Path:
    """Return where a shard is."""
    return folder / f"windows-{number:05d}.npz"


def read_shard(path: Path) -> Windows:
    """Read a shard whole."""
    with np.load(path) as arrays:
        return Windows(**{name: arrays[name] for name in ("mel", "columns", "samples")})


def make_window_shard(
    folder: Path,
    number: int,
    pool: Pool,
    sources: Sequence[str],
    teacher: AudioTeacher,
    *,
    seed: int,
) -> None:
    """Make a shard of windows mixed from the pool's sources."""
    path = shard_path(folder, number)
    if path.exists():
        return
    rng = np.random.default_rng([seed, number])
    length = int(rng.choice(_LENGTHS, p=_LENGTH_PARTS)) * COLUMN_SAMPLES
    waves = np.zeros((WINDOWS, length), np.float32)
    samples = np.full(WINDOWS, length, np.int32)
    for row in range(WINDOWS):
        if length == _LENGTHS[0] * COLUMN_SAMPLES and rng.random() < _CUT_PART:
            samples[row] = rng.integers(round(_SHORTEST_S * SAMPLE_RATE_HZ), length)
        waves[row, : samples[row]] = mix_window(rng, pool, sources, int(samples[row]))
    mel, columns = [], []
    for first in range(0, WINDOWS, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        heard = teacher(waves[part], samples[part])
        columns.append(heard.feature_map.mean(axis=1).astype(np.float16))
        mel.append(np.asarray(_student_mel(waves[part], samples[part])).astype(np.float16))
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez(file, mel=np.concatenate(mel), columns=np.concatenate(columns), samples=samples)
    unfinished.replace(path)


_student_mel = jax.jit(partial(log_mel, fold=FOLD))
