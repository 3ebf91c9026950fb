"""Embed sounds of any length: cut them into overlapping windows and blend the results.

Windows begin on columns (see `geometry`), so that the columns of neighbouring windows coincide and
can be blended.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.models.audio.geometry import (
    COLUMN_SAMPLES,
    FEATURES,
    MIN_SAMPLES,
    SAMPLE_RATE_HZ,
    count_columns,
)
from temporal_foley.timegrid import TimeGrid, to_sample

# The network was trained on ten seconds. The windows of a long sound are of that length and
# overlap by a quarter; a short sound is padded to the next of a few lengths, so that jit compiles
# a few times only.
_WINDOW_COLUMNS = (2, 4, 8, 16, 32)
_LONGEST = _WINDOW_COLUMNS[-1]
_STEP = _LONGEST * 3 // 4
_FRAMES_AT_ONCE = 4096

AT_ONCE = 4
"""Windows per batch: keeps two cores busy and the maps in the cache."""

Wave = Float[np.ndarray, " _"]
"""A sound, or a part of one, of any length."""
Columns = Float[np.ndarray, "columns features"]


class ColumnWindow(NamedTuple):
    """A part of a sound."""

    first_column: int
    wave: Wave
    """Padded with zeros."""
    samples: int
    """Number of real samples."""


class ColumnEncoder:
    """An audio network with its weights that embeds sounds of any length."""

    columns_each: int
    """Number of its columns to one of `COLUMN_SAMPLES`."""
    sha256: str
    features = FEATURES

    def columns(
        self, waves: Float[np.ndarray, "batch samples"], lengths: Int[np.ndarray, " batch"]
    ) -> Float[np.ndarray, "batch columns features"]:
        """Return the embedding of each column of some windows."""
        raise NotImplementedError

    def column_embeddings(self, sound: Wave | Iterable[Wave], samples: int) -> Columns:
        """Return the embedding of each column of the first `samples` samples of a sound.

        Args:
            sound: Mono at 32 kHz, whole or in blocks; memory does not grow with its length but
                for the result, some 5 to 10 kB a second.
            samples: Where to stop; a sound that ends before is followed by silence.
        """
        windows = cut_windows(sound, samples)
        return blend_windows(embed_windows(windows, self.columns, columns_each=self.columns_each))

    def frame_embeddings(
        self, sound: Wave | Iterable[Wave], grid: TimeGrid
    ) -> Float[np.ndarray, "frames features"]:
        """Return an embedding of a sound of any length for each frame of a grid.

        Args:
            sound: Mono at 32 kHz from time 0 of the grid's clock on, whole or in blocks; where
                the grid goes on after its end, there is silence.
            grid: The frames.
        """
        columns = self.column_embeddings(sound, samples_until(grid))
        return mean_in_frames(columns, grid, columns_each=self.columns_each)


def cut_windows(sound: Wave | Iterable[Wave], samples: int) -> Iterator[ColumnWindow]:
    """Cut the first `samples` samples of a sound into windows that overlap.

    Args:
        sound: Mono at 32 kHz, whole or in blocks of any length; blocks are taken when needed, and
            never more than a window and a block are held.
        samples: Where to stop; a sound that ends before is followed by silence.
    """
    samples = max(samples, MIN_SAMPLES)
    blocks = iter((sound,) if isinstance(sound, np.ndarray) else sound)
    total = count_columns(samples)
    held = np.zeros(0, np.float32)
    first = 0
    while True:
        real = min(samples - first * COLUMN_SAMPLES, _LONGEST * COLUMN_SAMPLES)
        held = _fill(held, blocks, real)
        columns = next(n for n in _WINDOW_COLUMNS if n >= count_columns(real))
        wave = np.zeros(columns * COLUMN_SAMPLES, np.float32)
        wave[:real] = held[:real]
        yield ColumnWindow(first, wave, real)
        if first + _LONGEST >= total:
            return
        first += _STEP
        held = held[_STEP * COLUMN_SAMPLES :]


def _fill(
    held: Float[np.ndarray, " held"], blocks: Iterator[Float[np.ndarray, " _"]], samples: int
) -> Float[np.ndarray, " filled"]:
    """Take blocks until there are enough samples, then silence."""
    parts = [held]
    missing = samples - len(held)
    while missing > 0:
        block = next(blocks, None)
        if block is None:
            block = np.zeros(missing, np.float32)
        if block.ndim != 1:
            raise ValueError(f"sound must be mono, got blocks of shape {block.shape}")
        parts.append(np.asarray(block, np.float32))
        missing -= len(block)
    return np.concatenate(parts)


def embed_windows(
    windows: Iterable[ColumnWindow],
    run: Callable[[Float[np.ndarray, "batch samples"], Int[np.ndarray, " batch"]], np.ndarray],
    *,
    columns_each: int = 1,
) -> Iterator[tuple[int, Columns]]:
    """Run a network on windows, some at a time, and yield the first column and columns of each.

    Args:
        windows: As they are cut.
        run: Embeds the columns of waves, given how many samples of each are real.
        columns_each: Number of columns of this network to one of the window's.
    """
    waiting = iter(windows)
    while group := list(islice(waiting, AT_ONCE)):
        # Windows that do not fill a batch are run one by one: few shapes to compile.
        batches = [group] if len(group) == AT_ONCE else [[window] for window in group]
        for batch in batches:
            longest = max(len(window.wave) for window in batch)
            waves = np.zeros((len(batch), longest), np.float32)
            for row, window in zip(waves, batch, strict=True):
                row[: len(window.wave)] = window.wave
            found = np.asarray(run(waves, np.array([window.samples for window in batch])))
            for window, columns in zip(batch, found, strict=True):
                count = count_columns(window.samples, columns_each)
                yield columns_each * window.first_column, columns[:count]


def blend_windows(
    parts: Iterable[tuple[int, Float[np.ndarray, "_ features"]]],
) -> Float[np.ndarray, "columns features"]:
    """Join the columns of overlapping windows.

    Where windows overlap, each counts the more the farther a column is from its ends, where the
    network has less context.

    Args:
        parts: First column and columns of each window, in order.
    """
    done: list[Columns] = []
    base = 0
    total = weight = None
    for first, columns in parts:
        ramp = np.minimum(np.arange(1, len(columns) + 1), np.arange(len(columns), 0, -1))
        own_weight = ramp.astype(np.float32)[:, None]
        own = columns * own_weight
        if total is not None and weight is not None:
            # Columns before this window are final.
            before = first - base
            done.append(total[:before] / weight[:before])
            shared = len(total) - before
            own[:shared] += total[before:]
            own_weight[:shared] += weight[before:]
        total, weight, base = own, own_weight, first
    if total is None or weight is None:
        raise ValueError("parts must hold at least one window")
    done.append(total / weight)
    return np.concatenate(done)


def mean_in_frames(
    columns: Columns, grid: TimeGrid, *, columns_each: int = 1
) -> Float[np.ndarray, "frames features"]:
    """Average columns over the frames of a grid.

    Between the centres of columns the value is interpolated; each frame takes the mean of that
    line over its own interval. So a fine grid follows the line and a coarse one misses nothing.

    Args:
        columns: From time 0 on.
        grid: The frames.
        columns_each: Number of columns to `COLUMN_SAMPLES`.
    """
    values = np.asarray(columns, np.float64)
    steps = (values[:-1] + values[1:]) / 2
    until = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(steps, axis=0)])
    column_s = Fraction(COLUMN_SAMPLES, SAMPLE_RATE_HZ * columns_each)
    edges = np.array([float(grid.time(i) / column_s) for i in range(grid.frames + 1)])
    rows = [np.zeros((0, values.shape[1]))]
    for start in range(0, grid.frames, _FRAMES_AT_ONCE):
        places = edges[start : min(start + _FRAMES_AT_ONCE, grid.frames) + 1]
        integral = _integral(values, until, places)
        rows.append(np.diff(integral, axis=0) / np.diff(places)[:, None])
    return np.concatenate(rows).astype(np.float32)


def _integral(
    values: Columns, until: Columns, places: Float[np.ndarray, " places"]
) -> Float[np.ndarray, "places features"]:
    """Integrate the line through the columns from column 0 to each place, in columns."""
    last = len(values) - 1
    column = np.clip(np.floor(places), 0, last).astype(int)
    rest = (places - column)[:, None]
    slope = values[np.minimum(column + 1, last)] - values[column]
    # Outside the columns the line goes on level.
    slope = np.where(rest >= 0, slope, 0.0)
    return until[column] + rest * values[column] + rest**2 / 2 * slope


def samples_until(grid: TimeGrid) -> int:
    """Return the number of samples before the end of a grid."""
    return max(0, to_sample(grid.end, SAMPLE_RATE_HZ))
