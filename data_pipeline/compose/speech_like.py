"""Synthesize speech-like sound, which masks effects as dialogue does.

Voiced syllables of a buzz through three formants, some hisses, and pauses between phrases. Nothing
is said; level, spectrum and rhythm are those of speech (formants after Peterson and Barney, Control
methods used in a study of the vowels, JASA 1952).
"""

import numpy as np
from scipy import signal

from data_pipeline.builders.sounds import Mono
from data_pipeline.schema import SOUND_RATE_HZ

_VOWELS_HZ = (
    (270, 2290, 3010),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (300, 870, 2240),
)
_BANDWIDTHS_HZ = (60.0, 90.0, 140.0)


def speech_like(rng: np.random.Generator, samples: int) -> Mono:
    """Make sound of unit RMS, pauses not counted."""
    sound = np.zeros(samples)
    pitch_hz = rng.uniform(85.0, 230.0)
    size = rng.uniform(0.95, 1.2)
    place = int(rng.integers(0, SOUND_RATE_HZ))
    while place < samples:
        for _ in range(int(rng.integers(4, 14))):
            syllable = _syllable(rng, pitch_hz * rng.uniform(0.85, 1.2), size)
            end = min(place + len(syllable), samples)
            if end > place:
                sound[place:end] += syllable[: end - place]
            place += round(len(syllable) * rng.uniform(0.85, 1.1))
        place += round(rng.uniform(0.3, 1.6) * SOUND_RATE_HZ)
    loud = np.abs(sound) > 1e-4
    level = np.sqrt(np.mean(sound[loud] ** 2)) if loud.any() else 1.0
    return (sound / level).astype(np.float32)


def _syllable(rng: np.random.Generator, pitch_hz: float, size: float) -> np.ndarray:
    count = round(rng.uniform(0.1, 0.28) * SOUND_RATE_HZ)
    time = np.arange(count) / SOUND_RATE_HZ
    glide = pitch_hz * (1.0 + rng.uniform(-0.15, 0.15) * time / time[-1])
    phase = np.cumsum(glide) / SOUND_RATE_HZ
    buzz = 2.0 * (phase % 1.0) - 1.0
    buzz += 0.05 * rng.standard_normal(count)
    formants = _VOWELS_HZ[int(rng.integers(len(_VOWELS_HZ)))]
    voice = np.zeros(count)
    for number, (hz, width_hz) in enumerate(zip(formants, _BANDWIDTHS_HZ, strict=True)):
        b, a = signal.iirpeak(hz * size, hz * size / width_hz, fs=SOUND_RATE_HZ)
        voice += 0.5**number * np.asarray(signal.lfilter(b, a, buzz))
    voice *= np.sin(np.pi * np.arange(count) / count) ** 0.6
    if rng.random() < 0.35:
        hiss_count = min(count // 3, SOUND_RATE_HZ // 12)
        hiss = np.diff(rng.standard_normal(hiss_count + 1)) * np.hanning(hiss_count)
        voice[:hiss_count] += 0.08 * hiss
    return voice
