"""Make shots, explosions and fireworks: a shock wave, what it tears, and the land that answers.

The wave is that of Friedlander (Proc. R. Soc. A 186, 1946); the tail is clustered echoes, darker
the later they come (Farnell, Designing Sound, 2010).
"""

import dataclasses

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
    lowpass,
    normalise_peak,
    soft_clip,
    times,
)
from temporal_foley.sound.take import Take

_LEAD_S = 0.003


@dataclasses.dataclass(frozen=True, kw_only=True)
class Blast:
    """How large a blast is and what follows it."""

    push_s: tuple[float, float]
    """Length of the pressure wave."""
    body_s: tuple[float, float]
    body_hz: tuple[float, float]
    tail_s: tuple[float, float]
    tail_db: tuple[float, float] = (-14.0, -4.0)
    rumble: float = 0.0
    debris: int = 0
    whistle: bool = False
    """A rocket that rises before it."""


KINDS = {
    "gunshot": Blast(
        push_s=(0.0004, 0.0015), body_s=(0.02, 0.08), body_hz=(1500, 7000), tail_s=(0.5, 1.5)
    ),
    "explosion": Blast(
        push_s=(0.004, 0.015), body_s=(0.2, 0.6), body_hz=(300, 1800), tail_s=(1.5, 3.5),
        tail_db=(-8.0, 0.0), rumble=1.0, debris=50,
    ),
    "fireworks": Blast(
        push_s=(0.0015, 0.005), body_s=(0.05, 0.15), body_hz=(700, 3000), tail_s=(1.0, 2.5),
        tail_db=(-12.0, -3.0), rumble=0.3, debris=160, whistle=True,
    ),
}  # fmt: skip


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: one blast, near or far."""
    how = KINDS[kind]
    far = rng.uniform(0.0, 1.0)
    tail_s, body_s = log_uniform(rng, *how.tail_s), log_uniform(rng, *how.body_s)
    sound = np.zeros(count(_LEAD_S + tail_s + body_s + 0.3))
    lead = count(_LEAD_S)
    push = _friedlander(log_uniform(rng, *how.push_s))
    add_at(sound, push, lead, 1.0)
    samples = count(2.5 * body_s)
    noise = lowpass(coloured_noise(samples, rng, 0.6), log_uniform(rng, *how.body_hz), 1)
    noise *= attack_decay(samples, 0.0005, 1.6 * body_s)
    add_at(sound, normalise_peak(noise, 0.0), lead, rng.uniform(0.5, 1.0))
    if how.rumble:
        low = lowpass(coloured_noise(count(tail_s), rng, 1.2), 140.0, 2)
        low *= attack_decay(len(low), 0.01, tail_s)
        add_at(sound, normalise_peak(low, 0.0), lead, how.rumble)
    _crackle(rng, sound, how, lead, body_s)
    wet = _land(rng, sound, tail_s, far) * gain(rng.uniform(*how.tail_db) + 6.0 * far)
    sound = (1.0 - 0.7 * far) * sound + wet
    sound = highpass(soft_clip(sound / np.max(np.abs(sound)) * 2.0, 1.0), 30.0, 1)
    sound = lowpass(sound, 18_000.0 * (1.0 - far) + 2500.0 * far, 1)
    return finish_take(fade(normalise_peak(sound, -5.0), 0.0005, 0.3 * tail_s), anchor=lead)


def _friedlander(length_s: float) -> Signal:
    at = times(count(6.0 * length_s)) / length_s
    return (1.0 - at) * np.exp(-at)


def _crackle(rng: np.random.Generator, sound: Signal, how: Blast, lead: int, body_s: float) -> None:
    """Throw debris, or let the stars of a firework crackle."""
    for _ in range(how.debris):
        at = body_s * 0.5 + rng.exponential(0.35 if how.whistle else 0.6)
        length = count(rng.uniform(0.002, 0.012))
        click = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.2 * length))
        add_at(sound, click, lead + count(at), 0.08 * min(rng.exponential(1.0), 3.0))


def _land(rng: np.random.Generator, sound: Signal, tail_s: float, far: float) -> Signal:
    """Return the echoes of houses, trees and hills."""
    from scipy import signal

    response = np.zeros(count(tail_s))
    for _ in range(120):
        at_s = tail_s * rng.beta(1.0, 2.5)
        grain = lowpass(
            rng.standard_normal(count(rng.uniform(0.004, 0.06))), 5000.0 * np.exp(-at_s) + 300.0, 1
        )
        level = rng.exponential(1.0) * np.exp(-3.5 * at_s / tail_s)
        add_at(response, grain * np.hanning(len(grain)), count(at_s + 0.01 + 0.05 * far), level)
    answer = signal.fftconvolve(sound, response)[: len(sound)]
    return answer / max(float(np.max(np.abs(answer))), 1e-9)
