"""Loudness and true peak against what EBU Tech 3341 and BS.1770-4 prescribe."""

import math

import numpy as np
import pytest

from temporal_foley.sound.signal.loudness import LOUDNESS_PRESETS, LoudnessMeter, measure

RATE = 48_000


def tone(seconds: float, level_dbfs: float, hz: float = 1000.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    wave = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hz * times)
    return np.stack([wave, wave], axis=1).astype(np.float32)


@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_stereo_tone_reads_its_level(level: float) -> None:
    # EBU Tech 3341, minimum requirements 1 and 2.
    loudness, _ = measure([tone(20.0, level)])
    assert loudness == pytest.approx(level, abs=0.1)


def test_quiet_passages_are_gated() -> None:
    # EBU Tech 3341, minimum requirement 3: -36, -23, -36 dBFS.
    passages = [tone(10.0, -36.0), tone(60.0, -23.0), tone(10.0, -36.0)]
    loudness, _ = measure(passages, true_peak=False)
    assert loudness == pytest.approx(-23.0, abs=0.1)


def test_true_peak_between_samples_is_found() -> None:
    # A quarter of the sample rate at 45 degrees: every sample is 3 dB below the peak.
    times = np.arange(RATE) / RATE
    fade = np.minimum(1.0, 10.0 * times)
    wave = 0.5 * fade * np.sin(2 * np.pi * RATE / 4 * times + np.pi / 4)
    _, peak = measure([np.stack([wave, wave], axis=1).astype(np.float32)])
    assert peak == pytest.approx(20 * math.log10(0.5), abs=0.2)


def test_peak_in_the_last_samples_is_found() -> None:
    sound = np.zeros((RATE + 123, 2), np.float32)
    sound[-40] = 0.5
    _, peak = measure([sound])
    assert peak == pytest.approx(-6.0, abs=0.3)


def test_blocks_do_not_matter() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (3 * RATE, 2)).astype(np.float32)
    assert measure([sound]) == measure(np.array_split(sound, 77))


def test_silence_has_no_loudness() -> None:
    assert measure([np.zeros((RATE, 2), np.float32)]) == (None, None)
    assert LoudnessMeter().finish() == (None, None)


def test_sound_shorter_than_a_gating_block_is_measured() -> None:
    # A quarter of a block at -20: 6 dB less energy in the block.
    loudness, _ = measure([tone(0.1, -20.0)])
    assert loudness == pytest.approx(-26.0, abs=0.3)


def test_presets_are_those_of_the_documents() -> None:
    assert sorted(LOUDNESS_PRESETS.values()) == [-27.0, -24.0, -23.0, -16.0, -14.0]
