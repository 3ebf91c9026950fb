import functools
import subprocess
import sys

import numpy as np
import pytest
from scipy import signal

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import LibraryError
from temporal_foley.sound import synth
from temporal_foley.sound.synth import signals
from temporal_foley.sound.synth.family_names import FAMILIES
from temporal_foley.sound.synth.voice import TAIL, Formant, Throat, voice

SHORT = (
    "cat_meowing",
    "dog_barking",
    "door_opening",
    "glass_breaking",
    "high_heels",
    "lightning",
    "screaming",
    "typing",
    "water_drop",
)
HARD_HITS = ("glass_breaking", "high_heels", "typing", "water_drop")
SEEDS = range(3)

made = functools.cache(synth.synthesize)


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_take_is_clean_and_at_level(name, seed):
    take = made(name, seed)
    samples = take.samples
    assert samples.dtype == np.float32
    assert np.all(np.isfinite(samples))
    assert take.loop is None
    peak_db = 20 * np.log10(np.max(np.abs(samples)))
    assert -7.0 < peak_db < -3.5
    assert abs(float(samples.mean())) < 1e-3
    # Both ends are silent, so neither a cut nor a start can click.
    assert np.max(np.abs(samples[0])) < 1e-3
    assert np.max(np.abs(samples[-1])) < 1e-5
    assert np.max(np.abs(samples[-48:])) < 10 ** (-50 / 20)


@pytest.mark.parametrize("name", SHORT)
def test_the_same_seed_gives_the_same_samples_and_another_seed_another_sound(name):
    first, again, other = made(name, 1), synth.synthesize(name, 1), made(name, 30)
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.anchor == again.anchor
    length = min(len(first.samples), len(other.samples))
    a, b = first.samples[:length, 0], other.samples[:length, 0]
    assert abs(np.dot(a, b)) < 0.5 * np.linalg.norm(a) * np.linalg.norm(b)


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_loud_is_heard_long_before_the_anchor(name, seed):
    take = made(name, seed)
    before = take.samples[: max(take.anchor - 48, 1)]
    whole = float(np.max(np.abs(take.samples)))
    assert take.anchor < 0.1 * 48_000
    assert float(np.max(np.abs(before))) < (0.3 if name == "typing" else 0.6) * whole


