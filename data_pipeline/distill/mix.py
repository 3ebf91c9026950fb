"""Mix one stretch of sound from a pool of recordings.

A mix resembles the sound of a film: one to three sounds, at other speeds and levels, cut short or
repeated, filtered, in a room, over noise, with pauses; sometimes noise or silence alone.
"""

from collections.abc import Sequence

import numpy as np
import soxr
from scipy import signal

from data_pipeline.builders.sounds import Mono, sound_to_float
from data_pipeline.distill.sounds import Pool
from data_pipeline.schema import SOUND_RATE_HZ
from temporal_foley.sound.synth.signals import coloured_noise

# Of none, one, two, three sounds.
_COUNTS = (0.04, 0.4, 0.38, 0.18)
_SPEED_PART, _SPEED = 0.5, (0.7, 1.45)
_REPEAT_PART = 0.35
_FILTER_PART, _ROOM_PART, _NOISE_PART, _SILENCE_PART = 0.25, 0.2, 0.25, 0.15
_LEVEL_DB = (-42.0, -10.0)
_OTHER_DB = (-20.0, 6.0)
_NOISE_BELOW_DB = (8.0, 40.0)
_T60_S = (0.15, 1.8)
_CEILING = 0.99


def mix_window(rng: np.random.Generator, pool: Pool, sources: Sequence[str], samples: int) -> Mono:
    """Mix a stretch of sound from some sources of the pool."""
    count = int(rng.choice(len(_COUNTS), p=_COUNTS))
    level = _decibels(rng.uniform(*_LEVEL_DB))
    mix = np.zeros(samples, np.float32)
    for number in range(count):
        recordings = pool[sources[int(rng.integers(len(sources)))]]
        sound = _vary(rng, sound_to_float(recordings[int(rng.integers(len(recordings)))]), samples)
        own = level if number == 0 else level * _decibels(rng.uniform(*_OTHER_DB))
        mix += own * _place(rng, sound, samples)
    if rng.random() < _ROOM_PART:
        mix = _in_room(rng, mix)
    if rng.random() < _SILENCE_PART:
        start, end = np.sort(rng.integers(0, samples + 1, 2))
        mix[start:end] = 0.0
    if rng.random() < (_NOISE_PART if count else 0.7):
        below = _decibels(-rng.uniform(*_NOISE_BELOW_DB)) if count else 1.0
        noise = coloured_noise(samples, rng, float(rng.choice([0.0, 1.0, 2.0])))
        mix += (level * below * noise).astype(np.float32)
    peak = float(np.abs(mix).max(initial=0.0))
    return mix if peak <= _CEILING else mix * np.float32(_CEILING / peak)


def _vary(rng: np.random.Generator, sound: Mono, samples: int) -> Mono:
    """Cut out a part of a recording, possibly at another speed and filtered."""
    speed = 1.0
    if rng.random() < _SPEED_PART:
        speed = float(np.exp(rng.uniform(*np.log(_SPEED))))
    needed = int(samples * speed) + 1
    if len(sound) > needed:
        start = int(rng.integers(0, len(sound) - needed + 1))
        sound = sound[start : start + needed]
    if speed != 1.0 and len(sound) > 64:
        sound = soxr.resample(sound, SOUND_RATE_HZ * speed, SOUND_RATE_HZ, quality="LQ")
    if rng.random() < _FILTER_PART:
        sound = _filtered(rng, sound)
    return sound


def _filtered(rng: np.random.Generator, sound: Mono) -> Mono:
    kind = str(rng.choice(["lowpass", "highpass", "bandpass"]))
    low = float(np.exp(rng.uniform(np.log(80.0), np.log(1_200.0))))
    high = float(np.exp(rng.uniform(np.log(1_500.0), np.log(12_000.0))))
    edges = {"lowpass": high, "highpass": low, "bandpass": (low, high)}[kind]
    sections = signal.butter(2, edges, kind, fs=SOUND_RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(sections, sound), np.float32)


def _place(rng: np.random.Generator, sound: Mono, samples: int) -> Mono:
    """Bring a sound to unit level and put it somewhere, once or again and again."""
    loud = np.abs(sound) > 0.05 * np.abs(sound).max(initial=0.0)
    level = float(np.sqrt(np.mean(np.square(sound[loud])))) if loud.any() else 0.0
    laid = np.zeros(samples, np.float32)
    if level < 1e-6:
        return laid
    sound = sound[:samples] / np.float32(level)
    start = int(rng.integers(0, samples - len(sound) + 1))
    if rng.random() >= _REPEAT_PART:
        laid[start : start + len(sound)] = sound
        return laid
    gap = int(rng.uniform(0.0, 1.0) * SOUND_RATE_HZ)
    # Short sounds are not repeated more often than a typist could.
    step = max(len(sound) + gap, SOUND_RATE_HZ // 12)
    for at in range(start % step - step, samples, step):
        first = max(at, 0)
        last = max(min(at + len(sound), samples), first)
        laid[first:last] += sound[first - at : last - at]
    return laid


def _in_room(rng: np.random.Generator, sound: Mono) -> Mono:
    """Add a tail of noise that dies away (Moorer, Computer Music Journal 3(2), 1979)."""
    t60_s = rng.uniform(*_T60_S)
    times_s = np.arange(int(t60_s * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    tail = rng.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / t60_s)
    tail *= _decibels(rng.uniform(-16.0, 0.0)) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    return signal.fftconvolve(sound, tail.astype(np.float32))[: len(sound)].astype(np.float32)


def _decibels(gain_db: float) -> np.float32:
    return np.float32(10.0 ** (gain_db / 20.0))
