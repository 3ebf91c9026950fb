"""Synthesise clouds of bubbles in water.

Method: Minnaert bubbles with rising pitch (K. van den Doel, Physically based models for liquid
sounds, ACM Transactions on Applied Perception 2(4), 2005), which also make up the noise of a
breaking wave (G. Deane, Sound generation and air entrainment by breaking waves in the surf zone,
JASA 102(5), 1997).
"""

import numpy as np

from temporal_foley.sound.synth.motion import Mono, Stereo, lay_round, scatter
from temporal_foley.sound.synth.signals import log_uniform, pan
from temporal_foley.timegrid import SAMPLE_RATE_HZ


def bubble_cloud(
    rng: np.random.Generator,
    density: Mono,
    *,
    each_second: float,
    radii_m: tuple[float, float],
    kinds: int = 80,
) -> Stereo:
    """Lay bubbles on a circle at a rate that follows `density` (0 to 1); one alone peaks near 1."""
    cloud = np.zeros((len(density), 2))
    bank = []
    for _ in range(kinds):
        bubble = _bubble(rng, log_uniform(rng, *radii_m))
        bank.append(pan(bubble, rng.uniform(-0.8, 0.8)))
    for at in scatter(rng, len(density), each_second, density):
        lay_round(cloud, at, bank[rng.integers(kinds)] * rng.random() ** 2)
    return cloud


def _bubble(rng: np.random.Generator, radius_m: float) -> Mono:
    """Ring one bubble: frequency 3/r, damping 0.13/r + 0.0072 r^-1.5 (van den Doel)."""
    hz = 3.0 / radius_m
    damping = 0.13 / radius_m + 0.0072 * radius_m**-1.5
    # Those that rise to the surface go up in pitch; each is heard at a depth of its own.
    rise = damping * rng.choice([0.0, 0.05, 0.1, 0.25])
    loudness = min((radius_m / 0.003) ** 0.4, 1.0) * rng.uniform(0.5, 1.0)
    time_s = np.arange(round(min(6.0 / damping, 0.15) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    cycles = hz * time_s * (1.0 + 0.5 * rise * time_s)
    swell = np.minimum(time_s / 0.0015, 1.0)
    return loudness * np.sin(2 * np.pi * cycles) * np.exp(-damping * time_s) * swell
