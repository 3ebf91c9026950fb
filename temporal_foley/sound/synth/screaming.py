"""Scream: one human scream of fright; a very high, pressed and rough voice on an open vowel.

What tells a scream from singing is its roughness, a modulation of the strength at 30 to 150 Hz
(Arnal et al., "Human screams occupy a privileged niche in the communication soundscape", Current
Biology 25, 2015), with a pitch near 1 kHz that shoots up, holds and falls.
"""

import numpy as np

from temporal_foley.sound.synth.signals import (
    breakpoints,
    count,
    fade,
    finish_take,
    highpass,
    normalise_peak,
    oscillator,
    room,
    slow_noise,
    soft_clip,
)
from temporal_foley.sound.synth.voice import Formant, Throat, voice
from temporal_foley.sound.take import Take


def make(rng: np.random.Generator) -> Take:
    """Make one take: a higher or lower voice, screaming for one to two seconds."""
    length_s = rng.uniform(0.9, 1.9)
    samples = count(length_s)
    height = rng.uniform(0.0, 1.0)
    top_hz = 700.0 * (1350.0 / 700.0) ** height
    pitch = breakpoints(
        samples,
        [
            (0.0, 0.55 * top_hz),
            (0.09, 0.95 * top_hz),
            (0.35 * length_s, top_hz),
            (0.8 * length_s, rng.uniform(0.85, 0.97) * top_hz),
            (length_s, 0.5 * top_hz),
        ],
        smooth_s=0.06,
    )
    pitch *= 1.0 + 0.015 * slow_noise(samples, rng, 9.0)
    strength = breakpoints(
        samples,
        [(0.0, 0.0), (0.06, 0.7), (0.25, 1.0), (0.75 * length_s, 0.9), (length_s, 0.0)],
        smooth_s=0.05,
    )
    rough_hz = rng.uniform(50.0, 110.0) * (1.0 + 0.2 * slow_noise(samples, rng, 12.0))
    depth = rng.uniform(0.3, 0.6) * np.clip(0.6 + 0.6 * slow_noise(samples, rng, 3.0), 0.1, 1.2)
    strength = strength * (1.0 + depth * np.sin(oscillator(rough_hz))) / (1.0 + depth)
    scale = 0.92 + 0.2 * height
    formants = [
        Formant(hz=scale * 1150.0, bandwidth_hz=220.0),
        Formant(hz=scale * rng.uniform(1650.0, 2000.0), bandwidth_hz=260.0),
        Formant(hz=scale * 3000.0, bandwidth_hz=350.0),
        Formant(hz=scale * 4000.0, bandwidth_hz=450.0),
        Formant(hz=scale * 5400.0, bandwidth_hz=700.0),
    ]
    throat = Throat(
        jitter=0.02,
        shimmer=0.2,
        tilt_db_per_octave=-4.0,
        subharmonic=rng.uniform(0.1, 0.4),
        breath=rng.uniform(0.12, 0.3),
        breath_corner_hz=1500.0,
    )
    scream = soft_clip(voice(pitch, strength, formants, throat, rng), 1.5)
    sound = room(scream, rng, size_m=6.0, t60_s=0.5, wet_db=rng.uniform(-18, -11))
    sound = highpass(sound, 60.0)
    return finish_take(fade(normalise_peak(sound, -6.0), 0.003, 0.1), anchor=count(0.04))
