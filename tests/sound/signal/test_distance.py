"""Distance and level curves: treble goes and nothing else, no moment moves, levels are met."""

import numpy as np
import pytest

from temporal_foley.sound.render import render_track
from temporal_foley.sound.signal.distance import REACH, distance_lowpass
from tests.factories import make_cue, make_library, make_take, make_track

RATE = 48_000


def rendered(samples: np.ndarray, **fields) -> np.ndarray:
    cue = make_cue("x-1", offset_sample=len(samples), onset_sample=0, **fields)
    library = make_library(lambda asset: make_take(samples))
    return render_track(make_track(cue), library, 0, len(samples))


def level_of(hz: float, cutoff_hz: float) -> float:
    tone = np.sin(2 * np.pi * hz * np.arange(4800) / RATE)[:, None].astype(np.float32)
    heard = distance_lowpass(tone, cutoff_hz)
    return 20 * np.log10(heard.std() / tone[REACH:-REACH].std())


def test_treble_goes_and_bass_stays():
    assert level_of(200, 5000) == pytest.approx(0.0, abs=0.1)
    assert level_of(5000, 5000) == pytest.approx(-6.0, abs=0.3)
    assert level_of(14_000, 5000) < -40


def test_a_filtered_click_peaks_where_it_was():
    click = np.zeros((2000, 1))
    click[777] = 1.0
    out = rendered(click, lowpass_hz=4000.0)
    assert np.abs(out[:, 0]).argmax() == 777
    assert np.flatnonzero(out[:, 0])[0] >= 777 - REACH


def test_a_level_curve_is_met_at_its_points_and_held_beyond_them():
    out = rendered(np.ones((1000, 2)), level=((100, -6.0), (500, 0.0)))[:, 0]
    np.testing.assert_allclose(out[:101], 10 ** (-6 / 20), rtol=1e-6)
    np.testing.assert_allclose(out[500:], 1.0, rtol=1e-6)
    np.testing.assert_allclose(out[300], (1 + 10 ** (-6 / 20)) / 2, rtol=1e-6)


def test_an_impossible_cutoff_is_refused():
    with pytest.raises(ValueError, match="cutoff_hz"):
        distance_lowpass(np.zeros((100, 1), np.float32), 24_000.0)
