"""Make a loop of a passing train: wheels, rail joints and rumble.

Method: rolling noise that swells with each bogie, and rail joints struck by every axle in the
order of the bogies, each blow exciting modes of rail and wheel (D. Thompson, Railway Noise and
Vibration, Elsevier 2009, on rolling and impact noise; modal blows after van den Doel
and Pai, Presence 7(4), 1998). The lead-in is the train coming near.
"""

import numpy as np

from temporal_foley.sound.synth.motion import (
    Mono,
    body_length,
    coloured,
    coloured_pair,
    harmonics,
    lay_round,
    looped,
    low_pass,
    phase,
    slow_curve,
)
from temporal_foley.sound.synth.signals import log_uniform, modal_bank, pan
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

ROLLING = (
    (40, -20),
    (90, -8),
    (180, 0),
    (300, 0),
    (600, -12),
    (1500, -17),
    (4000, -26),
    (9000, -40),
)
IMPACT = ((50, -8), (90, 0), (350, 0), (600, -8), (1200, -15), (3000, -22), (9000, -38))
RUMBLE = ((20, -10), (50, 0), (110, -4), (250, -20), (1000, -45))
HISS = ((800, -20), (2500, -2), (5000, 0), (10000, -10), (16000, -20))


def make(rng: np.random.Generator) -> Take:
    """Make one train: slow and clattering, or faster and smoother."""
    samples = body_length(rng, 9.0, 12.0)
    speed_m_s = rng.uniform(12.0, 23.0)
    # Welded rails have no joints.
    jointed = rng.random() < 0.9
    car_m = rng.uniform(18.0, 25.0)
    # A whole number of cars goes by in one round.
    cars = max(4, round(samples / SAMPLE_RATE_HZ * speed_m_s / car_m))
    car_s = samples / SAMPLE_RATE_HZ / cars
    wheelbase_s = rng.uniform(2.3, 2.9) / speed_m_s
    bogies_s = car_s * rng.uniform(0.66, 0.74)
    axles_s = np.array([0.0, wheelbase_s, bogies_s, bogies_s + wheelbase_s])
    at = ((np.arange(cars)[:, None] * car_s + axles_s).ravel() * SAMPLE_RATE_HZ).astype(int)

    near = np.zeros(samples)
    bump = np.hanning(round(2.4 * wheelbase_s * SAMPLE_RATE_HZ))
    for sample in at:
        lay_round(near, sample - len(bump) // 2, bump)
    near = 1.0 - rng.uniform(0.2, 0.4) * (1.0 - near / np.max(near))
    load = np.repeat(np.exp(0.15 * rng.standard_normal(cars)), 4)

    # What a wheel meets in a second grows with its speed, so fast trains rush and slow ones rumble.
    faster = (speed_m_s / 16.0) ** 0.8
    rolling = [(hz * faster, level_db) for hz, level_db in ROLLING]
    train = coloured_pair(rng, samples, rolling, 0.5) * near[:, None] * 0.3
    train += coloured_pair(rng, samples, RUMBLE, 0.3) * rng.uniform(0.1, 0.16)
    hiss = log_uniform(rng, 0.025, 0.06)
    train += coloured_pair(rng, samples, HISS, 0.8) * (near**2)[:, None] * hiss
    pounding = _pounding(samples, at, load) * rng.uniform(0.65, 1.0) * (0.5 + 0.5 * jointed)
    train += coloured_pair(rng, samples, IMPACT, 0.5) * pounding[:, None]
    if jointed:
        train += _joints(rng, samples, at, load) * rng.uniform(0.06, 0.13)
    if rng.random() < 0.3:
        train += _engine(rng, samples) * log_uniform(rng, 0.04, 0.25)
    if rng.random() < 0.3:
        train += _horn(rng, samples) * log_uniform(rng, 0.1, 0.8)
    train += _squeal(rng, samples, near)
    # Beside the track or across a valley.
    return looped(low_pass(train, log_uniform(rng, 5000.0, 16_000.0), order=1), lead_s=2.0)


def _engine(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Run a diesel: firings of a slow engine of many cylinders, and the whine of its blower."""
    fires_hz = log_uniform(rng, 45.0, 110.0) * (1 + 0.004 * slow_curve(rng, samples, 0.5))
    partials = np.arange(1, 81)
    orders = np.where(partials % 4 == 0, 1.0, 0.3) * (partials / 4.0) ** -rng.uniform(0.6, 1.0)
    engine = harmonics(phase(fires_hz / 4, samples), orders * np.exp(rng.normal(0.0, 0.4, 80)))
    whine_hz = log_uniform(rng, 700.0, 2000.0) * fires_hz / np.mean(fires_hz)
    whine = harmonics(phase(whine_hz, samples), np.array([1.0, 0.3]))
    engine = engine / np.sqrt(np.mean(engine**2)) + log_uniform(rng, 0.02, 0.2) * whine
    return pan(engine * np.exp(0.2 * slow_curve(rng, samples, 1.0)), rng.uniform(-0.4, 0.4))


def _horn(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Blow the horn once or twice: a chord of three to five reeds."""
    root_hz = rng.uniform(250, 330)
    chord = root_hz * np.array([1.0, 1.19, 1.34, 1.5, 1.78])[: int(rng.integers(2, 6))]
    horn = np.zeros(samples)
    at = round(rng.uniform(0, samples))
    for _ in range(int(rng.integers(1, 3))):
        length = round(rng.uniform(0.5, 1.8) * SAMPLE_RATE_HZ)
        time_s = np.arange(length) / SAMPLE_RATE_HZ
        blast = sum(harmonics(time_s * hz, np.arange(1, 13) ** -1.1) for hz in chord)
        edge = np.minimum(time_s / 0.06, (length / SAMPLE_RATE_HZ - time_s) / 0.12)
        lay_round(horn, at, blast * np.clip(edge, 0.0, 1.0) / len(chord))
        at += length + round(0.25 * SAMPLE_RATE_HZ)
    return pan(horn, rng.uniform(-0.4, 0.4))


def _joints(rng: np.random.Generator, samples: int, at: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Strike the joint before the listener with every axle, and the next ones left and right."""
    length = round(0.2 * SAMPLE_RATE_HZ)
    modes_hz = np.array([log_uniform(rng, low, 1.5 * low) for low in (75, 130, 220, 330, 520, 900)])
    modes_hz = np.append(modes_hz, rng.uniform(1500, 4200, 4))
    t60s_s = np.array([0.16, 0.14, 0.10, 0.09, 0.08, 0.07, 0.06, 0.05, 0.05, 0.04])
    weights = np.array([0.6, 0.9, 0.9, 0.7, 0.4, 0.25, 0.08, 0.06, 0.05, 0.04])
    clatter = np.zeros((samples, 2))
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    rise = np.sin(0.5 * np.pi * np.minimum(time_s / 0.006, 1.0)) ** 2
    fall = 2.5 * np.exp(-time_s / 0.035)
    apart = round(rng.uniform(0.35, 0.6) * np.median(np.diff(at[::4])))
    for sample, strength in zip(at, load, strict=True):
        struck = weights * np.exp(0.3 * rng.standard_normal(len(weights)))
        blow = modal_bank(length, modes_hz, t60s_s, struck)
        blow += coloured(rng, length, IMPACT) * fall
        blow *= strength * rise
        jitter = round(0.003 * SAMPLE_RATE_HZ * rng.standard_normal())
        lay_round(clatter, sample + jitter, pan(blow, 0.0))
        lay_round(clatter, sample + jitter + apart, pan(0.15 * blow, 0.6))
        lay_round(clatter, sample + jitter - apart, pan(0.15 * blow, -0.6))
    return clatter


def _pounding(samples: int, at: np.ndarray, load: np.ndarray) -> Mono:
    """Return how loud the track roars under each axle: up in 20 ms, down in 50."""
    time_s = np.arange(-0.03, 0.2, 1 / SAMPLE_RATE_HZ)
    pulse = np.exp(-(np.maximum(-time_s / 0.012, 0) ** 2)) * np.exp(-np.maximum(time_s, 0) / 0.045)
    roar = np.zeros(samples)
    for sample, strength in zip(at, load, strict=True):
        lay_round(roar, sample - round(0.03 * SAMPLE_RATE_HZ), pulse * strength)
    return roar


def _squeal(rng: np.random.Generator, samples: int, near: Mono) -> np.ndarray:
    """Let the flanges sing now and then: a high tone that wavers."""
    swell = np.clip(slow_curve(rng, samples, 0.8) - 0.6, 0.0, 1.5) * near
    hz = rng.uniform(1900, 3600) * (1 + 0.006 * slow_curve(rng, samples, 6.0))
    tone = harmonics(phase(hz, samples), np.array([1.0, 0.4, 0.2]))
    rough = 1 + 0.5 * slow_curve(rng, samples, 60.0)
    return pan(tone * rough * swell * rng.uniform(0.0, 0.3) ** 2, rng.uniform(-0.5, 0.5))
