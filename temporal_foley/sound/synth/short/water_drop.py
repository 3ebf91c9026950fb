"""Make a water drop: the tick of the impact, then a bubble that rings and rises in pitch.

The bubble is van den Doel's, "Physically based models for liquid sounds", ACM Trans. Applied
Perception 2(4), 2005: a damped sine at the resonance of Minnaert (1933), whose pitch rises while
the bubble nears the surface, and whose damping follows from its size.
"""

import numpy as np

from temporal_foley.sound.synth.signals import (
    Signal,
    add_at,
    attack_decay,
    bandpass,
    coloured_noise,
    count,
    fade,
    finish_take,
    gain,
    log_uniform,
    normalise_peak,
    oscillator,
    room,
    times,
)
from temporal_foley.sound.take import Take

_LEAD_S = 0.005
_MINNAERT_HZ_M = 3.26
"""Resonance times radius of an air bubble in water at the surface."""


def make(rng: np.random.Generator, water: np.random.Generator) -> Take:
    """Make one take: a drop of a size, falling into shallower or deeper water, in a bare room."""
    sound = np.zeros(count(0.35))
    lead = count(_LEAD_S)
    radius_m = log_uniform(water, 0.0018, 0.0075) * log_uniform(rng, 0.8, 1.25)
    delay_s = water.uniform(0.004, 0.04) * rng.uniform(0.8, 1.25)
    add_at(sound, _impact(rng), lead, gain(water.uniform(-30, -6)))
    add_at(sound, _bubble(rng, radius_m), lead + count(delay_s))
    for _ in range(rng.poisson(water.uniform(0.2, 5.0))):
        small = _bubble(rng, radius_m * rng.uniform(0.25, 0.7))
        late = delay_s + rng.exponential(0.035) + 0.012
        add_at(sound, small, lead + count(late), gain(rng.uniform(-20, -8)))
    wet = room(
        sound,
        rng,
        size_m=water.uniform(1.5, 4.0),
        t60_s=water.uniform(0.15, 0.6),
        wet_db=water.uniform(-30, -15),
        damping_hz=7000.0,
    )
    return finish_take(fade(normalise_peak(wet, -6.0), 0.001, 0.1), anchor=lead)


def _impact(rng: np.random.Generator) -> Signal:
    """The blow on the surface: a burst of high noise of a few milliseconds."""
    samples = count(0.03)
    noise = bandpass(coloured_noise(samples, rng), 2500.0, 12000.0, 1)
    return normalise_peak(noise * attack_decay(samples, 0.0006, 0.02), 0.0)


def _bubble(rng: np.random.Generator, radius_m: float) -> Signal:
    hz = _MINNAERT_HZ_M / radius_m
    damping = 0.043 * hz + 0.0014 * hz**1.5
    samples = count(min(0.25, 7.5 / damping))
    # The rise is a share of the damping, as in the paper's slope xi; most drops hardly chirp.
    rise = log_uniform(rng, 0.02, 0.2) * damping
    t = times(samples)
    pitch = hz * (1.0 + rise * t)
    ring = np.sin(oscillator(pitch)) * np.exp(-damping * t)
    ring[: count(0.0008)] *= np.linspace(0.0, 1.0, count(0.0008))
    return ring
