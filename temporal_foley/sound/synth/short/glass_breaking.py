"""Make breaking glass: the blow, the bursting pane, then shards that fall and bounce.

Every shard is a small bank of damped modes (van den Doel, Kry and Pai, "FoleyAutomatic", SIGGRAPH
2001); a burst of many makes the fracture, a thinning rain of smaller ones the fall (Zheng and
James, "Rigid-body fracture sound", ACM Trans. Graphics 29(4), 2010).
"""

import numpy as np

from temporal_foley.sound.synth.signals import (
    Signal,
    add_at,
    attack_decay,
    coloured_noise,
    count,
    fade,
    finish_take,
    gain,
    highpass,
    log_uniform,
    modal_bank,
    normalise_peak,
    room,
)
from temporal_foley.sound.take import Take

_LEAD_S = 0.004
_PLATE_RATIOS = np.array([1.0, 1.52, 1.94, 2.71, 3.32, 4.6])
"""Modes of a small free plate; shards are no plates, so each is detuned."""


def make(rng: np.random.Generator) -> Take:
    """Make one take: from a drinking glass to a window pane."""
    size = rng.uniform(0.0, 1.0)
    length_s = 1.1 + 0.7 * size
    sound = np.zeros(count(length_s))
    lead = count(_LEAD_S)
    add_at(sound, _blow(rng, size), lead)
    for _ in range(int(70 + 100 * size)):
        # Cracks run through the pane for some time, and pieces come loose one after another.
        at = rng.exponential(0.03 + 0.08 * size)
        level = gain(rng.uniform(-18, -4) - 60.0 * at)
        add_at(sound, _shard(rng, size, "burst"), lead + count(at), level)
    fall_s = rng.uniform(0.12, 0.4) + 0.12 * size
    for _ in range(int(60 + 90 * size)):
        at = fall_s + rng.exponential(0.16 + 0.12 * size)
        bounces = rng.integers(1, 4)
        level, gap = gain(rng.uniform(-26, -8) - 8.0 * at), rng.uniform(0.04, 0.12)
        shard = _shard(rng, size, "fall")
        for _ in range(bounces):
            add_at(sound, shard, lead + count(at), level)
            at, gap, level = at + gap, gap * 0.6, level * rng.uniform(0.35, 0.7)
    sound = room(sound, rng, size_m=4.5, t60_s=0.25, wet_db=rng.uniform(-22, -14))
    return finish_take(fade(normalise_peak(sound, -5.0), 0.001, 0.35), anchor=lead)


def _blow(rng: np.random.Generator, size: float) -> Signal:
    """What hits the glass, and the tear of the fracture: a dull knock under a bright crash."""
    samples = count(0.35)
    modes = np.array([1.0, 1.9, 2.7, 4.1]) * (520.0 - 300.0 * size) * rng.uniform(0.9, 1.1)
    knock = modal_bank(samples, modes, np.full(4, 0.07), np.array([1.0, 0.7, 0.5, 0.3]))
    tear = highpass(coloured_noise(samples, rng, 0.8), log_uniform(rng, 700.0, 2000.0), 2)
    tear *= attack_decay(samples, 0.0008, rng.uniform(0.1, 0.22) + 0.1 * size)
    return rng.uniform(0.2, 0.7) * normalise_peak(knock, 0.0) + rng.uniform(
        0.4, 0.9
    ) * normalise_peak(tear, 0.0)


def _shard(rng: np.random.Generator, size: float, stage: str) -> Signal:
    low_hz = 1500.0 - 800.0 * size if stage == "burst" else 2400.0 - 1000.0 * size
    base_hz = log_uniform(rng, low_hz, 7000.0)
    t60_s = log_uniform(rng, 0.03, 0.12) if stage == "burst" else log_uniform(rng, 0.06, 0.35)
    ratios = _PLATE_RATIOS * rng.uniform(0.94, 1.06, 6)
    t60s = t60_s / ratios**0.7
    amplitudes = rng.uniform(0.2, 1.0, 6) / ratios**0.3
    shard = modal_bank(count(1.2 * t60_s), base_hz * ratios, t60s, amplitudes)
    return shard / np.sum(amplitudes)
