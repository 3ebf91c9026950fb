"""Test how the recording of a take is drawn: spectrum, noise floor, ends and loops."""

import numpy as np
import pytest

from temporal_foley.sound.synth import RECIPES, synthesize
from temporal_foley.sound.synth.recording import as_recorded, recorded_spectra, spectrum_levels
from temporal_foley.sound.take import Take
from temporal_foley.timeline import Loop

RATE = 48_000


def noise_take(*, loop: bool) -> Take:
    rng = np.random.default_rng(0)
    samples = rng.normal(0.0, 0.05, (2 * RATE, 2)).astype(np.float32)
    if loop:
        return Take(samples=samples, loop=Loop(start=RATE // 2, end=2 * RATE, crossfade=0))
    samples[RATE // 2 :] *= np.exp(-np.arange(3 * RATE // 2) / 4000)[:, None]
    return Take(samples=samples, anchor=100)


def test_the_loudest_band_of_a_tone_is_its_own() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)[:, None]
    levels = spectrum_levels(tone)
    assert int(np.argmax(levels)) == 8  # 920 to 1080 Hz
    assert np.delete(levels, [7, 8, 9]).max() < -30.0


def test_recordings_are_named_with_free_licences_and_belong_to_recipes() -> None:
    spectra = recorded_spectra()
    assert set(spectra) <= set(RECIPES)
    assert all(levels.shape[1] == 24 for levels in spectra.values())


def test_a_take_moves_towards_a_recording() -> None:
    take = noise_take(loop=False)
    wanted = recorded_spectra()["helicopter"]
    before = np.abs(spectrum_levels(take.samples) - wanted).mean(axis=1).min()
    after = []
    for seed in range(6):
        made = as_recorded(take, "helicopter", np.random.default_rng(seed))
        after.append(np.abs(spectrum_levels(made.samples) - wanted).mean(axis=1).min())
    assert np.median(after) < before - 1.5


def test_the_same_recorder_gives_the_same_samples_and_another_another_sound() -> None:
    take = noise_take(loop=False)
    one, again, other = (as_recorded(take, "fire", np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.samples, again.samples)
    assert np.abs(spectrum_levels(one.samples) - spectrum_levels(other.samples)).mean() > 1.0


def test_a_hit_has_a_noise_floor_and_silent_ends() -> None:
    made = as_recorded(noise_take(loop=False), "fire", np.random.default_rng(3))
    peak = np.abs(made.samples).max()
    late = made.samples[RATE : RATE + 4800]
    floor_db = 20 * np.log10(np.sqrt(np.mean(late**2)) / peak)
    assert -62.0 < floor_db < -40.0
    assert np.abs(made.samples[[0, -1]]).max() < 1e-4
    assert made.anchor == 100


@pytest.mark.parametrize("seed", range(4))
def test_a_loop_stays_seamless(seed: int) -> None:
    take = noise_take(loop=True)
    made = as_recorded(take, "river", np.random.default_rng(seed))
    assert made.loop == take.loop
    assert made.loop is not None
    samples = made.samples
    usual = np.quantile(np.abs(np.diff(samples, axis=0)), 0.999)
    at = [made.loop.start - 1, made.loop.start]
    assert np.abs(samples[at[0]] - samples[at[1]]).max() <= 2.0 * usual
    assert np.abs(samples[made.loop.end - 1] - samples[made.loop.start]).max() <= 2.0 * usual


def test_a_take_can_be_had_without_a_recording() -> None:
    made, recorded = (synthesize("water_drop", 3, recorded=flag).samples for flag in (False, True))
    # The place of a recording rings on after the take.
    assert len(recorded) > len(made)
    assert np.abs(made[-100:]).max() < np.abs(recorded[len(made) - 100 : len(made)]).max()
