"""TimeGrid: exact conversion between seconds, frames and samples."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_foley.timegrid import TimeGrid, as_fraction, to_sample, to_seconds

RATES = st.sampled_from(
    [Fraction(4), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(43, 2)]
)


def test_times_of_an_ntsc_grid_do_not_drift():
    rate = Fraction(30000, 1001)
    grid = TimeGrid.covering(7200, rate)
    last = grid.frames - 1
    assert grid.time(last) == Fraction(last * 1001, 30000)
    assert grid.frame_at(grid.time(last)) == last


def test_a_grid_covers_the_whole_of_a_duration_and_no_more():
    assert TimeGrid.covering(1.0, 4).frames == 4
    assert TimeGrid.covering(1.01, 4).frames == 5
    assert TimeGrid.covering(Fraction(1, 25), 4).frames == 1
    assert TimeGrid.covering(0, 4).frames == 0


def test_onsets_are_floored_and_offsets_ceiled():
    grid = TimeGrid.covering(10, 4)
    assert grid.frame_range(0.3, 0.6) == (1, 3)
    assert grid.frame_range(0.25, 0.5) == (1, 2)
    assert grid.frame_range(0.26, 0.27) == (1, 2)


def test_intervals_are_cut_to_the_grid():
    grid = TimeGrid.covering(2, 4)
    assert grid.frame_range(-5, 100) == (0, 8)
    assert grid.frame_range(50, 60) == (8, 8)


@given(RATES, st.integers(0, 200_000))
def test_frames_survive_the_way_to_seconds_and_back(rate, frame):
    grid = TimeGrid(frame_rate=rate, frames=frame + 1, start=Fraction(1, 7))
    assert grid.frame_at(grid.time(frame)) == frame
    assert grid.frame_range(grid.time(frame), grid.time(frame + 1)) == (frame, frame + 1)


@given(st.integers(0, 2 * 3600 * 48_000))
def test_samples_survive_the_way_to_seconds_and_back(sample):
    assert to_sample(to_seconds(sample)) == sample
    assert to_sample(float(to_seconds(sample))) == sample


def test_decimals_keep_their_written_value():
    assert as_fraction(0.1) == Fraction(1, 10)
    assert as_fraction("24000/1001") == Fraction(24000, 1001)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_times_must_be_finite(value):
    with pytest.raises(ValueError, match="finite"):
        as_fraction(value)


def test_a_grid_needs_a_rate():
    with pytest.raises(ValueError, match="frame_rate"):
        TimeGrid(frame_rate=Fraction(0), frames=1)
    with pytest.raises(ValueError, match="frame_rate"):
        TimeGrid.covering(1, -4)


def test_a_time_of_numpy_keeps_its_written_value():
    assert as_fraction(np.float64(7.76)) == Fraction("7.76")
    assert to_sample(np.float64(7.76)) == to_sample(7.76)
