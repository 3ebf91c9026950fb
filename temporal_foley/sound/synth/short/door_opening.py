"""Make a door that opens: handle, bolt, leaf coming free, hinges, and the handle going back.

Blows ring the many modes of metal and wood; the creak is stick and slip, a train of such blows
whose rate follows the speed and load of the hinge (Farnell, Designing Sound, 2010, chapter 31).
"""

import numpy as np
from scipy import signal

from temporal_foley.sound.synth.signals import (
    Signal,
    add_at,
    bandpass,
    breakpoints,
    coloured_noise,
    count,
    fade,
    finish_take,
    gain,
    log_uniform,
    modal_bank,
    normalise_peak,
    oscillator,
    room,
    slow_noise,
    strike,
)
from temporal_foley.sound.take import Take

_LEAD_S = 0.01


def make(rng: np.random.Generator) -> Take:
    """Make one take: a lighter or heavier door, well or badly oiled, in a room."""
    weight = rng.uniform(0.0, 1.0)
    unlatch_s = rng.uniform(0.18, 0.32)
    swing_s = rng.uniform(0.8, 1.5)
    back_s = unlatch_s + rng.uniform(0.3, 0.6)
    sound = np.zeros(count(unlatch_s + swing_s + 0.5))
    lead = count(_LEAD_S)
    add_at(sound, _handle(rng, unlatch_s), lead, gain(-9.0))
    add_at(sound, _unlatch(rng, weight), lead + count(unlatch_s))
    add_at(sound, _swish(rng, swing_s), lead + count(unlatch_s), gain(rng.uniform(-34, -28)))
    creak = _creak(rng, swing_s)
    add_at(sound, creak, lead + count(unlatch_s + 0.08), gain(rng.uniform(-24, -11)))
    add_at(sound, _handle(rng, 0.09), lead + count(back_s), gain(-13.0))
    stop = _thump(rng, weight)
    add_at(sound, stop, lead + count(unlatch_s + swing_s), gain(rng.uniform(-22, -12)))
    sound = room(
        sound,
        rng,
        size_m=rng.uniform(3.0, 6.0),
        t60_s=0.25,
        wet_db=rng.uniform(-18, -10),
        damping_hz=6000.0,
    )
    return finish_take(fade(normalise_peak(sound, -6.0), 0.002, 0.15), anchor=lead)


def _handle(rng: np.random.Generator, length_s: float) -> Signal:
    """Spring and spindle: a first knock, then a loose rattle of small metal parts."""
    rattle = np.zeros(count(length_s + 0.1))
    add_at(rattle, _click(rng), 0, 1.0)
    for _ in range(rng.integers(4, 9)):
        at = count(length_s * rng.beta(1.2, 2.0))
        add_at(rattle, _click(rng), at, gain(rng.uniform(-20, -5)))
    return rattle


def _click(rng: np.random.Generator) -> Signal:
    bright = strike(
        rng, low_hz=log_uniform(rng, 600.0, 1500.0), high_hz=11_000.0, t60_s=0.05, slope=0.25
    )
    dull = strike(rng, low_hz=130.0, high_hz=900.0, t60_s=0.06, slope=0.4, modes=20)
    click = np.zeros(max(len(bright), len(dull)))
    add_at(click, bright, 0)
    add_at(click, dull, 0, rng.uniform(0.15, 0.45))
    return normalise_peak(click, 0.0)


def _unlatch(rng: np.random.Generator, weight: float) -> Signal:
    """The bolt snaps clear, and the leaf jumps out of its frame."""
    sound = np.zeros(count(0.5))
    for at in np.cumsum(rng.exponential(0.012, 4)):
        add_at(sound, _click(rng), count(at), rng.uniform(0.3, 0.8))
    add_at(sound, _thump(rng, weight), count(rng.uniform(0.015, 0.04)), rng.uniform(0.4, 1.0))
    add_at(sound, _thump(rng, weight), count(rng.uniform(0.07, 0.12)), rng.uniform(0.15, 0.4))
    return normalise_peak(sound, 0.0)


def _thump(rng: np.random.Generator, weight: float) -> Signal:
    """The leaf and frame: low modes of a damped wooden plate."""
    return strike(
        rng, low_hz=120.0 - 50.0 * weight, high_hz=3500.0, t60_s=0.15 + 0.12 * weight, slope=0.5
    )


def _swish(rng: np.random.Generator, length_s: float) -> Signal:
    """Air drawn in by the moving leaf."""
    samples = count(length_s)
    air = bandpass(coloured_noise(samples, rng, 1.0), 150.0, 2500.0, 1)
    return air * np.sin(np.pi * np.linspace(0.0, 1.0, samples) ** 0.6) ** 2


def _creak(rng: np.random.Generator, length_s: float) -> Signal:
    samples = count(length_s)
    low_hz, high_hz = rng.uniform(18.0, 45.0), log_uniform(rng, 60.0, 240.0)
    rate = breakpoints(
        samples,
        [
            (0.0, low_hz),
            (rng.uniform(0.3, 0.5) * length_s, high_hz),
            (rng.uniform(0.6, 0.8) * length_s, 0.6 * high_hz),
            (length_s, low_hz),
        ],
        smooth_s=0.08,
    )
    rate = rate * np.exp(0.3 * slow_noise(samples, rng, 12.0))
    turns = np.floor(oscillator(rate) / (2 * np.pi))
    slips = np.flatnonzero(np.diff(turns) > 0)
    train = np.zeros(samples)
    late = np.clip(slips + rng.normal(0.0, 30.0, len(slips)).astype(int), 0, samples - 1)
    train[late] = rng.uniform(0.3, 1.0, len(slips))
    hz = log_uniform(rng, 350.0, 520.0) * np.array([1.0, 1.7, 2.6, 3.9, 5.4, 7.6])
    body = modal_bank(
        count(0.06), hz * rng.uniform(0.9, 1.1, 6), 0.045 / np.arange(1, 7) ** 0.5, np.ones(6)
    )
    body += (
        0.5
        * np.pad(strike(rng, low_hz=300.0, high_hz=6000.0, t60_s=0.03), (0, len(body)))[: len(body)]
    )
    ring = signal.oaconvolve(train, body)[:samples]
    swell = np.clip(0.5 + 0.6 * slow_noise(samples, rng, 4.0), 0.0, 1.5)
    swell = swell * np.sin(np.pi * np.linspace(0.0, 1.0, samples)) ** 0.7
    return normalise_peak(ring * swell, 0.0)
