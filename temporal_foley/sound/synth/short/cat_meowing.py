"""Make meows of one cat: short or long, of one or two arches, some begun with a trill.

The pitch of meows is near 400 to 800 Hz and mostly rises, then falls; the formants glide with the
mouth (Nicastro, J. Comp. Psychol. 118(3), 2004; Schötz and van de Weijer, "A study of human
perception of intonation in domestic cat meows", Speech Prosody, 2014).
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
)
from temporal_foley.sound.synth.voice import Formant, Throat, voice
from temporal_foley.sound.take import Take


def make(rng: np.random.Generator, cat: np.random.Generator) -> Take:
    """Make one take: a kitten or cat, asking, demanding or complaining."""
    kitten = cat.uniform(0.0, 1.0)
    arches = 1 if rng.random() < 0.6 else 2
    length_s = log_uniform(rng, 0.35, 1.1) * (1.0 + 0.4 * (arches - 1))
    samples = count(length_s)
    base_hz = (380.0 + 420.0 * kitten) * rng.uniform(0.9, 1.1)
    pitch_points, strength_points, mouth_points = [(0.0, 1.0)], [(0.0, 0.0)], [(0.0, 0.0)]
    for number in range(arches):
        start, part_s = number * length_s / arches, length_s / arches
        peak_at = start + rng.uniform(0.25, 0.6) * part_s
        pitch_points += [
            (peak_at, rng.uniform(1.1, 1.6)),
            (start + 0.98 * part_s, rng.uniform(0.7, 1.15)),
        ]
        loud = 1.0 if number == 0 else rng.uniform(0.5, 1.0)
        strength_points += [
            (start + 0.06, 0.25 * loud),
            (start + rng.uniform(0.2, 0.4) * part_s, loud),
            (start + 0.65 * part_s, rng.uniform(0.5, 0.9) * loud),
            (start + 0.97 * part_s, 0.25 if number + 1 < arches else 0.1),
        ]
        mouth_points += [
            (start + rng.uniform(0.3, 0.5) * part_s, rng.uniform(0.7, 1.2)),
            (start + part_s - 0.01, rng.uniform(0.0, 0.3)),
        ]
    pitch = base_hz * breakpoints(samples, pitch_points, smooth_s=0.1)
    pitch *= 1.0 + 0.01 * np.sin(oscillator(np.full(samples, rng.uniform(4.0, 9.0))))
    pitch *= 1.0 + 0.015 * slow_noise(samples, rng, 12.0)
    strength = breakpoints(samples, [*strength_points, (length_s, 0.0)], smooth_s=0.05)
    if rng.random() < 0.3:
        # A trill: the tongue or throat interrupts the first part.
        trill_hz = np.full(samples, rng.uniform(22.0, 32.0))
        early = np.clip(1.0 - np.arange(samples) / count(0.35 * length_s), 0.0, 1.0)
        strength = strength * (1.0 - 0.8 * early * (0.5 + 0.5 * np.sin(oscillator(trill_hz))))
    mouth = breakpoints(samples, mouth_points, smooth_s=0.08)
    scale = 1.0 + 0.25 * kitten
    formants = [
        Formant(hz=scale * (600.0 + 850.0 * mouth), bandwidth_hz=200.0),
        Formant(hz=scale * (1900.0 + 500.0 * mouth), bandwidth_hz=280.0),
        Formant(hz=scale * (3700.0 + 400.0 * mouth), bandwidth_hz=400.0),
        Formant(hz=scale * 5600.0, bandwidth_hz=600.0),
        Formant(hz=scale * 8200.0, bandwidth_hz=1200.0),
    ]
    throat = Throat(
        jitter=0.015,
        shimmer=0.2,
        tilt_db_per_octave=rng.uniform(-7.0, -3.0),
        subharmonic=rng.uniform(0.0, 0.5) ** 2,
        breath=rng.uniform(0.15, 0.5),
        breath_corner_hz=1200.0,
        hiss=rng.uniform(0.002, 0.015),
    )
    meow = voice(pitch, strength, formants, throat, rng)
    sound = room(meow, rng, size_m=4.0, t60_s=0.2, wet_db=rng.uniform(-24, -16))
    sound = highpass(sound, 60.0)
    return finish_take(fade(normalise_peak(sound, -6.0), 0.003, 0.08), anchor=count(0.05))
