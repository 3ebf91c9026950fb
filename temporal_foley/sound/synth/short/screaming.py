"""Make one human scream of fright: a very high, pressed and rough voice on an open vowel.

What distinguishes a scream from singing is its roughness, a modulation of the strength at 30 to 150
Hz (Arnal et al., "Human screams occupy a privileged niche in the communication soundscape", Current
Biology 25, 2015), with a pitch near 1 kHz that shoots up, holds and falls.
"""

import numpy as np

from temporal_foley.sound.synth.signals import (
    breakpoints,
    count,
    fade,
    finish_take,
    highpass,
    log_uniform,
    normalise_peak,
    oscillator,
    room,
    slow_noise,
    soft_clip,
)
from temporal_foley.sound.synth.voice import Formant, Throat, voice
from temporal_foley.sound.take import Take


def make(rng: np.random.Generator) -> Take:
    """Make one take: a higher or lower voice, screaming for half a second to two seconds."""
    length_s = log_uniform(rng, 0.55, 2.1)
    samples = count(length_s)
    height = rng.uniform(0.0, 1.0)
    top_hz = 480.0 * (1500.0 / 480.0) ** height
    hold = rng.uniform(0.6, 0.85)
    pitch = breakpoints(
        samples,
        [
            (0.0, rng.uniform(0.45, 0.8) * top_hz),
            (0.09, 0.95 * top_hz),
            (0.35 * length_s, top_hz),
            (hold * length_s, rng.uniform(0.75, 1.0) * top_hz),
            (length_s, rng.uniform(0.4, 0.8) * top_hz),
        ],
        smooth_s=0.06,
    )
    pitch *= 1.0 + 0.015 * slow_noise(samples, rng, 9.0)
    strength = breakpoints(
        samples,
        [
            (0.0, 0.0),
            (0.05, 0.7),
            (0.2, 1.0),
            (max(0.22, hold * length_s), rng.uniform(0.5, 1.0)),
            (0.98 * length_s, 0.0),
            (length_s, 0.0),
        ],
        smooth_s=0.05,
    )
    rough_hz = rng.uniform(50.0, 110.0) * (1.0 + 0.2 * slow_noise(samples, rng, 12.0))
    depth = rng.uniform(0.2, 0.7) * np.clip(0.6 + 0.6 * slow_noise(samples, rng, 3.0), 0.1, 1.2)
    strength = strength * (1.0 + depth * np.sin(oscillator(rough_hz))) / (1.0 + depth)
    scale = 0.92 + 0.2 * height
    formants = [
        Formant(hz=scale * rng.uniform(850.0, 1250.0), bandwidth_hz=220.0),
        Formant(hz=scale * rng.uniform(1400.0, 2200.0), bandwidth_hz=260.0),
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
        hiss=rng.uniform(0.005, 0.03),
    )
    scream = soft_clip(voice(pitch, strength, formants, throat, rng), 1.5)
    sound = room(scream, rng, size_m=6.0, t60_s=0.2, wet_db=rng.uniform(-24, -16))
    sound = highpass(sound, 60.0)
    return finish_take(fade(normalise_peak(sound, -6.0), 0.003, 0.1), anchor=count(0.02))
