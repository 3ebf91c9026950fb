"""Cat: one meow; a clear voice whose mouth opens on "a" and closes on "ow".

The pitch of meows lies near 400 to 800 Hz and mostly rises, then falls; the formants glide with
the mouth (Nicastro, J. Comp. Psychol. 118(3), 2004; Schoetz and van de Weijer, "A study of human
perception of intonation in domestic cat meows", Speech Prosody, 2014).
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
)
from temporal_foley.sound.synth.voice import Formant, Throat, voice
from temporal_foley.sound.take import Take


def make(rng: np.random.Generator) -> Take:
    """Make one take: a cat of a size, pleading for longer or shorter."""
    length_s = rng.uniform(0.55, 1.1)
    samples = count(length_s)
    kitten = rng.uniform(0.0, 1.0)
    base_hz = 430.0 + 280.0 * kitten
    rise = rng.uniform(1.15, 1.5)
    fall = rng.uniform(0.75, 1.05)
    peak_at = rng.uniform(0.3, 0.5)
    pitch = breakpoints(
        samples,
        [
            (0.0, base_hz),
            (peak_at * length_s, rise * base_hz),
            (0.75 * length_s, 0.5 * (rise + fall) * base_hz),
            (length_s, fall * base_hz),
        ],
        smooth_s=0.12,
    )
    pitch *= 1.0 + 0.008 * np.sin(oscillator(np.full(samples, rng.uniform(5.0, 8.0))))
    strength = breakpoints(
        samples,
        [
            (0.0, 0.0),
            (0.06, 0.25),
            (0.3 * length_s, 1.0),
            (0.6 * length_s, 0.8),
            (0.85 * length_s, 0.25),
            (length_s, 0.0),
        ],
        smooth_s=0.05,
    )
    scale = 1.0 + 0.2 * kitten
    mouth = breakpoints(
        samples,
        [(0.0, 0.0), (0.12 * length_s, 0.1), (0.38 * length_s, 1.0), (length_s, 0.15)],
        smooth_s=0.08,
    )
    formants = [
        Formant(hz=scale * (650.0 + 750.0 * mouth), bandwidth_hz=180.0),
        Formant(hz=scale * (2100.0 + 250.0 * mouth), bandwidth_hz=250.0),
        Formant(hz=scale * (3900.0 + 300.0 * mouth), bandwidth_hz=350.0),
        Formant(hz=scale * 5600.0, bandwidth_hz=500.0),
        Formant(hz=scale * 8200.0, bandwidth_hz=900.0),
    ]
    throat = Throat(
        jitter=0.012,
        shimmer=0.15,
        tilt_db_per_octave=rng.uniform(-5.0, -3.0),
        subharmonic=rng.uniform(0.0, 0.2),
        breath=rng.uniform(0.12, 0.28),
        breath_corner_hz=1500.0,
    )
    meow = voice(pitch, strength, formants, throat, rng)
    sound = room(meow, rng, size_m=4.0, t60_s=0.35, wet_db=rng.uniform(-18, -12))
    sound = highpass(sound, 60.0)
    onset = count(0.05)
    return finish_take(fade(normalise_peak(sound, -6.0), 0.003, 0.08), anchor=onset)
