"""Make a loop of a river or stream: bubbles over turbulent water.

Method: a cloud of Minnaert bubbles (K. van den Doel, Physically based models for liquid sounds,
ACM Transactions on Applied Perception 2(4), 2005) over turbulence noise with slow motion
(A. Farnell, Designing Sound, MIT Press 2010).
"""

import numpy as np

from temporal_foley.sound.synth.bubbles import bubble_cloud
from temporal_foley.sound.synth.motion import (
    Mono,
    Stereo,
    body_length,
    coloured_pair,
    lay_round,
    looped,
    scatter,
    slow_curve,
)
from temporal_foley.sound.synth.signals import bandpass, log_uniform, pan
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

RUSH = ((100, -20), (300, -3), (500, -2), (1200, -6), (4000, -18), (10000, -30), (16000, -40))
SPLASH = ((200, -30), (900, -8), (3000, 0), (8000, 0), (12000, -6), (17000, -16))


def make(rng: np.random.Generator) -> Take:
    """Make one stream, from a brook over stones to a broad river."""
    samples = body_length(rng, 9.0, 12.0)
    size = rng.uniform(0.0, 1.0)
    # From single gurgles in a ditch to a weir that only rushes.
    bubbly = log_uniform(rng, 0.25, 1.6) * (1.0 - 0.4 * size)
    rush = coloured_pair(rng, samples, RUSH) * log_uniform(rng, 0.015, 0.2) * (0.5 + 2.5 * size**2)
    rush *= np.exp(0.2 * slow_curve(rng, samples, 2.0))[:, None]
    splash = coloured_pair(rng, samples, SPLASH, width=0.9) * log_uniform(rng, 0.015, 0.2)
    splash *= np.exp(0.5 * slow_curve(rng, samples, 10.0))[:, None]
    trickle = np.clip(0.5 + rng.uniform(0.1, 0.5) * slow_curve(rng, samples, 6.0), 0.03, 1.0)
    gurgle = np.clip(0.5 + rng.uniform(0.2, 0.6) * slow_curve(rng, samples, 4.0), 0.03, 1.0)
    stream = rush + splash
    least_m = log_uniform(rng, 0.0003, 0.001)
    fine = bubble_cloud(
        rng, trickle, each_second=1000.0 * bubbly, radii_m=(least_m, rng.uniform(3, 8) * least_m)
    )
    coarse = bubble_cloud(
        rng, gurgle, each_second=220.0 * bubbly, radii_m=(0.003, rng.uniform(0.006, 0.014))
    )
    stream += rng.uniform(0.5, 1.6) * fine + rng.uniform(0.0, 1.0) * coarse
    _splashes(rng, stream, trickle)
    return looped(stream, lead_s=0.5)


def _splashes(rng: np.random.Generator, stream: Stereo, density: Mono) -> None:
    """Throw drops and small splashes: short bursts of noise, each in a band of its own."""
    bank = []
    for _ in range(60):
        length = round(log_uniform(rng, 0.01, 0.05) * SAMPLE_RATE_HZ)
        hz = log_uniform(rng, 1200, 9000)
        burst = bandpass(rng.standard_normal(length), 0.7 * hz, 1.4 * hz, 1)
        burst *= np.hanning(length) ** 2 * 1.2
        bank.append(pan(burst, rng.uniform(-0.9, 0.9)))
    for at in scatter(rng, len(stream), log_uniform(rng, 20.0, 200.0), density):
        lay_round(stream, at, bank[rng.integers(len(bank))] * rng.random() ** 2)
