"""Make a step of high heels on a hard floor: the heel's knock, the roll, then the softer sole.

Blows of well under a millisecond excite the many modes of heel and floor; between heel and sole,
some 60 to 110 ms apart, the shoe grinds over the floor in small grains (Farnell, Designing Sound,
2010, chapter 37; grains after Cook, "Modeling Bill's Gait", AES 22nd Conference, 2002).
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
    highpass,
    log_uniform,
    normalise_peak,
    room,
    strike,
)
from temporal_foley.sound.take import Take

_LEAD_S = 0.004


def make(rng: np.random.Generator, shoe: np.random.Generator) -> Take:
    """Make one take: a single step on stone or boards, in a room or a hall.

    What `shoe` draws is the same in all steps of a set: the floor, and how the foot is laid down.
    """
    board = shoe.uniform(0.0, 1.0)
    sole_s = shoe.uniform(0.045, 0.09) + rng.uniform(-0.008, 0.008)
    sound = np.zeros(count(0.45))
    lead = count(_LEAD_S)
    add_at(sound, _heel(rng, board), lead)
    add_at(sound, _grit(rng, sole_s + rng.uniform(0.12, 0.22)), lead, gain(rng.uniform(-7, 0)))
    add_at(sound, _sole(rng, board), lead + count(sole_s), gain(rng.uniform(-8, -3)))
    # Almost dry: steps come often, and the mix knows better what room they are in.
    wet = room(
        sound,
        rng,
        size_m=rng.uniform(2.5, 5.0),
        t60_s=rng.uniform(0.2, 0.4),
        wet_db=rng.uniform(-36, -28),
        damping_hz=5000.0,
    )
    wet = highpass(wet, 70.0)
    return finish_take(fade(normalise_peak(wet, -6.0), 0.001, 0.12), anchor=lead)


def _heel(rng: np.random.Generator, board: float) -> Signal:
    """The tip's hard click and the floor's thud; the tip often lands twice within a moment."""
    blow = np.zeros(count(0.2))
    thud = strike(
        rng,
        low_hz=log_uniform(rng, 75.0, 115.0) + 40.0 * board,
        high_hz=900.0,
        t60_s=0.06 + 0.04 * board,
        slope=0.8,
    )
    add_at(blow, thud, 0, rng.uniform(0.5, 0.8) + 0.3 * board)
    at, bright = 0.0, rng.uniform(0.7, 0.95)
    for level in (1.0, rng.uniform(0.15, 0.5), rng.uniform(0.05, 0.25)):
        tip = strike(
            rng, low_hz=log_uniform(rng, 500.0, 900.0), high_hz=7000.0, t60_s=0.018, slope=1.0
        )
        add_at(blow, tip, count(at), bright * level)
        at += rng.uniform(0.003, 0.014)
    return normalise_peak(blow, 0.0)


def _sole(rng: np.random.Generator, board: float) -> Signal:
    """The ball of the foot: broad and dull, laid down over some ten milliseconds."""
    slap = np.zeros(count(0.16))
    for _ in range(5):
        patch = strike(rng, low_hz=120.0, high_hz=2500.0, t60_s=0.05 + 0.03 * board, slope=0.7)
        add_at(slap, patch, count(rng.uniform(0.0, 0.02)), rng.uniform(0.3, 1.0))
    return normalise_peak(slap, 0.0)


def _grit(rng: np.random.Generator, length_s: float) -> Signal:
    """Dust and grains under the rolling shoe: tiny blows of all sizes, thickest at the sole."""
    grit = np.zeros(count(length_s + 0.05))
    for _ in range(rng.integers(14, 30)):
        at = length_s * rng.beta(2.0, 1.6)
        grain = strike(
            rng, low_hz=log_uniform(rng, 600.0, 4000.0), high_hz=12_000.0, t60_s=0.008, modes=12
        )
        add_at(grit, grain, count(at), rng.exponential(0.35))
    samples = len(grit)
    scuff = bandpass(coloured_noise(samples, rng), 800.0, 6000.0, 1)
    scuff *= attack_decay(samples, 0.7 * length_s, 0.15)
    return normalise_peak(grit, 0.0) + 0.15 * scuff
