"""Test what is measured of a video's own sound, and how effects are matched to it."""

from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from temporal_foley.sound.matching import OriginalSound, floor_noise, measure_original
from tests.sound.test_mix_buses import lay, level_db, read, track

RATE = 48_000
NO_SPEECH = np.zeros((0, 2), np.int64)


def noise(seconds: float, level: float = 0.1, *, mono: bool = True, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sound = rng.normal(0.0, level, (round(seconds * RATE), 1 if mono else 2))
    return (np.repeat(sound, 2, axis=1) if mono else sound).astype(np.float32)


def measured(sound: np.ndarray, speech: np.ndarray = NO_SPEECH) -> OriginalSound:
    found = measure_original([sound.astype(np.float32)], speech)
    assert found is not None
    return found


def test_silence_has_nothing_to_match() -> None:
    assert measure_original([np.zeros((RATE, 2), np.float32)], NO_SPEECH) is None
    assert measure_original([], NO_SPEECH) is None


def test_twice_the_level_is_six_decibels_more() -> None:
    soft, loud = measured(noise(3, 0.05)), measured(noise(3, 0.1))
    assert loud.loudness_lufs - soft.loudness_lufs == pytest.approx(6.0, abs=0.2)
    assert loud.shift_db() - soft.shift_db() == pytest.approx(6.0, abs=0.2)


def test_the_loudness_is_that_of_speech_where_there_is_some() -> None:
    sound = np.concatenate([noise(3, 0.02), noise(3, 0.2)])
    spoken = measured(sound, np.array([[0, 3 * RATE]]))
    assert measured(sound).loudness_lufs - spoken.loudness_lufs > 15.0


@pytest.mark.parametrize("edge_hz", [6000, 9000])
def test_the_bandwidth_is_where_a_recording_ends(edge_hz: int) -> None:
    sections = signal.butter(10, edge_hz, fs=RATE, output="sos")
    found = measured(signal.sosfilt(sections, noise(3), axis=0))
    assert found.bandwidth_hz == pytest.approx(edge_hz, rel=0.1)
    assert found.lowpass_hz() == found.bandwidth_hz
    assert measured(noise(3)).lowpass_hz() is None


def test_mono_and_stereo_are_told_apart() -> None:
    assert measured(noise(2)).is_mono
    assert not measured(noise(2, mono=False)).is_mono


def test_the_floor_is_that_of_the_quiet_parts_and_can_be_made_again() -> None:
    sound = noise(6, 0.001)
    sound[2 * RATE : 3 * RATE] += noise(1, 0.2, seed=1)
    found = measured(sound)
    assert found.floor_dbfs == pytest.approx(-60.0, abs=1.5)
    made = floor_noise(found)
    assert 20 * np.log10(np.sqrt(np.mean(made**2))) == pytest.approx(found.floor_dbfs, abs=0.5)


@pytest.mark.parametrize("decay_s", [0.25, 0.6])
def test_reverberation_is_read_from_decays(decay_s: float) -> None:
    sound = noise(10, 0.0003)
    tail = np.exp(-np.arange(RATE) * (np.log(1000.0) / (decay_s * RATE)))[:, None]
    for start in range(0, 10 * RATE, RATE):
        sound[start : start + RATE] += noise(1, 0.3, seed=start) * tail
    assert measured(sound).reverb_s == pytest.approx(decay_s, rel=0.25)
    assert measured(noise(4)).reverb_s is None


def test_a_stem_is_matched_in_level_band_and_width_or_left_alone(tmp_path: Path) -> None:
    sections = signal.butter(10, 6000, fs=RATE, output="sos")
    own = signal.sosfilt(sections, noise(12, 0.01), axis=0).astype(np.float32)
    effect = track("river", "hard_effects", 2.0, 8.0)
    found = {}
    for match in (True, False):
        folder = tmp_path / str(match)
        report = lay(folder, effect, original=lambda: iter([own]), match=match)
        stem = read(folder / "stems/river.wav") / 2**23 * 10 ** (-report.gain_db / 20)
        found[match] = stem[3 * RATE : 7 * RATE]
        assert (report.original is not None) == match
    spectra = {m: signal.welch(x[:, 0], RATE, nperseg=4096) for m, x in found.items()}
    hz, power = spectra[True]
    high, low = (hz > 9000) & (hz < 15_000), (hz > 500) & (hz < 4000)
    assert 10 * np.log10(power[low].mean() / power[high].mean()) > 30.0
    np.testing.assert_array_equal(found[True][:, 0], found[True][:, 1])
    levels = [20 * np.log10(np.sqrt(np.mean(found[m] ** 2))) for m in (True, False)]
    assert levels[0] < levels[1] - 5.0


def test_foley_over_a_silent_original_gets_room_tone(tmp_path: Path) -> None:
    silent = np.zeros((12 * RATE, 2), np.float32)
    lay(tmp_path, track("typing", "foley", 4.0, 6.0), original=lambda: iter([silent]), match=True)
    tone = read(tmp_path / "stems/room_tone.wav")
    assert level_db(tone, 4.5, 5.5) > -110.0
