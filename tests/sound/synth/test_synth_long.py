import functools
import importlib

import numpy as np
import pytest
from scipy import signal

from temporal_foley.sound.synth import motion
from temporal_foley.sound.synth.bubbles import bubble_cloud
from temporal_foley.timegrid import SAMPLE_RATE_HZ

NAMES = (
    "ambulance",
    "blender",
    "cars",
    "cheer",
    "fire",
    "helicopter",
    "river",
    "stars_shining",
    "train_passing",
    "wave",
    "writing",
)
WIDE = {"cars", "cheer", "fire", "helicopter", "river", "stars_shining", "train_passing", "wave"}
ROUND_TOLERANCE = 1e-6


@functools.cache
def make_take(name, seed):
    recipe = importlib.import_module(f"temporal_foley.sound.synth.lasting.{name}")
    return recipe.make(np.random.default_rng(seed))


def body_of(take):
    return take.samples[take.loop.start : take.loop.end].astype(float)


def peak_hz(sound):
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return np.argmax(spectrum) * SAMPLE_RATE_HZ / len(sound)


def loudness_curve(sound, step_s):
    step = round(step_s * SAMPLE_RATE_HZ)
    frames = sound[: len(sound) // step * step].reshape(-1, step * sound.shape[1])
    return np.sqrt(np.mean(frames**2, axis=1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_takes_keep_to_the_levels_and_lengths_of_a_loop(name, seed):
    take = make_take(name, seed)
    assert take.samples.dtype == np.float32
    assert take.samples.shape[1] == (2 if name in WIDE else 1)
    assert np.all(np.isfinite(take.samples))
    assert take.anchor == 0
    assert np.max(np.abs(take.samples)) < 10 ** (-3 / 20)
    body = body_of(take)
    assert 8.0 <= len(body) / SAMPLE_RATE_HZ <= 16.0
    assert -34.0 < 20 * np.log10(np.sqrt(np.mean(body**2))) < -15.0
    assert np.max(np.abs(np.mean(body, axis=0))) < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_takes_begin_from_silence(name):
    samples = make_take(name, 1).samples
    assert np.max(np.abs(samples[:48])) < 0.02
    assert np.all(samples[0] == 0.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_loop_joins_without_a_click(name, seed):
    body = body_of(make_take(name, seed))
    twice = np.concatenate([body, body])
    sharp = signal.sosfiltfilt(
        signal.butter(4, 6000, "high", fs=SAMPLE_RATE_HZ, output="sos"), twice, axis=0
    )
    energy = loudness_curve(sharp, 0.002)
    join = len(body) // round(0.002 * SAMPLE_RATE_HZ)
    inside = energy[join // 4 : join - 8]
    # Sound with bursts of its own has a wide spread; a click would top nearly all of it.
    assert np.max(energy[join - 1 : join + 2]) <= np.quantile(inside, 0.999) * 1.1
    steps = np.max(np.abs(np.diff(body, axis=0)))
    assert np.max(np.abs(body[0] - body[-1])) <= steps


@pytest.mark.parametrize("name", NAMES)
def test_the_lead_in_runs_into_the_loop_without_a_jump(name):
    take = make_take(name, 1)
    start = take.loop.start
    steps = np.abs(np.diff(take.samples.astype(float), axis=0))
    assert np.max(steps[start - 2 : start + 1]) <= np.max(steps[start:])


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_samples_and_another_seed_another_sound(name):
    recipe = importlib.import_module(f"temporal_foley.sound.synth.lasting.{name}")
    first, again = make_take(name, 1), recipe.make(np.random.default_rng(1))
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.loop == again.loop
    other = make_take(name, 2)
    shared = min(len(first.samples), len(other.samples))
    ours, theirs = first.samples[:shared].ravel(), other.samples[:shared].ravel()
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 0.2


def test_a_helicopter_beats_at_a_rate_of_blades():
    body = body_of(make_take("helicopter", 1))
    low = signal.sosfiltfilt(
        signal.butter(2, (80, 1200), "band", fs=SAMPLE_RATE_HZ, output="sos"), body[:, 0]
    )
    beat = loudness_curve(low[:, None], 0.005)
    spectrum = np.abs(np.fft.rfft((beat - np.mean(beat)) * np.hanning(len(beat))))
    hz = np.fft.rfftfreq(len(beat), 0.005)
    audible = (hz > 5.0) & (hz < 50.0)
    assert 10.0 < hz[audible][np.argmax(spectrum[audible])] < 44.0


def test_waves_swell_and_drain():
    loudness = loudness_curve(body_of(make_take("wave", 1)), 0.25)
    assert np.max(loudness) > 4 * np.min(loudness)


def test_fire_crackles_where_a_river_flows():
    def crest(name):
        body = body_of(make_take(name, 1))
        return np.max(np.abs(body)) / np.sqrt(np.mean(body**2))

    assert crest("fire") > crest("river")


def test_a_siren_sweeps_within_the_range_of_sirens():
    body = body_of(make_take("ambulance", 4))[:, 0]
    pieces = body[: len(body) // 4800 * 4800].reshape(-1, 4800)
    heard = np.array([peak_hz(piece) for piece in pieces])
    assert np.all((heard > 350) & (heard < 4000))
    assert np.max(heard) > 1.25 * np.min(heard)


def test_cars_cross_from_side_to_side():
    body = body_of(make_take("cars", 1))
    left, right = (loudness_curve(body[:, side : side + 1], 0.1) for side in (0, 1))
    lean = (right - left) / (right + left)
    assert np.min(lean) < -0.15
    assert np.max(lean) > 0.15


def test_filters_go_round_the_buffer():
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ * 2)
    turned = motion.low_pass(np.roll(noise, 5000), 800.0)
    np.testing.assert_allclose(
        turned, np.roll(motion.low_pass(noise, 800.0), 5000), atol=ROUND_TOLERANCE
    )


def test_grains_past_the_end_go_on_at_the_beginning():
    buffer = np.zeros(10)
    motion.lay_round(buffer, 8, np.arange(1.0, 6.0))
    np.testing.assert_array_equal(buffer, [3, 4, 5, 0, 0, 0, 0, 0, 1, 2])
    motion.lay_round(buffer, -1, np.array([1.0]))
    assert buffer[9] == 3.0


def test_harmonics_hold_the_partials_asked_for():
    samples = SAMPLE_RATE_HZ
    tone = motion.harmonics(motion.phase(250.0, samples), np.array([1.0, 0.0, 0.5]))
    spectrum = np.abs(np.fft.rfft(tone)) / (samples / 2)
    assert spectrum[250] == pytest.approx(1.0, abs=1e-3)
    assert spectrum[750] == pytest.approx(0.5, abs=1e-3)
    assert np.sum(spectrum > 0.01) == 2


def test_a_phase_ends_on_a_whole_cycle():
    hz = 333.3 + 20 * motion.slow_curve(np.random.default_rng(3), 30_000, 2.0)
    cycles = motion.phase(hz, 30_000)
    closing = cycles[-1] + hz[-1] / SAMPLE_RATE_HZ
    assert closing == pytest.approx(round(closing), abs=0.01)


def test_noise_follows_its_spectrum():
    noise = motion.coloured(np.random.default_rng(0), 4 * SAMPLE_RATE_HZ, ((100, 0), (1600, -40)))
    hz, power = signal.welch(noise.astype(float), SAMPLE_RATE_HZ, nperseg=9600)
    low = np.mean(power[(hz > 180) & (hz < 220)])
    high = np.mean(power[(hz > 720) & (hz < 880)])
    assert 10 * np.log10(low / high) == pytest.approx(20.0, abs=1.5)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0, abs=1e-3)


def test_slow_curves_are_slow_and_go_round():
    curve = motion.slow_curve(np.random.default_rng(0), 10 * SAMPLE_RATE_HZ, 2.0)
    power = np.abs(np.fft.rfft(curve)) ** 2
    assert np.sum(power[:21]) > 0.98 * np.sum(power)
    assert abs(curve[0] - curve[-1]) < 1e-2


def test_scattered_events_follow_rate_and_density():
    samples = 20 * SAMPLE_RATE_HZ
    half = np.where(np.arange(samples) < samples // 2, 0.0, 1.0)
    at = motion.scatter(np.random.default_rng(0), samples, 100.0, half)
    assert np.min(at) >= samples // 2
    assert 850 < len(at) < 1150


def test_large_bubbles_ring_lower_than_small_ones():
    def ring(radius_m):
        cloud = bubble_cloud(
            np.random.default_rng(0),
            np.ones(SAMPLE_RATE_HZ),
            each_second=50.0,
            radii_m=(radius_m, 1.001 * radius_m),
        )
        return peak_hz(cloud[:, 0])

    # Minnaert: 3 m/s over the radius, a little higher for those that rise.
    assert ring(0.006) == pytest.approx(500.0, rel=0.15)
    assert ring(0.002) == pytest.approx(1500.0, rel=0.15)


def test_limiting_keeps_quiet_sound_and_holds_the_ceiling():
    sound = np.linspace(-4.0, 4.0, 1001)
    bent = motion.soft_limit(sound)
    quiet = np.abs(sound) < 0.5 * motion.CEILING
    np.testing.assert_array_equal(bent[quiet], sound[quiet])
    assert np.max(np.abs(bent)) <= motion.CEILING
    assert np.all(np.diff(bent) >= 0)


def test_a_lead_longer_than_the_body_is_cut_to_it():
    body = np.sin(2 * np.pi * motion.phase(440.0, SAMPLE_RATE_HZ // 2))
    take = motion.looped(body, lead_s=3.0)
    assert take.loop.start == len(body)
    assert take.loop.end == 2 * len(body)
