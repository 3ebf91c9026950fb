"""Synthesise a kitchen blender: a loop of motor, blades and slosh.

Method: a universal motor as harmonics of its turning rate with brush whine and mains hum, the
blade passage, fan noise, and the load: chunks that hit the jar and liquid that drags the speed
(A. Farnell, Designing Sound, MIT Press 2010). As in recordings of small motors, little is left
above 8 kHz: the housing and the jar keep it in. The lead-in is the motor running up.
"""

import numpy as np

from temporal_foley.sound.synth.motion import (
    Mono,
    body_length,
    coloured,
    harmonics,
    lay_round,
    looped,
    phase,
    scatter,
    slow_curve,
    whole_cycles,
)
from temporal_foley.sound.synth.signals import log_uniform, modal_bank
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

FAN = ((80, -20), (300, -6), (1000, 0), (3000, -4), (8000, -12), (14000, -22))
SLOSH = ((60, -8), (200, 0), (600, -4), (1500, -14), (5000, -30))


def make(rng: np.random.Generator) -> Take:
    """Make one blender at one speed, with soft or hard food in it."""
    samples = body_length(rng, 9.0, 12.0)
    turns_hz = rng.uniform(200.0, 280.0)
    hard = rng.uniform(0.0, 1.0)
    drag = slow_curve(rng, samples, 4.0)
    spin_hz = turns_hz * (1 + 0.012 * drag + 0.0015 * slow_curve(rng, samples, 20.0))
    lead = round(0.7 * SAMPLE_RATE_HZ)
    # The run-up ends on the speed and the phase with which the round begins.
    run_up = np.sin(np.linspace(0.25, 1, lead, endpoint=False) * np.pi / 2) * spin_hz[0]
    body_cycles = phase(spin_hz, samples)
    lead_cycles = -np.cumsum(run_up[::-1])[::-1] / SAMPLE_RATE_HZ
    cycles = np.concatenate([lead_cycles, body_cycles])

    partials = np.arange(1, 49)
    blades = int(rng.choice([4, 6]))
    weights = partials**-0.7 * np.exp(0.5 * rng.standard_normal(48))
    weights[blades - 1 :: blades] *= 1.6
    motor = harmonics(cycles, weights)
    motor /= np.sqrt(np.mean(motor**2))
    brushes = harmonics(cycles * int(rng.integers(10, 13)), np.array([1.0, 0.6, 0.5, 0.3]))
    hum_hz = whole_cycles(rng.choice([100.0, 120.0]), samples)
    hum = harmonics(np.arange(-lead, samples) * hum_hz / SAMPLE_RATE_HZ, np.array([1, 0.5, 0.3]))
    fan, slosh = _led(coloured(rng, samples, FAN), lead), _led(coloured(rng, samples, SLOSH), lead)
    load = _led(np.exp(0.3 * drag + 0.2 * slow_curve(rng, samples, 15.0)), lead)
    churn = _led(np.exp(0.6 * slow_curve(rng, samples, 7.0)), lead)
    rough = 1 + 0.25 * np.sin(2 * np.pi * cycles) * _led(slow_curve(rng, samples, 30.0), lead)
    sound = motor * load + log_uniform(rng, 0.05, 0.2) * brushes + 0.04 * hum
    sound += log_uniform(rng, 1.0, 2.2) * fan * rough * load + 0.05 * slosh * churn
    sound += _led(_chunks(rng, samples, hard), lead)
    return looped(sound[lead:], lead=sound[:lead])


def _led(curve: Mono, lead: int) -> Mono:
    """Put the end of a round curve before its beginning."""
    return np.concatenate([curve[-lead:], curve])


def _chunks(rng: np.random.Generator, samples: int, hard: float) -> Mono:
    """Throw pieces of food against the jar."""
    jar_hz = rng.uniform(500, 900) * np.array([1.0, 1.9, 2.7, 4.3])
    knocks = np.zeros(samples)
    for at in scatter(rng, samples, 4.0 + 14.0 * hard):
        weights = np.exp(0.5 * rng.standard_normal(4)) * np.array([1.0, 0.7, 0.5, 0.4])
        knock = modal_bank(2400, jar_hz, np.array([0.05, 0.04, 0.03, 0.02]), weights)
        lay_round(knocks, at, knock * hard * rng.uniform(0.1, 0.5))
    return knocks
