"""Synthesise fire: a loop of crackle, hiss and low roar.

Method: Poisson crackle in clusters, hiss and lapping roar (A. Farnell, Designing Sound, MIT Press
2010). A crackle is a burst of gas through a crack in the wood: a click of a
millisecond or two through a random resonance, with sizes that follow a heavy tail.
"""

import numpy as np

from temporal_foley.sound.synth.motion import (
    Mono,
    body_length,
    coloured_pair,
    lay_round,
    looped,
    scatter,
    slow_curve,
)
from temporal_foley.sound.synth.signals import log_uniform, pan, soft_clip
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

HISS = ((100, -40), (800, -18), (3000, -8), (8000, 0), (12000, -2), (18000, -12))
ROAR = ((20, -6), (60, 0), (160, -6), (400, -22), (1500, -40))


def make(rng: np.random.Generator) -> Take:
    """Make one fire, from a few sticks to a blaze."""
    samples = body_length(rng, 10.0, 14.0)
    size = rng.uniform(0.0, 1.0)
    lapping = np.exp(0.3 * slow_curve(rng, samples, 6.0))
    breathing = np.exp(0.3 * slow_curve(rng, samples, 1.0))
    # From glowing logs that snap to a blaze that roars.
    bed = log_uniform(rng, 0.3, 1.2) * (0.5 + size)
    roar = coloured_pair(rng, samples, ROAR, width=0.4) * lapping[:, None]
    hiss = coloured_pair(rng, samples, HISS) * breathing[:, None]
    fire = bed * (log_uniform(rng, 0.1, 0.4) * roar + log_uniform(rng, 0.04, 0.14) * hiss)
    bank = [_crackle(rng) for _ in range(60)]
    flare = np.clip(0.35 + 0.35 * slow_curve(rng, samples, 3.0), 0.02, 1.0)
    for at in scatter(rng, samples, log_uniform(rng, 10.0, 60.0) * (0.7 + size), flare):
        # The heavy tail makes some crackles stand out as snaps, and snaps set off others.
        strength = min(0.12 * (1 - rng.random()) ** -1.0, 6.0)
        side = rng.normal(0.0, 0.35)
        for _ in range(1 + min(rng.poisson(1.2 * strength), 6)):
            lay_round(fire, at, pan(bank[rng.integers(len(bank))], side) * strength)
            at += round(rng.exponential(0.012) * SAMPLE_RATE_HZ)
            strength *= rng.uniform(0.2, 0.9)
    for at in scatter(rng, samples, 1.2 + size):
        lay_round(fire, at, pan(_pop(rng), rng.normal(0.0, 0.25)))
    # A snap near the microphone is rounded off by it.
    return looped(soft_clip(fire, 20.0 * np.sqrt(np.mean(fire**2))), lead_s=0.6)


def _crackle(rng: np.random.Generator) -> Mono:
    decay_s = 10 ** rng.uniform(-3.7, -2.3)
    time_s = np.arange(round(7 * decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    hz = 10 ** rng.uniform(2.8, 4.1)
    ring = np.sin(2 * np.pi * hz * time_s) + 0.8 * rng.standard_normal(len(time_s))
    return ring * np.exp(-time_s / decay_s) * np.minimum(time_s / 1e-4, 1.0)


def _pop(rng: np.random.Generator) -> Mono:
    decay_s = rng.uniform(0.004, 0.012)
    time_s = np.arange(round(7 * decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    body = np.sin(2 * np.pi * rng.uniform(300, 1100) * time_s)
    snap = rng.standard_normal(len(time_s)) * np.exp(-time_s / 0.0015)
    return (0.7 * body * np.exp(-time_s / decay_s) + snap) * rng.uniform(0.5, 1.5)
