"""Test loops: the join is the least audible one and keeps the power; short takes have none."""

import numpy as np
import pytest

from temporal_foley.sound.render import render_track
from temporal_foley.sound.signal.fades import join_gains, ratio_of
from temporal_foley.sound.signal.loops import find_loop
from temporal_foley.sound.take import Take, repitch
from temporal_foley.timeline import Loop
from tests.factories import make_cue, make_library, make_take, make_track

RATE = 48_000


def looped_sound(samples: np.ndarray, loop: Loop, seconds: float) -> np.ndarray:
    library = make_library(lambda asset: make_take(samples, loop=loop))
    cue = make_cue("motor-1", 0, seconds, loop=loop)
    return render_track(make_track(cue), library, 0, cue.length).mean(axis=1)


def levels_db(sound: np.ndarray, frame: int = RATE // 20) -> np.ndarray:
    whole = sound[: len(sound) // frame * frame].reshape(-1, frame)
    return 10 * np.log10(np.mean(np.square(whole, dtype=float), axis=1) + 1e-12)


def hum(seconds: float) -> np.ndarray:
    """A tone with partials whose period fits no round number of samples."""
    at = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * 117.3 * k * at + k) / k for k in range(1, 6))
    return (0.1 * wave)[:, None].astype(np.float32)


def test_the_join_of_a_hum_is_in_phase_and_no_louder_or_softer_than_the_rest() -> None:
    samples = hum(4.3)
    loop = find_loop(samples)
    assert loop is not None
    assert loop.alike > 0.99
    levels = levels_db(looped_sound(samples, loop, 20.0))
    assert np.ptp(levels) < 0.5


def test_the_join_of_noise_keeps_its_power() -> None:
    samples = np.random.default_rng(3).normal(0, 0.1, (4 * RATE, 2)).astype(np.float32)
    loop = find_loop(samples)
    assert loop is not None
    assert loop.alike < 0.1
    assert np.ptp(levels_db(looped_sound(samples, loop, 20.0), RATE // 5)) < 0.6


def test_ends_meet_where_the_levels_are_alike() -> None:
    # Swells of two seconds, cut off in the middle of one: only whole swells join unheard.
    at = np.arange(round(9.1 * RATE)) / RATE
    swell = 10 ** (-0.6 * (1 + np.cos(np.pi * at)) / 2)
    samples = (np.random.default_rng(1).normal(0, 0.2, len(at)) * swell)[:, None]
    loop = find_loop(samples.astype(np.float32))
    assert loop is not None
    period = (loop.end - loop.start) / RATE
    assert abs(period / 2 - round(period / 2)) < 0.15
    assert period >= 4.0


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_join_gains_keep_the_power_of_what_is_so_alike(alike: float) -> None:
    rise, fall = join_gains(ratio_of(np.arange(1000), 1000), alike)
    power = rise**2 + fall**2 + 2 * alike * rise * fall
    np.testing.assert_allclose(power, 1.0, atol=1e-6)


@pytest.mark.parametrize("length", [1, 100, RATE // 4, RATE // 2 - 1])
def test_what_is_too_short_has_no_loop(length: int) -> None:
    assert find_loop(np.full((length, 1), 0.1, np.float32)) is None


@pytest.mark.parametrize("length", [RATE // 2, RATE // 2 + 777, RATE, 3 * RATE + 1])
def test_any_recording_that_is_long_enough_has_a_loop_inside_of_it(length: int) -> None:
    samples = np.random.default_rng(length).normal(0, 0.1, (length, 1)).astype(np.float32)
    loop = find_loop(samples)
    assert loop is not None
    assert 0 < loop.crossfade <= loop.start < loop.end <= length
    assert loop.end - loop.start >= length // 4


def test_a_take_played_faster_is_higher_and_shorter_and_its_places_move_with_it() -> None:
    take = Take(
        samples=hum(2.0), anchor=RATE, loop=Loop(start=RATE // 2, end=2 * RATE, crossfade=4800)
    )
    higher = repitch(take, 1200)
    assert len(higher.samples) == RATE
    assert higher.anchor == RATE // 2
    assert higher.loop == Loop(start=RATE // 4, end=RATE, crossfade=2400)
    middle = higher.samples[RATE // 4 : 3 * RATE // 4, 0]
    peak = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle)))))
    assert peak * RATE / len(middle) == pytest.approx(2 * 117.3, abs=3.0)
    assert repitch(take, 0) is take
