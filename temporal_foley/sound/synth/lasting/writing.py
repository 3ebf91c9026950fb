"""Synthesise writing by hand: a loop of pencil strokes on paper.

Method: friction noise whose loudness and pitch follow the speed of the tip, stroke by stroke
(K. van den Doel, P. Kry and D. Pai, FoleyAutomatic, SIGGRAPH 2001, on scraping); the speed of a
stroke is bell-shaped (R. Plamondon, A kinematic theory of rapid human movements, Biological
Cybernetics 72, 1995). Taps where the tip meets paper and table, pauses between words.
"""

import numpy as np

from temporal_foley.sound.synth.motion import (
    Mono,
    coloured,
    lay_round,
    looped,
)
from temporal_foley.sound.synth.signals import modal_bank
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

SLOW_TIP = ((150, -20), (400, -8), (1200, 0), (3000, -3), (6000, -10), (12000, -24))
FAST_TIP = ((500, -40), (1500, -14), (3000, -5), (6000, 0), (11000, 0), (18000, -10))
ROOM = ((40, -10), (100, 0), (400, -6), (1000, -16), (4000, -28), (12000, -40))


def make(rng: np.random.Generator) -> Take:
    """Make one hand: a soft or a hard pencil, a hurried or a calm writer."""
    samples = round(rng.uniform(10.0, 13.0)) * SAMPLE_RATE_HZ
    hurry = rng.uniform(0.8, 1.25)
    speed, taps = np.zeros(samples), np.zeros(samples)
    at_s, end_s = 0.05, samples / SAMPLE_RATE_HZ
    while at_s < end_s - 0.6:
        lay_round(taps, round(at_s * SAMPLE_RATE_HZ), _tap(rng))
        for _ in range(int(rng.integers(3, 10))):
            for _ in range(int(rng.integers(1, 4))):
                stroke_s = rng.uniform(0.07, 0.16) / hurry
                stroke = _stroke(rng, stroke_s) * rng.uniform(0.4, 1.0)
                lay_round(speed, round(at_s * SAMPLE_RATE_HZ), stroke)
                at_s += 0.92 * stroke_s
            if rng.random() < 0.6:
                at_s += rng.uniform(0.02, 0.07) / hurry
                lay_round(taps, round(at_s * SAMPLE_RATE_HZ), 0.6 * _tap(rng))
        at_s += rng.uniform(0.12, 0.4) / hurry
    speed = np.minimum(speed, 1.3)
    grain = np.exp(0.3 * coloured(rng, samples, ((20, 0), (150, 0), (600, -12), (2000, -40))))
    scratch = coloured(rng, samples, FAST_TIP) * speed**2.6 * rng.uniform(0.6, 1.0)
    scratch += coloured(rng, samples, SLOW_TIP) * speed**1.5 * rng.uniform(0.03, 0.15)
    page = scratch * grain + rng.uniform(0.08, 0.3) * taps + 0.008 * coloured(rng, samples, ROOM)
    return looped(page, lead_s=0.15)


def _stroke(rng: np.random.Generator, stroke_s: float) -> Mono:
    """Return the speed of the tip over one stroke: up fast, down more slowly."""
    turn = np.linspace(0, 1, round(stroke_s * SAMPLE_RATE_HZ))
    return np.sin(np.pi * turn ** rng.uniform(0.6, 0.95)) ** 1.3


def _tap(rng: np.random.Generator) -> Mono:
    modes_hz = np.array([rng.uniform(150, 230), rng.uniform(380, 600), rng.uniform(1200, 2600)])
    tap = modal_bank(2400, modes_hz, np.array([0.05, 0.03, 0.012]), np.array([1.0, 0.7, 0.8]))
    tap[:240] += rng.standard_normal(240) * np.exp(-np.arange(240) / 40) * 0.6
    return tap * rng.uniform(0.3, 1.0) * np.minimum(np.arange(2400) / 12, 1.0)
