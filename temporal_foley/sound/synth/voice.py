"""Synthesise voices of people and animals from a pitch curve and formants.

Source and filter are separate (Fant, Acoustic Theory of Speech Production, 1960): a glottal source
with jitter, shimmer, subharmonics and breath, then resonances of the vocal tract that may glide.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from temporal_foley.sound.synth.signals import (
    NYQUIST_HZ,
    SAMPLE_RATE_HZ,
    Signal,
    coloured_noise,
    highpass,
    lowpass,
    oscillator,
    slow_noise,
)

_WINDOW = 1024
_HOP = 256
_FFT = 2048
TAIL = SAMPLE_RATE_HZ * 8 // 100
"""Samples that a voice is longer than its pitch curve."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Formant:
    """One resonance of the vocal tract; its frequency may be a curve over the sound's length."""

    hz: float | Signal
    bandwidth_hz: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Throat:
    """How regular a voice is, and how much of it is air; 0 is none of a quality."""

    jitter: float = 0.01
    """Random motion of the pitch, relative."""
    shimmer: float = 0.1
    """Random motion of the strength, relative."""
    tilt_db_per_octave: float = -9.0
    """Fall of the source's harmonics: -6 pressed and loud, -12 soft."""
    subharmonic: float = 0.0
    """Depth of the period doubling that sounds rough."""
    breath: float = 0.05
    """RMS of the air noise against the voice."""
    breath_corner_hz: float = 800.0
    """Below this the air noise falls."""
    hiss: float = 0.0
    """RMS of air noise above 5 kHz that bypasses the tract, against the voice."""


def voice(
    pitch_hz: Signal,
    strength: Signal,
    formants: list[Formant],
    throat: Throat,
    rng: np.random.Generator,
) -> Float[np.ndarray, " _"]:
    """Voice a pitch curve: unit RMS where it is loudest, and longer than `pitch_hz` by a tail.

    In the tail the strength falls to zero and the vocal tract rings out, so that no end clicks.
    """
    pitch_hz = np.pad(pitch_hz, (0, TAIL), mode="edge")
    fall = 0.5 + 0.5 * np.cos(np.pi * np.minimum(np.arange(1, TAIL + 1) / (TAIL / 3), 1.0))
    strength = np.concatenate([strength, strength[-1] * fall])
    formants = [
        formant
        if np.ndim(formant.hz) == 0
        else dataclasses.replace(formant, hz=np.pad(formant.hz, (0, TAIL), mode="edge"))
        for formant in formants
    ]
    source = glottal_source(pitch_hz, throat, rng)
    noise = highpass(coloured_noise(len(pitch_hz), rng), throat.breath_corner_hz, 1)
    # Air is blown through an opening and closing glottis, so its noise pulses with the pitch.
    pulse = 1.0 + 0.5 * np.sin(oscillator(pitch_hz))
    mixed = (source + throat.breath * noise * pulse) * strength
    tract = vocal_tract(mixed, formants)
    tract = tract / np.sqrt(max(float(np.max(lowpass(tract**2, 10.0, 1))), 1e-12))
    if throat.hiss:
        tract += 3.0 * throat.hiss * highpass(noise * strength, 5000.0, 2)
    loudness = lowpass(tract**2, 10.0, 1)
    return tract / np.sqrt(max(float(loudness.max()), 1e-12))


def glottal_source(pitch_hz: Signal, throat: Throat, rng: np.random.Generator) -> Signal:
    """Sum the harmonics of a moving pitch below the Nyquist frequency; unit RMS.

    A sum of partials stays free of aliases at the high pitches of screams and small animals, where
    a pulse shape such as that of Fant, Liljencrants and Lin (STL-QPSR 4, 1985) would not; its
    spectrum is given by the same slope.
    """
    samples = len(pitch_hz)
    wobble = 0.6 * slow_noise(samples, rng, 35.0) + 0.4 * slow_noise(samples, rng, 140.0)
    pitch = pitch_hz * (1.0 + throat.jitter * wobble)
    phase = oscillator(pitch, rng.uniform(0, 2 * np.pi))
    top = int(0.9 * NYQUIST_HZ / max(float(pitch.min()), 40.0))
    turn = np.exp(1j * phase)
    partial = np.ones(samples, complex)
    source = np.zeros(samples)
    for k in range(1, min(top, 60) + 1):
        partial = partial * turn
        inside = np.clip((0.95 * NYQUIST_HZ - k * pitch) / 1000.0, 0.0, 1.0)
        level = k ** (throat.tilt_db_per_octave / 6.02)
        source += level * inside * np.imag(partial)
    if throat.subharmonic:
        # Every second period weaker and late: half the pitch and its odd multiples appear.
        half = np.sin(0.5 * phase + rng.uniform(0, 2 * np.pi))
        source = source * (1.0 + throat.subharmonic * half)
    source *= 1.0 + throat.shimmer * slow_noise(samples, rng, 60.0)
    return source / np.sqrt(np.mean(source**2))


def vocal_tract(source: Signal, formants: list[Formant]) -> Signal:
    """Filter by a cascade of resonances that may move, frame by frame (overlap and add)."""
    samples = len(source)
    frames = -(-samples // _HOP) + _WINDOW // _HOP
    padded = np.zeros((frames - 1) * _HOP + _WINDOW)
    lead = _WINDOW - _HOP
    padded[lead : lead + samples] = source
    starts = np.arange(frames) * _HOP
    # Periodic Hann windows at a quarter of their length add up to two.
    window = 0.25 - 0.25 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    pieces = padded[starts[:, None] + np.arange(_WINDOW)] * window
    centres = np.clip(starts - lead + _WINDOW // 2, 0, samples - 1)
    spectra = np.fft.rfft(pieces, _FFT) * _response(formants, centres)
    filtered = np.fft.irfft(spectra, _FFT)
    out = np.zeros(len(padded) + _FFT)
    for start, piece in zip(starts, filtered, strict=True):
        out[start : start + _FFT] += piece
    return out[lead : lead + samples]


def _response(
    formants: list[Formant], centres: np.ndarray
) -> Float[np.ndarray, "frames frequencies"]:
    frequency = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE_HZ)[None, :]
    total = np.ones((1, 1), complex)
    for formant in formants:
        hz = (
            np.broadcast_to(np.asarray(formant.hz, float), 1)
            if np.ndim(formant.hz) == 0
            else (np.asarray(formant.hz)[centres])
        )
        hz = hz[:, None]
        total = total * (hz**2 / (hz**2 - frequency**2 + 1j * formant.bandwidth_hz * frequency))
    return total