@pytest.mark.parametrize("name", HARD_HITS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_hit_is_loud_at_its_anchor(name, seed):
    take = made(name, seed)
    mono = take.samples.mean(axis=1)
    # Within the one frame of a 25 Hz picture that follows.
    near = np.max(np.abs(mono[take.anchor : take.anchor + 1920]))
    assert near > 0.4 * np.max(np.abs(mono))


@pytest.mark.parametrize(
    ("name", "low_hz", "high_hz"),
    [
        ("lightning", 20.0, 600.0),
        ("high_heels", 80.0, 3500.0),
        ("water_drop", 300.0, 4000.0),
        ("glass_breaking", 1500.0, 20_000.0),
        ("screaming", 500.0, 6000.0),
    ],
)
def test_the_energy_lies_where_the_effect_has_it(name, low_hz, high_hz):
    samples = np.concatenate([made(name, seed).samples[:, 0] for seed in SEEDS])
    frequencies, power = signal.welch(samples, 48_000, nperseg=4096)
    inside = (frequencies >= low_hz) & (frequencies <= high_hz)
    assert power[inside].sum() > 0.6 * power.sum()


def test_one_seed_gives_unrelated_dice_to_two_effects():
    assert synth.synthesize("typing", 3).anchor != synth.synthesize("cat_meowing", 3).anchor


def test_every_effect_of_the_vocabulary_has_a_recipe():
    assert set(load_vocabulary().names) <= set(synth.RECIPES)
    assert set(SHORT) < set(synth.RECIPES)


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(LibraryError, match=r"no built-in recipe 'bell'.*ambulance.*writing"):
        synth.synthesize("bell", 1)


def test_the_version_of_the_recipes_is_stable_and_a_sha256():
    assert synth.recipes_sha256() == synth.recipes_sha256()
    assert len(synth.recipes_sha256()) == 64


def test_naming_the_recipes_loads_neither_them_nor_scipy():
    code = (
        "import sys; from temporal_foley.sound import synth; list(synth.RECIPES); "
        "sys.exit('scipy.signal' in sys.modules or 'jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_modal_bank_is_the_sum_of_damped_sines():
    hz, t60s, levels = np.array([200.0, 3000.0]), np.array([0.4, 0.1]), np.array([1.0, 0.5])
    time = signals.times(9600)
    expected = sum(
        level * np.exp(-signals.LN_1000 * time / t60) * np.sin(2 * np.pi * f * time)
        for f, t60, level in zip(hz, t60s, levels, strict=True)
    )
    # Modes are cut once they have fallen by 84 dB.
    np.testing.assert_allclose(signals.modal_bank(9600, hz, t60s, levels), expected, atol=1e-4)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_coloured_noise_falls_by_its_slope(slope):
    noise = signals.coloured_noise(2**18, np.random.default_rng(0), slope)
    frequencies, power = signal.welch(noise, 48_000, nperseg=4096)
    band = (frequencies > 200) & (frequencies < 10_000)
    fit = np.polyfit(np.log(frequencies[band]), np.log(power[band]), 1)
    assert fit[0] == pytest.approx(-slope, abs=0.1)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0, abs=1e-6)


def test_a_room_leaves_the_direct_sound_where_it_was_and_adds_the_energy_asked_for():
    impulse = np.zeros(100)
    impulse[10] = 1.0
    heard = signals.room(impulse, np.random.default_rng(1), wet_db=-10.0)
    assert heard[10] == pytest.approx(1.0, abs=0.05)
    assert np.sum(heard[11:] ** 2) == pytest.approx(0.1, rel=0.1)


def test_panning_keeps_the_power():
    sound = np.random.default_rng(0).standard_normal(1000)
    for position in (-1.0, -0.3, 0.0, 0.8, 1.0):
        stereo = signals.pan(sound, position)
        np.testing.assert_allclose(np.sum(stereo**2, axis=1), sound**2, atol=1e-9)


def test_adding_beyond_either_end_cuts_instead_of_wrapping():
    target = np.zeros(4)
    signals.add_at(target, np.array([1.0, 2.0, 3.0]), -1)
    signals.add_at(target, np.array([10.0, 20.0]), 3)
    signals.add_at(target, np.ones(2), 9)
    np.testing.assert_array_equal(target, [2.0, 3.0, 0.0, 10.0])


VOICES = ("cat_meowing", "dog_barking", "screaming", *FAMILIES["animals"])


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_rings_out_instead_of_being_cut_off(name):
    samples = synth.synthesize(name, 5, recorded=False).samples[:, 0].astype(float)
    peak = np.max(np.abs(samples))
    assert abs(samples[-1]) < 1e-6
    # A click is a step: loud at high frequencies against what is heard around it.
    clicks = np.abs(signals.highpass(samples, 6000.0, 4))[-4800:]
    assert clicks.max() < 10 ** (-40 / 20) * peak
    # Nothing worth hearing is left for the fade at the end to take away.
    assert np.sqrt(np.mean(samples[-960:] ** 2)) < 10 ** (-50 / 20) * peak


def test_a_voice_whose_strength_does_not_end_at_zero_falls_and_rings_out():
    rng = np.random.default_rng(2)
    samples = 12_000
    said = voice(
        np.full(samples, 220.0),
        np.ones(samples),
        [Formant(hz=700.0, bandwidth_hz=60.0)],
        Throat(),
        rng,
    )
    assert len(said) == samples + TAIL
    inside, after = said[samples // 2 : samples], said[samples:]
    assert np.max(np.abs(after[-48:])) < 1e-3 * np.max(np.abs(inside))
    steps = [
        np.max(np.abs(signals.highpass(said, 5000.0, 4))[part])
        for part in (slice(6000, 11_000), slice(11_500, None))
    ]
    assert steps[1] < 1.5 * steps[0]


@pytest.mark.parametrize("seed", range(4))
def test_thunder_keeps_its_weight_in_mono(seed):
    left, right = made("lightning", seed).samples.astype(float).T
    assert np.corrcoef(left, right)[0, 1] > 0.3
    bass = [signals.lowpass(side, 120.0, 4) for side in (left, right)]
    assert np.corrcoef(*bass)[0, 1] > 0.8
    mono_db = 10 * np.log10(np.mean((left + right) ** 2 / 4) / np.mean((left**2 + right**2) / 2))
    assert mono_db > -1.5
