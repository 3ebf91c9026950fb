"""Times of any rate: grids cover, intervals touch what they touch, samples do not drift."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from temporal_foley.timegrid import TimeGrid, as_fraction, to_sample, to_seconds

RATES = st.sampled_from(
    [Fraction(4), Fraction(5), Fraction(25), Fraction(24_000, 1_001), Fraction(60_000, 1_001)]
) | st.fractions(Fraction(1, 10), 60, max_denominator=1_001)
TIMES = st.fractions(0, 7_200, max_denominator=90_000)


@given(TIMES, RATES)
def test_a_grid_covers_a_length_and_no_more(length, rate):
    grid = TimeGrid.covering(length, rate)
    assert grid.end >= length
    assert grid.frames == 0 or grid.time(grid.frames - 1) < length


@given(TIMES, TIMES, RATES)
def test_an_interval_touches_the_frames_that_hold_its_times(one, other, rate):
    onset, offset = sorted((one, other))
    grid = TimeGrid.covering(7_200, rate)
    first, last = grid.frame_range(onset, offset)
    if onset < offset < grid.end:
        assert grid.time(first) <= onset < grid.time(first + 1)
        assert grid.time(last - 1) < offset <= grid.time(last)


@given(TIMES)
def test_the_nearest_sample_is_half_a_sample_away_at_most(time):
    assert abs(to_seconds(to_sample(time)) - time) <= Fraction(1, 96_000)


@given(TIMES, TIMES)
def test_later_times_have_no_earlier_samples(one, other):
    first, last = sorted((one, other))
    assert to_sample(first) <= to_sample(last)


@given(st.decimals(0, 7_200, places=6))
def test_a_written_decimal_is_that_decimal(value):
    assert as_fraction(str(value)) == Fraction(str(value)) == as_fraction(float(value))
