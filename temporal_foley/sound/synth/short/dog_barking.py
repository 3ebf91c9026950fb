"""Make dog barks: one to four of them, huffed, sharp or growling.

A bark is a short rise and fall of the pitch, noisy and with subharmonics, through a vocal tract of
about 10 to 20 cm whose mouth opens (Riede and Fitch, J. Exp. Biol. 202, 1999, for tract and formant
spacing; Feddersen-Petersen, Arch. Tierz. 43, 2000, for the kinds of bark).
"""

import numpy as np

from temporal_foley.sound.synth.signals import (
    SPEED_OF_SOUND_M_S,
    Signal,
    add_at,
    bandpass,
    breakpoints,
    coloured_noise,
    count,
    fade,
    finish_take,
    highpass,
    log_uniform,
    normalise_peak,
    room,
    slow_noise,
    soft_clip,
)
from temporal_foley.sound.synth.voice import Formant, Throat, voice
from temporal_foley.sound.take import Take

_LEAD_S = 0.02


def make(rng: np.random.Generator, dog: np.random.Generator) -> Take:
    """Make one take: a dog of a size and temper, barking one to four times."""
    size, temper = dog.uniform(0.0, 1.0, 2)
    barks = int(rng.choice([1, 2, 3, 4], p=[0.35, 0.35, 0.2, 0.1]))
    at = [0.0]
    gap_s = rng.uniform(0.24, 0.6)
    while len(at) < barks:
        at.append(at[-1] + gap_s * rng.uniform(0.8, 1.25))
    sound = np.zeros(count(_LEAD_S + at[-1] + 1.2))
    for number, time in enumerate(at):
        bark = _bark(rng, size, temper, effort=rng.uniform(0.8, 1.0))
        add_at(sound, bark, count(_LEAD_S + time), rng.uniform(0.5, 1.0) if number else 1.0)
    after_s = _LEAD_S + at[-1] + rng.uniform(0.25, 0.4)
    if rng.random() < 0.3 + 0.4 * temper:
        growl = _growl(rng, size, rng.uniform(0.25, 0.6))
        add_at(sound, growl, count(after_s), rng.uniform(0.08, 0.25))
    elif rng.random() < 0.4:
        add_at(sound, _huff(rng, size), count(after_s), rng.uniform(0.05, 0.15))
    sound = room(sound, rng, size_m=rng.uniform(3.0, 12.0), t60_s=0.2, wet_db=rng.uniform(-24, -15))
    sound = highpass(sound, 60.0)
    end = np.flatnonzero(np.abs(sound) > 1e-3 * np.max(np.abs(sound)))[-1]
    sound = sound[: min(len(sound), end + count(0.1))]
    return finish_take(
        fade(normalise_peak(sound, -6.0), 0.002, 0.08), anchor=count(_LEAD_S + 0.012)
    )


def _bark(rng: np.random.Generator, size: float, temper: float, effort: float) -> Signal:
    length_s = rng.uniform(0.1, 0.2) + 0.08 * size
    samples = count(length_s)
    peak_hz = 950.0 * (300.0 / 950.0) ** size * rng.uniform(0.9, 1.1) * effort
    rise, fall = rng.uniform(0.45, 0.75), rng.uniform(0.4, 0.7)
    peak_at = rng.uniform(0.15, 0.4)
    pitch = breakpoints(
        samples,
        [
            (0.0, rise * peak_hz),
            (peak_at * length_s, peak_hz),
            (0.55 * length_s, 0.88 * peak_hz),
            (length_s, fall * peak_hz),
        ],
        smooth_s=0.02,
    )
    strength = breakpoints(
        samples,
        [
            (0.0, 0.0),
            (0.01, 0.75),
            (0.3 * length_s, 1.0),
            (0.55 * length_s, rng.uniform(0.4, 0.8)),
            (0.85 * length_s, 0.15),
            (length_s, 0.0),
        ],
        smooth_s=0.01,
    )
    rough = 1.0 + (0.15 + 0.35 * temper) * slow_noise(samples, rng, rng.uniform(60.0, 120.0))
    quarter_hz = SPEED_OF_SOUND_M_S / (4.0 * (0.1 + 0.09 * size))
    opening = breakpoints(
        samples,
        [(0.0, 0.6), (0.3 * length_s, rng.uniform(1.2, 1.45)), (length_s, 0.65)],
        smooth_s=0.02,
    )
    throat = Throat(
        jitter=0.07 + 0.05 * temper,
        shimmer=0.5,
        tilt_db_per_octave=rng.uniform(-7.0, -4.0),
        subharmonic=rng.uniform(0.2, 0.9),
        breath=rng.uniform(0.7, 1.8),
        breath_corner_hz=300.0,
        hiss=rng.uniform(0.01, 0.05),
    )
    bark = voice(pitch, strength * rough, _mouth(rng, quarter_hz, opening), throat, rng)
    # The chest is heard too, below the first resonance of the mouth.
    chest = bandpass(coloured_noise(samples, rng), 250.0, 650.0, 1) * strength
    add_at(bark, chest / np.sqrt(np.mean(chest**2)), 0, rng.uniform(0.1, 0.3))
    return soft_clip(bark, rng.uniform(1.0, 1.8))


def _growl(rng: np.random.Generator, size: float, length_s: float) -> Signal:
    samples = count(length_s)
    pitch = np.full(samples, 105.0 - 40.0 * size) * (1.0 + 0.06 * slow_noise(samples, rng, 8.0))
    strength = breakpoints(
        samples, [(0.0, 0.0), (0.2 * length_s, 1.0), (length_s, 0.0)], smooth_s=0.05
    )
    throat = Throat(jitter=0.1, shimmer=0.6, subharmonic=0.9, breath=0.8, breath_corner_hz=200.0)
    quarter_hz = SPEED_OF_SOUND_M_S / (4.0 * (0.12 + 0.09 * size))
    return voice(pitch, strength, _mouth(rng, quarter_hz, np.full(samples, 0.6)), throat, rng)


def _huff(rng: np.random.Generator, size: float) -> Signal:
    """Breathe out through the nose."""
    samples = count(rng.uniform(0.1, 0.25))
    noise = bandpass(coloured_noise(samples, rng, 0.6), 500.0 - 150.0 * size, 5000.0, 1)
    return noise * np.sin(np.pi * np.linspace(0.0, 1.0, samples) ** 0.6) ** 2


def _mouth(rng: np.random.Generator, quarter_hz: float, opening: Signal) -> list[Formant]:
    return [
        Formant(hz=quarter_hz * rng.uniform(1.2, 1.4) * opening, bandwidth_hz=190.0),
        Formant(hz=quarter_hz * 2.9 * opening**0.6, bandwidth_hz=280.0),
        Formant(hz=quarter_hz * log_uniform(rng, 4.7, 5.2), bandwidth_hz=450.0),
        Formant(hz=quarter_hz * 7.0, bandwidth_hz=700.0),
    ]
