"""Speech is found where a voice speaks, and not in noise, tones, steps or silence."""

import numpy as np
import pytest

from temporal_foley.sound.signal.speech import speech_spans

RATE = 48_000


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    """Syllables: gliding harmonics through moving resonances, four a second, with hiss between."""
    rng = np.random.default_rng(seed)
    at = np.arange(round(seconds * RATE)) / RATE
    hz = 130 + 25 * np.sin(2 * np.pi * 0.7 * at) + 12 * np.sin(2 * np.pi * 3.1 * at)
    turns = 2 * np.pi * np.cumsum(hz) / RATE
    formant = 500 + 250 * np.sin(2 * np.pi * 2.3 * at)
    sound = np.zeros(len(at))
    for k in range(1, 24):
        sound += np.exp(-((k * hz - formant) ** 2) / 2e5) * np.sin(k * turns)
        sound += 0.3 * np.exp(-((k * hz - 1700) ** 2) / 2e5) * np.sin(k * turns)
    syllables = np.clip(np.sin(2 * np.pi * 4 * at) + 0.3, 0.02, None)
    return 0.1 * sound * syllables + 0.001 * rng.standard_normal(len(at))


def spans_of(mono: np.ndarray, block: int = RATE) -> np.ndarray:
    stereo = np.repeat(mono[:, None], 2, axis=1).astype(np.float32)
    return speech_spans(stereo[n : n + block] for n in range(0, len(stereo), block)) / RATE


def test_a_voice_is_found_where_it_speaks() -> None:
    sound = 0.0005 * np.random.default_rng(1).standard_normal(12 * RATE)
    sound[4 * RATE : 8 * RATE] += voice(4.0)
    ((onset, offset),) = spans_of(sound)
    assert onset == pytest.approx(4.0, abs=0.6)
    assert offset == pytest.approx(8.0, abs=0.6)


def test_spans_do_not_depend_on_blocks() -> None:
    sound = np.concatenate([np.zeros(RATE), voice(3.3), np.zeros(RATE + 17)])
    np.testing.assert_array_equal(spans_of(sound, 4801), spans_of(sound, 10**7))


def noise(rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    return 0.1 * rng.standard_normal(len(at))


def hum(rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    return 0.1 * np.sum([np.sin(2 * np.pi * 110 * k * at) / k for k in range(1, 8)], axis=0)


def steps(rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    return 0.3 * rng.standard_normal(len(at)) * np.exp(-30 * (at % 0.5))


def melody(rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    hz = 220 * 2 ** (np.array([0, 4, 7, 12])[(at * 3).astype(int) % 4] / 12)
    turns = 2 * np.pi * np.cumsum(hz) / RATE
    return 0.1 * (np.sin(turns) + np.sin(2 * turns) / 2) * np.exp(-2 * (at % (1 / 3)))


def silence(rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    return np.zeros(len(at))


@pytest.mark.parametrize("make", [noise, hum, steps, melody, silence])
def test_what_is_no_voice_is_not_taken_for_one(make) -> None:
    at = np.arange(8 * RATE) / RATE
    assert len(spans_of(make(np.random.default_rng(0), at))) == 0


@pytest.mark.parametrize("length", [0, 1, 500, RATE // 3])
def test_very_short_streams_hold_no_speech(length: int) -> None:
    assert len(spans_of(np.full(length, 0.1))) == 0
