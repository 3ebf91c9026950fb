"""Duck one sound under another: smoothly, and without pumping between close hits."""

import numpy as np
import pytest

from temporal_foley.sound.signal.ducking import duck_gains, effect_spans
from tests.factories import make_cue

RATE = 48_000


def test_ducking_moves_smoothly_and_does_not_pump() -> None:
    cues = [make_cue(f"steps-{at_s}", at_s, 0.25) for at_s in (1.0, 1.6, 5.0)]
    spans = effect_spans(cues)
    assert (spans / RATE).tolist() == [[1.0, 1.85], [5.0, 5.25]]
    gains = duck_gains(spans, 0, 7 * RATE, -12.0)
    assert gains.min() == pytest.approx(10 ** (-12 / 20))
    assert np.abs(np.diff(gains)).max() < 3e-4
    assert gains[RATE] == gains.min()
    assert (gains[[0, 3 * RATE, 6 * RATE]] == 1.0).all()
    parts = [duck_gains(spans, start, start + 7000, -12.0) for start in range(0, 7 * RATE, 7000)]
    np.testing.assert_array_equal(np.concatenate(parts), gains)
