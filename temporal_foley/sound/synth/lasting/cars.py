"""Make a loop of road traffic with cars going by.

Method: each car is an engine (harmonics of its firing rate) and tyre noise (a broad peak near
1 kHz), moved past the listener on a straight line with Doppler shift, distance loss, air
absorption and pan (A. Farnell, Designing Sound, MIT Press 2010; U. Sandberg and
J. Ejsmont, Tyre/Road Noise Reference Book, Informex 2002, on the peak at 1 kHz).
"""

import numpy as np

from temporal_foley.sound.synth.motion import (
    body_length,
    coloured,
    coloured_pair,
    curve_times,
    drawn,
    harmonics,
    looped,
    low_pass,
    slow_curve,
)
from temporal_foley.sound.synth.signals import SPEED_OF_SOUND_M_S, log_uniform, pan
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

TYRES = (
    (60, -14),
    (200, -6),
    (500, -2),
    (900, 0),
    (1500, -4),
    (3000, -14),
    (8000, -28),
    (16000, -42),
)
AIR = ((30, -4), (100, 0), (300, -8), (1000, -24), (4000, -44))
CITY = ((25, -6), (60, 0), (150, -4), (500, -12), (1000, -14), (2500, -24), (8000, -44))


def make(rng: np.random.Generator) -> Take:
    """Make one road: cars passing one after another before a bed of distant traffic."""
    samples = body_length(rng, 11.0, 14.0)
    whole_s = samples / SAMPLE_RATE_HZ
    tyres = coloured(rng, samples, TYRES)
    wind = coloured(rng, samples, AIR)
    far_bed = np.exp(0.15 * slow_curve(rng, samples, 0.7))
    road = coloured_pair(rng, samples, CITY) * far_bed[:, None] * log_uniform(rng, 0.03, 0.5)
    passes = int(rng.integers(2, 8))
    spacing_s = rng.dirichlet(np.full(passes, 12.0)) * whole_s
    direction = rng.choice([-1.0, 1.0])
    for pass_s in np.cumsum(spacing_s):
        car = _car(rng, tyres, wind, direction)
        road += np.roll(car, round(pass_s * SAMPLE_RATE_HZ), axis=0)
        direction = -direction if rng.random() < 0.4 else direction
    return looped(road, lead_s=0.8)


def _car(
    rng: np.random.Generator, tyres: np.ndarray, wind: np.ndarray, direction: float
) -> np.ndarray:
    """Drive one car by; it is nearest at the middle of the buffer."""
    samples = len(tyres)
    speed_m_s = log_uniform(rng, 6.0, 32.0)
    nearest_m = log_uniform(rng, 4.0, 25.0)
    time_s = curve_times(samples) - samples / SAMPLE_RATE_HZ / 2
    along_m = speed_m_s * time_s
    away_m = np.hypot(along_m, nearest_m)
    # Nothing is left of the car at the seam.
    inside = np.clip((samples / 2 / SAMPLE_RATE_HZ - np.abs(time_s)) / 1.5, 0.0, 1.0)
    loudness = 4.0 / away_m * inside**2
    closing = speed_m_s * along_m / away_m / SPEED_OF_SOUND_M_S

    roll = round(rng.uniform(0, samples))
    noise = np.roll(tyres, roll)
    # Sound from far has lost its treble to the air and the ground.
    dull = low_pass(noise, 700.0, order=1)
    brightness = drawn(np.clip(1.3 * nearest_m / away_m, 0.0, 1.0), samples)
    rolling = dull + (noise - dull) * brightness + 0.7 * np.roll(wind, roll)
    firing_hz = log_uniform(rng, 35.0, 150.0)
    cycles = np.cumsum(drawn(firing_hz / (1 + closing) / 4, samples)) / SAMPLE_RATE_HZ
    partials = np.arange(1, 121)
    # Four cylinders fire unevenly: whole orders of the firing rate lead, the rest give the burr.
    orders = np.where(partials % 4 == 0, 1.0, 0.05) * np.exp(0.4 * rng.standard_normal(120))
    engine = harmonics(cycles, orders * (partials / 4.0) ** -0.7)
    engine = low_pass(engine, 1200.0, order=1)
    engine /= np.sqrt(np.mean(engine**2))
    # Small cars roll, lorries roar.
    car = rolling * log_uniform(rng, 0.4, 1.4) + engine * log_uniform(rng, 0.6, 6.0)
    sides = pan(loudness, direction * along_m / away_m * 0.9)
    return np.stack([car * drawn(sides[:, side], samples) for side in (0, 1)], axis=1)
