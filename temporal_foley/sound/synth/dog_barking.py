"""Dog: one bark or two in quick succession; a throat that is short, open and rough.

A bark is a short rise and fall of the pitch, noisy and with subharmonics, through a vocal tract of
some 10 to 20 cm whose mouth opens (Riede and Fitch, J. Exp. Biol. 202, 1999, for tract and formant
spacing; Feddersen-Petersen, Arch. Tierz. 43, 2000, for the kinds of bark).
"""

import numpy as np

from temporal_foley.sound.synth.signals import (
    SPEED_OF_SOUND_M_S,
    Signal,
    add_at,
    breakpoints,
    count,
    fade,
    finish_take,
    highpass,
    log_uniform,
    normalise_peak,
    room,
    soft_clip,
)
from temporal_foley.sound.synth.voice import Formant, Throat, voice
from temporal_foley.sound.take import Take

_LEAD_S = 0.02


def make(rng: np.random.Generator) -> Take:
    """Make one take: a dog of a size, barking once or twice."""
    size = rng.uniform(0.0, 1.0)
    barks = 1 if rng.random() < 0.6 else 2
    gap_s = rng.uniform(0.28, 0.42)
    sound = np.zeros(count(_LEAD_S + barks * gap_s + 0.15))
    for number in range(barks):
        bark = _bark(rng, size, effort=rng.uniform(0.85, 1.0))
        at = count(_LEAD_S + number * gap_s * rng.uniform(0.95, 1.05))
        add_at(sound, bark, at, rng.uniform(0.75, 1.0) if number else 1.0)
    sound = room(sound, rng, size_m=9.0, t60_s=0.5, wet_db=rng.uniform(-16, -9))
    sound = highpass(sound, 60.0)
    return finish_take(
        fade(normalise_peak(sound, -6.0), 0.002, 0.08), anchor=count(_LEAD_S + 0.012)
    )


def _bark(rng: np.random.Generator, size: float, effort: float) -> Signal:
    length_s = rng.uniform(0.13, 0.2) + 0.06 * size
    samples = count(length_s)
    peak_hz = 900.0 * (360.0 / 900.0) ** size * rng.uniform(0.93, 1.07) * effort
    pitch = breakpoints(
        samples,
        [
            (0.0, 0.55 * peak_hz),
            (0.22 * length_s, peak_hz),
            (0.5 * length_s, 0.9 * peak_hz),
            (length_s, 0.5 * peak_hz),
        ],
        smooth_s=0.02,
    )
    strength = breakpoints(
        samples,
        [
            (0.0, 0.0),
            (0.012, 0.7),
            (0.3 * length_s, 1.0),
            (0.55 * length_s, 0.55),
            (0.8 * length_s, 0.1),
            (length_s, 0.0),
        ],
        smooth_s=0.012,
    )
    tract_m = 0.105 + 0.085 * size
    quarter_wave_hz = SPEED_OF_SOUND_M_S / (4.0 * tract_m)
    opening = breakpoints(
        samples, [(0.0, 0.72), (0.3 * length_s, 1.25), (length_s, 0.8)], smooth_s=0.02
    )
    formants = [
        Formant(hz=quarter_wave_hz * 1.35 * opening, bandwidth_hz=160.0),
        Formant(hz=quarter_wave_hz * 2.9 * opening**0.6, bandwidth_hz=240.0),
        Formant(hz=quarter_wave_hz * log_uniform(rng, 4.7, 5.2), bandwidth_hz=400.0),
        Formant(hz=quarter_wave_hz * 7.0, bandwidth_hz=600.0),
    ]
    throat = Throat(
        jitter=0.05,
        shimmer=0.35,
        tilt_db_per_octave=-5.0,
        subharmonic=rng.uniform(0.2, 0.6),
        breath=rng.uniform(0.5, 0.9),
        breath_corner_hz=600.0,
    )
    return soft_clip(voice(pitch, strength, formants, throat, rng), 1.6)
