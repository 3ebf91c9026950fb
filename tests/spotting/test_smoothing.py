"""Smoothing over time: known answers, exact edges, refusals."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_foley.spotting.smoothing import (
    gaussian_smooth,
    median_smooth,
    mode_filter,
    odd_window,
)
from temporal_foley.timegrid import TimeGrid

GRID = TimeGrid.covering(10, 4)
labels_and_window = st.tuples(
    st.lists(st.integers(0, 3), max_size=25), st.integers(0, 6).map(lambda half: 2 * half + 1)
)


def test_mode_filter_removes_single_wrong_frames():
    labels = np.array([20, 20, 3, 20, 20, 5, 5, 20, 5, 5, 5])
    assert mode_filter(labels, 3).tolist() == [20, 20, 20, 20, 20, 5, 5, 5, 5, 5, 5]


def test_mode_filter_counts_only_frames_that_exist_at_the_ends():
    # Of the first window (7, 1, 1) the mode is 1; repeating the edge would make it 7.
    assert mode_filter(np.array([7, 1, 1, 1, 1]), 5)[0] == 1


@given(labels_and_window)
def test_mode_filter_takes_the_most_frequent_label(case):
    labels, window = case
    filtered = mode_filter(np.array(labels, int), window)
    for frame, label in enumerate(filtered):
        near = Counter(labels[max(0, frame - window // 2) : frame + window // 2 + 1])
        most = max(near.values())
        winners = sorted(other for other, count in near.items() if count == most)
        own = labels[frame]
        assert label == (own if own in winners else winners[0])


@given(labels_and_window)
def test_median_is_the_median_of_the_frames_that_exist(case):
    values, window = case
    probabilities = np.array(values, np.float32).reshape(-1, 1) / 3
    smooth = median_smooth(probabilities, window)
    for frame in range(len(values)):
        near = probabilities[max(0, frame - window // 2) : frame + window // 2 + 1, 0]
        assert smooth[frame, 0] == np.median(near).astype(np.float32)


def test_median_keeps_an_edge_where_it_is():
    step = np.repeat([[0.0], [1.0]], 10, axis=0)
    np.testing.assert_array_equal(median_smooth(step, 5), step)


def test_gaussian_leaves_a_constant_alone_up_to_the_ends():
    constant = np.full((9, 2), 0.7, np.float32)
    np.testing.assert_allclose(gaussian_smooth(constant, 5), constant, rtol=1e-6)


def test_gaussian_falls_to_half_its_height_at_half_its_width():
    impulse = np.zeros((301, 1))
    impulse[150] = 1.0
    smooth = gaussian_smooth(impulse, 20)[:, 0]
    assert smooth[140] / smooth[150] == pytest.approx(0.5, abs=1e-3)
    assert smooth.sum() == pytest.approx(1.0, abs=1e-6)


def test_smoothing_an_effect_does_not_touch_the_others():
    rng = np.random.default_rng(0)
    one, other = rng.random((30, 1)), rng.random((30, 1))
    both = np.hstack([one, other])
    for smooth in (median_smooth, gaussian_smooth):
        np.testing.assert_array_equal(smooth(both, 5)[:, :1], smooth(one, 5))


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_very_short_videos_are_smoothed_too(frames):
    probabilities = np.full((frames, 3), 0.25, np.float32)
    np.testing.assert_array_equal(median_smooth(probabilities, 9), probabilities)
    np.testing.assert_allclose(gaussian_smooth(probabilities, 9), probabilities)
    assert len(mode_filter(np.zeros(frames, int), 9)) == frames


def test_window_in_seconds_becomes_an_odd_number_of_frames():
    assert [odd_window(GRID, s) for s in (0.01, 0.25, 0.5, 0.75, 1, 1.25)] == [1, 1, 3, 3, 5, 5]
    ntsc = TimeGrid(frame_rate=Fraction(30000, 1001), frames=10)
    assert odd_window(ntsc, 1) == 31


@pytest.mark.parametrize("window", [0, 2, -1])
def test_even_windows_are_refused(window):
    with pytest.raises(ValueError, match="odd number of frames"):
        mode_filter(np.zeros(4, int), window)
    with pytest.raises(ValueError, match="odd number of frames"):
        median_smooth(np.zeros((4, 1)), window)


@pytest.mark.wrong_types
def test_arrays_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(frames, effects\)"):
        median_smooth(np.zeros(4), 3)
    with pytest.raises(ValueError, match="whole numbers"):
        mode_filter(np.zeros(4), 3)
    with pytest.raises(ValueError, match="above 0"):
        gaussian_smooth(np.zeros((4, 1)), 0.0)
