"""Make a loop of waves on a shore.

Method: filtered noise in four bands, each with its own swell: the rumble runs ahead, the break
carries the middle, and the hiss of foam lags and drains (A. Farnell, Designing Sound, MIT Press
2010); bubbles in the break (G. Deane, JASA 102(5), 1997). Timing after recordings of surf.
"""

import numpy as np

from temporal_foley.sound.synth.bubbles import bubble_cloud
from temporal_foley.sound.synth.motion import (
    Mono,
    Stereo,
    coloured_pair,
    curve_times,
    drawn,
    filter_round,
    lay_round,
    looped,
    scatter,
    slow_curve,
)
from temporal_foley.sound.synth.signals import log_uniform, pan, strike
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

SEA = ((60, -10), (150, -2), (400, 0), (1000, -5), (3000, -16), (8000, -27), (16000, -38))
RUMBLE = ((25, -8), (70, 0), (200, -6), (600, -24), (2000, -45))
BREAK = ((80, -8), (200, 0), (500, 0), (1000, -6), (3000, -20), (9000, -36))
WASH = ((300, -24), (900, -6), (2500, 0), (6000, -6), (14000, -16))
FOAM = ((1500, -30), (4000, -6), (8000, 0), (15000, -6))


def make(rng: np.random.Generator) -> Take:
    """Make one shore: two swells of unlike size, near or far, over sand or shingle."""
    periods_s = rng.integers(14, 36, 2) / 4
    samples = int(np.sum(periods_s) * SAMPLE_RATE_HZ)
    near = rng.uniform(0.05, 1.0)
    rough = log_uniform(rng, 0.35, 2.5)
    breaks = np.array([0.3, 0.3]) * periods_s + np.array([0.0, periods_s[0]])
    sizes = rng.uniform(0.35, 1.0, 2)
    sizes /= np.max(sizes)
    time_s = curve_times(samples)
    whole_s = samples / SAMPLE_RATE_HZ

    def swell(lag_s: float, rise_s: float, fall_s: float) -> Mono:
        envelope = np.zeros(len(time_s))
        for break_s, size in zip(breaks, sizes, strict=True):
            # The time since the break, on the circle, from half a round before to half after.
            since_s = (time_s - break_s - lag_s + whole_s / 2) % whole_s - whole_s / 2
            rising, falling = np.minimum(since_s, 0), np.maximum(since_s, 0)
            envelope += size * np.exp(rising / rise_s - falling / fall_s)
        # The crest is round: a kink in loudness would be heard as the point of a cut.
        crest = np.hanning(201) / np.sum(np.hanning(201))
        around = np.concatenate([envelope[-101:-1], envelope, envelope[1:101]])
        return drawn(np.convolve(around, crest, "valid"), samples)

    flutter = np.exp(0.25 * slow_curve(rng, samples, 9.0))
    surf = coloured_pair(rng, samples, SEA) * log_uniform(rng, 0.02, 0.5)
    surf += (
        coloured_pair(rng, samples, RUMBLE, 0.4)
        * (rng.uniform(0.1, 0.4) * swell(-0.5, 1.2, 1.2))[:, None]
    )
    surf += (
        coloured_pair(rng, samples, BREAK)
        * (log_uniform(rng, 0.4, 1.2) * swell(0.0, 0.6 * rough, 1.0 * rough) * flutter)[:, None]
    )
    surf += (
        coloured_pair(rng, samples, WASH) * (0.3 * near * swell(0.5, 0.7, 1.5) * flutter)[:, None]
    )
    plunge = swell(0.2, 0.5, 1.1)
    surf += log_uniform(rng, 0.03, 1.0) * bubble_cloud(
        rng, plunge / np.max(plunge), each_second=500.0, radii_m=(0.002, 0.012)
    )
    if rng.random() < 0.3:
        back = swell(1.4, 0.6, 1.2)
        surf += log_uniform(rng, 0.05, 0.3) * _shingle(rng, back / np.max(back))
    fizz = _fizz(rng, samples)
    surf += (
        coloured_pair(rng, samples, FOAM, 0.9) * (0.2 * near * swell(1.1, 0.8, 2.0) * fizz)[:, None]
    )
    return looped(surf, lead_s=1.0)


def _shingle(rng: np.random.Generator, density: Mono) -> Stereo:
    """Roll stones after the water that runs back: many small knocks."""
    stones = np.zeros((len(density), 2))
    bank = []
    for _ in range(30):
        hz = log_uniform(rng, 900.0, 5000.0)
        knock = strike(rng, low_hz=hz, high_hz=3.0 * hz, t60_s=0.012, modes=6)
        bank.append(pan(knock, rng.uniform(-0.8, 0.8)))
    for at in scatter(rng, len(density), 400.0, density):
        lay_round(stones, at, bank[rng.integers(len(bank))] * rng.random() ** 2)
    return stones


def _fizz(rng: np.random.Generator, samples: int) -> Mono:
    """Make the grain of foam: many small bubbles that burst, as a gain around 1."""
    bursts = np.zeros(samples)
    bursts[scatter(rng, samples, 900.0)] = 1.0
    spread = filter_round(np.array([[1.0, 0.0, 0.0, 1.0, -0.99, 0.0]]), bursts)
    return 0.6 + 0.4 * spread / np.mean(spread)
