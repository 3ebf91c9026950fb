"""Windows cover a sound without gaps, blend back to it, and frames average what they cover."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.models.audio.columns import (
    COLUMN_SAMPLES,
    blend_windows,
    count_columns,
    cut_windows,
    mean_in_frames,
)
from temporal_foley.timegrid import TimeGrid

SECONDS_PER_COLUMN = 0.32


@pytest.mark.parametrize("columns", [1, 2, 31, 32, 33, 56, 57, 100, 1_000])
def test_every_column_is_covered_by_windows_with_the_right_samples(columns):
    samples = columns * COLUMN_SAMPLES - 5
    sound = (np.arange(samples) % 65_521).astype(np.float32)
    seen = []
    for window in cut_windows(sound, samples):
        start = window.first_column * COLUMN_SAMPLES
        np.testing.assert_array_equal(
            window.wave[: window.samples], sound[start : start + window.samples]
        )
        assert not window.wave[window.samples :].any()
        last = window.first_column + count_columns(window.samples)
        seen.append((window.first_column, last))
    assert seen[0][0] == 0
    assert seen[-1][1] == count_columns(samples)
    # Neighbours overlap by the same quarter of a window, the last one too.
    assert all(left[1] - right[0] == 8 for left, right in itertools.pairwise(seen))


def test_blending_gives_back_what_windows_agree_on():
    line = np.random.default_rng(0).normal(size=(70, 3)).astype(np.float32)
    parts = [(first, line[first : first + 32].copy()) for first in (0, 24, 48)]
    np.testing.assert_allclose(blend_windows(parts), line, atol=1e-6)


def test_blending_passes_gradually_from_one_window_to_the_next():
    blended = blend_windows([(0, np.zeros((32, 1))), (24, np.ones((32, 1)))])[:, 0]
    assert (blended[:24] == 0).all()
    assert (np.diff(blended[23:33]) > 0).all()
    assert (blended[32:] == 1).all()


@pytest.mark.parametrize("rate", [Fraction(1, 3), 1, 3, 8, 30, Fraction(30_000, 1_001)])
def test_frames_hold_the_exact_mean_of_the_line(rate):
    columns = np.random.default_rng(1).normal(size=(50, 2))
    grid = TimeGrid.covering(16.5, rate)
    frames = mean_in_frames(columns, grid)
    fine = (np.arange(400_000) + 0.5) / 400_000 * float(grid.end)
    line = np.interp(fine / SECONDS_PER_COLUMN, np.arange(50), columns[:, 1])
    place = np.minimum((fine * float(rate)).astype(int), grid.frames - 1)
    expected = np.bincount(place, line) / np.bincount(place)
    np.testing.assert_allclose(frames[:, 1], expected, atol=2e-3)


def test_a_constant_stays_constant_on_any_grid():
    grid = TimeGrid(frame_rate=Fraction(7), frames=9_000, start=Fraction(-2))
    frames = mean_in_frames(np.full((3_000, 1), 2.5), grid)
    np.testing.assert_allclose(frames, 2.5, rtol=1e-6)


def test_blocks_are_taken_only_when_needed():
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield np.zeros(COLUMN_SAMPLES, np.float32)

    windows = cut_windows(endless(), 10_000 * COLUMN_SAMPLES)
    next(windows)
    assert taken <= 33
    next(windows)
    assert taken <= 57
