"""Make a loop of a helicopter that hovers, circles or flies by: rotors and turbine.

Method: blade-passage pulses with their harmonics, noise chopped at the same rate, a tail rotor
and a turbine's whine (A. Farnell, Designing Sound, MIT Press 2010; blade
slap as an impulse a blade, W. Johnson, Helicopter Theory, Dover 1994).
"""

import numpy as np

from temporal_foley.sound.synth.motion import (
    Mono,
    body_length,
    coloured,
    harmonics,
    looped,
    low_pass,
    phase,
    slow_curve,
)
from temporal_foley.sound.synth.signals import log_uniform, pan
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

WASH = ((30, -10), (120, 0), (500, -3), (1500, -12), (5000, -26), (12000, -40))
BREATH = ((100, -6), (400, 0), (1000, -5), (2000, -12), (4000, -20), (12000, -38))


def make(rng: np.random.Generator) -> Take:
    """Make one helicopter, from a light one near by to a heavy one far off."""
    samples = body_length(rng, 9.0, 13.0)
    blades = int(rng.integers(2, 6))
    passage_hz = log_uniform(rng, 10.0, 28.0)
    distance = rng.uniform(0.0, 1.0)
    drift = 1 + 0.004 * slow_curve(rng, samples, 0.5)
    turn = phase(passage_hz / blades * drift, samples)
    slap, chop = _blades(rng, turn, blades)
    swing = np.exp(0.18 * slow_curve(rng, samples, 1.5))
    # Far away, the ground and the air fill the gaps between the blades.
    depth = rng.uniform(0.15, 0.9) * (1 - 0.5 * distance)
    chop = (1 - depth) * np.mean(chop) + depth * chop
    rotor = slap * swing * log_uniform(rng, 0.15, 1.6) * (1 - 0.5 * distance)
    rotor += coloured(rng, samples, WASH) * chop * swing * 0.9
    rotor += coloured(rng, samples, BREATH) * (0.5 + 0.5 * chop) * log_uniform(rng, 0.03, 0.25)
    tail_hz = passage_hz * rng.uniform(4.5, 6.0)
    tail = harmonics(phase(tail_hz * drift, samples), np.arange(1, 13) ** -0.8)
    rotor += tail * log_uniform(rng, 0.02, 0.3) * np.exp(0.3 * slow_curve(rng, samples, 3.0))
    whine = harmonics(phase(rng.uniform(1800, 4200) * drift, samples), np.array([1.0, 0.3]))
    rotor += (
        whine
        * log_uniform(rng, 0.01, 0.12)
        * (1 - distance)
        * np.exp(0.4 * slow_curve(rng, samples, 2.0))
    )
    rotor = _over_ground(rng, rotor)
    # Air takes the treble with distance.
    rotor = low_pass(rotor, 11_000 * (900 / 11_000) ** distance, order=1)
    # It comes and goes, and moves from side to side, as it flies.
    flies = np.exp(rng.uniform(0.05, 0.9) * slow_curve(rng, samples, 0.25))
    side = np.clip(0.4 * slow_curve(rng, samples, 0.2), -0.8, 0.8)
    return looped(pan(rotor * flies, side), lead_s=1.0)


def _blades(rng: np.random.Generator, turn: Mono, blades: int) -> tuple[Mono, Mono]:
    """Return the slap (a pressure pulse a blade) and the chop (a gain from 0 to about 1)."""
    table_size = 8192
    spots = (np.arange(table_size) / table_size * blades)[:, None]
    # No two blades track alike, which beats at the rate of the shaft.
    strengths = 1 + 0.12 * rng.standard_normal(blades)
    distance = (spots - np.arange(blades) - 0.5 + blades / 2) % blades - blades / 2
    width = rng.uniform(0.05, 0.09)
    pulse = -distance / width * np.exp(0.5 - 0.5 * (distance / width) ** 2)
    pulse -= 0.5 * np.exp(-0.5 * ((distance - 0.1) / 0.12) ** 2)
    slap = pulse @ strengths
    chop = np.exp(-np.abs(distance) / 0.22) @ strengths
    grid = np.arange(table_size + 1)
    at = turn % 1.0 * table_size
    slap = np.append(slap, slap[0]) - np.mean(slap)
    chop = np.append(chop, chop[0])
    return np.interp(at, grid, slap), np.interp(at, grid, chop)


def _over_ground(rng: np.random.Generator, sound: Mono) -> Mono:
    """Add the ground's reflection, whose delay wanders as the machine does."""
    delay_s = 0.006 * np.exp(0.3 * slow_curve(rng, len(sound), 0.4))
    index = np.arange(len(sound))
    return sound + 0.5 * np.interp(
        index - delay_s * SAMPLE_RATE_HZ, index, sound, period=len(sound)
    )
