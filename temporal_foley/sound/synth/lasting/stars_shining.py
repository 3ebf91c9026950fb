"""Make a loop of sparkling chimes over a soft pad, for shining stars.

Method: modal bars of free vibration (partials 1 : 2.76 : 5.40 : 8.93; N. Fletcher and T. Rossing,
The Physics of Musical Instruments, Springer 1998) struck in loose flurries, over slowly
beating sines, in a long bright room (tail of decaying noise, J. Moorer, Computer Music Journal
3(2), 1979). There is no such sound in nature; it is the one that films have taught us.
"""

import numpy as np

from temporal_foley.sound.synth.motion import (
    Mono,
    Stereo,
    body_length,
    convolve_round,
    lay_round,
    looped,
    scatter,
    slow_curve,
    whole_cycles,
)
from temporal_foley.sound.synth.signals import log_uniform, modal_bank, pan
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

BAR_PARTIALS = np.array([1.0, 2.756, 5.404, 8.933])
SCALES = ((0, 2, 4, 7, 9), (0, 2, 4, 6, 9), (0, 3, 5, 7, 10))


def make(rng: np.random.Generator) -> Take:
    """Make one night sky: key, scale and the density of its sparkle by chance."""
    samples = body_length(rng, 11.0, 14.0)
    root_hz = 220.0 * 2 ** (rng.integers(0, 12) / 12)
    low = int(rng.integers(0, 2))
    scale = np.array(SCALES[rng.integers(len(SCALES))])
    chimes = np.zeros((samples, 2))
    steps = np.concatenate([scale, scale + 12]) + 12 * int(rng.integers(2, 5))
    bars = [_bar(rng, root_hz * 2 ** (step / 12)) for step in steps]
    for at in scatter(rng, samples, log_uniform(rng, 0.3, 2.5)):
        _flurry(rng, chimes, at, bars)
    for at in scatter(rng, samples, log_uniform(rng, 1.0, 15.0)):
        grain = bars[rng.integers(len(bars))] * rng.uniform(0.1, 0.5)
        lay_round(chimes, at, pan(grain, rng.uniform(-0.8, 0.8)))
    glints = log_uniform(rng, 0.02, 0.2)
    for at in scatter(rng, samples, 0.25):
        lay_round(chimes, at, glints * _glint(rng))
    pad = _pad(rng, samples, root_hz / 2**low, scale)
    hall_s = log_uniform(rng, 0.15, 1.2)
    return looped(_hall(rng, chimes, hall_s) + log_uniform(rng, 0.01, 0.7) * pad, lead_s=0.8)


def _glint(rng: np.random.Generator) -> Stereo:
    """Let a cluster of glassy tones swell while it glides up or down, and ring off."""
    samples = round(log_uniform(rng, 0.8, 3.0) * SAMPLE_RATE_HZ)
    turn = np.linspace(0.0, 1.0, samples)
    glide = 2.0 ** (rng.uniform(-2.0, 2.0) * turn)
    top_hz = log_uniform(rng, 1200.0, 5000.0) / max(glide[-1], 1.0)
    glint = np.zeros((samples, 2))
    for _ in range(4):
        hz = top_hz * rng.uniform(0.8, 1.25) * glide
        tone = np.sin(2 * np.pi * (np.cumsum(hz) / SAMPLE_RATE_HZ + rng.random()))
        glint += pan(tone, rng.uniform(-0.8, 0.8))
    return glint * (np.sin(np.pi * turn ** rng.uniform(0.5, 2.0)) ** 2)[:, None] / 2.0


def _bar(rng: np.random.Generator, hz: float) -> Mono:
    """Strike one small metal bar; its pitch is near, not on, the scale."""
    modes_hz = hz * BAR_PARTIALS * (1 + 0.004 * rng.standard_normal(4))
    t60s_s = log_uniform(rng, 0.7, 2.4) * np.array([1.0, 0.6, 0.3, 0.15])
    bar = modal_bank(
        2 * SAMPLE_RATE_HZ,
        modes_hz,
        t60s_s,
        np.array([1.0, 0.4, 0.2, 0.1]) ** log_uniform(rng, 0.3, 1.0),
    )
    edge = np.arange(len(bar))
    return bar * np.minimum(edge / 24, 1.0) * np.minimum((len(bar) - edge) / 4800, 1.0)


def _flurry(rng: np.random.Generator, chimes: Stereo, at: int, bars: list[Mono]) -> None:
    """Run a hand along the chimes: neighbours in turn, unevenly, drifting to one side."""
    count = int(rng.integers(4, 9))
    first = int(rng.integers(0, len(bars) - 3))
    direction = int(rng.choice([-1, 1]))
    side, drift = rng.uniform(-0.7, 0.7), rng.uniform(-0.15, 0.15)
    for number in range(count):
        bar = bars[(first + direction * number) % len(bars)]
        strength = rng.uniform(0.3, 1.0) * (1 - 0.5 * number / count)
        lay_round(chimes, at, pan(bar * strength, side + drift * number))
        at += round(rng.uniform(0.03, 0.12) * SAMPLE_RATE_HZ)


def _pad(rng: np.random.Generator, samples: int, root_hz: float, scale: np.ndarray) -> Stereo:
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    pad = np.zeros((samples, 2))
    for step in (*scale[[0, 2, 3]], scale[0] + 12):
        breath = 1 + 0.5 * slow_curve(rng, samples, 0.4)
        for side in (0, 1):
            hz = whole_cycles(
                root_hz * 2 ** (step / 12) * (1 + 0.002 * rng.uniform(-1, 1)), samples
            )
            pad[:, side] += np.sin(2 * np.pi * (hz * time_s + rng.random())) * breath
    return pad


def _hall(rng: np.random.Generator, sound: Stereo, fall_s: float) -> Stereo:
    """Let every chime ring on in a hall, on the circle."""
    length = 2 * SAMPLE_RATE_HZ
    decay = np.exp(-np.arange(length) / (fall_s * SAMPLE_RATE_HZ))
    wet = np.empty_like(sound)
    for side in (0, 1):
        tail = rng.standard_normal(length) * decay
        tail *= 0.5 / np.sqrt(np.sum(tail**2))
        wet[:, side] = convolve_round(sound[:, side], tail)
    return sound + wet
