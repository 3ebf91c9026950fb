"""Synthesise writing by hand: a loop of strokes of a pencil, pen, chalk or felt tip.

Method: friction noise whose loudness and pitch follow the speed of the tip, stroke by stroke
(K. van den Doel, P. Kry and D. Pai, FoleyAutomatic, SIGGRAPH 2001, on scraping); the speed of a
stroke is bell-shaped (R. Plamondon, A kinematic theory of rapid human movements, Biological
Cybernetics 72, 1995). The paper, the table or the board radiates the sound, most of
it between 1 and 5 kHz. Taps where the tip meets its ground, pauses between words.
"""

import dataclasses

import numpy as np

from temporal_foley.sound.synth.motion import (
    Mono,
    Spectrum,
    coloured,
    lay_round,
    looped,
)
from temporal_foley.sound.synth.signals import log_uniform, modal_bank
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

ROOM = ((40, -10), (100, 0), (400, -6), (1000, -16), (4000, -28), (12000, -40))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tool:
    """What writes, and what it writes on."""

    slow: Spectrum
    """Noise of the tip when it creeps; `fast`: at full speed."""
    fast: Spectrum
    ground_hz: tuple[float, float]
    """Lowest resonance of what is written on."""
    taps: tuple[float, float]
    rough: float
    """How grainy the friction is."""
    stroke_s: tuple[float, float] = (0.07, 0.16)


TOOLS = (
    Tool(  # a pencil on a pad
        slow=((150, -20), (400, -8), (1200, 0), (3000, -3), (6000, -10), (12000, -24)),
        fast=((500, -40), (1500, -14), (3000, -5), (6000, 0), (11000, 0), (18000, -10)),
        ground_hz=(180.0, 420.0), taps=(0.08, 0.3), rough=0.3,
    ),
    Tool(  # a ballpoint pen on sheets on a table
        slow=((120, -12), (400, -2), (1000, 0), (2500, -6), (6000, -18), (12000, -34)),
        fast=((400, -32), (1200, -12), (2500, -3), (5000, 0), (9000, -5), (15000, -18)),
        ground_hz=(110.0, 260.0), taps=(0.2, 0.6), rough=0.2,
    ),
    Tool(  # chalk on a board
        slow=((150, -14), (500, -3), (1200, 0), (3000, -6), (7000, -20), (12000, -30)),
        fast=((300, -26), (900, -10), (2000, -2), (4000, 0), (8000, -6), (14000, -20)),
        ground_hz=(140.0, 500.0), taps=(0.5, 1.2), rough=0.55, stroke_s=(0.1, 0.3),
    ),
    Tool(  # a felt tip on paper
        slow=((300, -18), (1000, -4), (2500, 0), (5000, -4), (9000, -14), (14000, -28)),
        fast=((500, -26), (1500, -8), (3500, 0), (7000, -3), (11000, -12), (17000, -26)),
        ground_hz=(150.0, 350.0), taps=(0.05, 0.2), rough=0.12, stroke_s=(0.09, 0.22),
    ),
)  # fmt: skip


def make(rng: np.random.Generator) -> Take:
    """Make one hand: a tool on its ground, a hurried or a calm writer."""
    tool = TOOLS[int(rng.choice(len(TOOLS), p=(0.55, 0.2, 0.15, 0.1)))]
    samples = round(rng.uniform(10.0, 13.0)) * SAMPLE_RATE_HZ
    hurry = rng.uniform(0.8, 1.25)
    ground_hz = log_uniform(rng, *tool.ground_hz)
    speed, taps = np.zeros(samples), np.zeros(samples)
    at_s, end_s = 0.05, samples / SAMPLE_RATE_HZ
    while at_s < end_s - 0.9:
        lay_round(taps, round(at_s * SAMPLE_RATE_HZ), _tap(rng, ground_hz))
        for _ in range(int(rng.integers(3, 10))):
            for _ in range(int(rng.integers(1, 4))):
                stroke_s = rng.uniform(*tool.stroke_s) / hurry
                stroke = _stroke(rng, stroke_s) * rng.uniform(0.4, 1.0)
                lay_round(speed, round(at_s * SAMPLE_RATE_HZ), stroke)
                at_s += 0.92 * stroke_s
            if rng.random() < 0.6:
                at_s += rng.uniform(0.02, 0.07) / hurry
                lay_round(taps, round(at_s * SAMPLE_RATE_HZ), 0.6 * _tap(rng, ground_hz))
            if at_s > end_s - 0.9:
                break
        at_s += rng.uniform(0.12, 0.4) / hurry
    speed = np.minimum(speed, 1.3)
    grain = np.exp(
        tool.rough * coloured(rng, samples, ((20, 0), (150, 0), (600, -12), (2000, -40)))
    )
    press = log_uniform(rng, 0.03, 0.2)
    # How hard the point and the paper are.
    hard = log_uniform(rng, 0.6, 1.05)
    fast = [(hz * hard, level_db) for hz, level_db in tool.fast]
    scratch = coloured(rng, samples, fast) * speed**2.6
    scratch += coloured(rng, samples, tool.slow) * speed**1.5 * press
    scratch *= grain
    scratch /= np.sqrt(np.mean(scratch**2))
    page = 0.25 * scratch + rng.uniform(*tool.taps) * taps
    page += log_uniform(rng, 0.003, 0.02) * coloured(rng, samples, ROOM)
    return looped(page, lead_s=0.15)


def _stroke(rng: np.random.Generator, stroke_s: float) -> Mono:
    """Return the speed of the tip over one stroke: up fast, down more slowly."""
    turn = np.linspace(0, 1, round(stroke_s * SAMPLE_RATE_HZ))
    return np.sin(np.pi * turn ** rng.uniform(0.6, 0.95)) ** 1.3


def _tap(rng: np.random.Generator, ground_hz: float) -> Mono:
    modes_hz = ground_hz * np.array([1.0, rng.uniform(2.2, 3.0), rng.uniform(5.5, 9.0)])
    tap = modal_bank(2400, modes_hz, np.array([0.05, 0.03, 0.012]), np.array([1.0, 0.7, 0.8]))
    tap[:240] += rng.standard_normal(240) * np.exp(-np.arange(240) / 40) * 0.6
    return tap * rng.uniform(0.3, 1.0) * np.minimum(np.arange(2400) / 12, 1.0)
