"""Make bells, horns, whistles, phones and alarms: partials that are struck, blown or switched.

Partials of church bells after Fletcher and Rossing, The Physics of Musical Instruments, 1998.
"""

import dataclasses

import numpy as np

from temporal_foley.sound.synth.motion import harmonics
from temporal_foley.sound.synth.signals import (
    Signal,
    add_at,
    bandpass,
    count,
    fade,
    finish_take,
    log_uniform,
    modal_bank,
    normalise_peak,
    slow_noise,
    times,
)
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_BELL = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.1, 5.43, 6.79])
_BAR = np.array([1.0, 2.76, 5.4, 8.93])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ringing:
    """What sounds, and in which pattern."""

    hz: tuple[float, float]
    partials: tuple[float, ...] = (1.0,)
    ring_s: tuple[float, float] = (0.3, 1.0)
    """Of what is struck; 0: it is blown or driven."""
    chord: tuple[float, ...] = (1.0,)
    slope: float = 1.0
    """Fall of the harmonics of what is driven."""
    strikes: tuple[int, int] = (1, 1)
    gap_s: tuple[float, float] = (0.5, 1.0)
    blasts_s: tuple[float, float] = (0.4, 1.2)
    pea_hz: float = 0.0
    """A pea that interrupts a whistle."""
    breath: float = 0.0


KINDS = {
    "church_bell": Ringing(
        hz=(180, 520), partials=tuple(_BELL), ring_s=(4.0, 9.0), strikes=(1, 3), gap_s=(1.4, 2.4)
    ),
    "bicycle_bell": Ringing(
        hz=(1700, 3200), partials=(1.0, 1.01, 2.3, 2.32, 3.9, 5.6), ring_s=(0.8, 1.8), strikes=(2,
        5), gap_s=(0.08, 0.2),
    ),
    "doorbell": Ringing(
        hz=(500, 800), partials=tuple(_BAR[:3]), ring_s=(0.8, 1.6), strikes=(2, 2), gap_s=(0.45,
        0.8), chord=(1.0, 0.8),
    ),
    "alarm_clock": Ringing(
        hz=(1500, 3000), partials=(1.0, 1.52, 2.4, 3.6, 5.2), ring_s=(0.15, 0.5), strikes=(30,
        60), gap_s=(0.035, 0.06),
    ),
    "phone_ring": Ringing(
        hz=(1000, 1700), partials=(1.0, 1.26, 2.5, 3.3, 5.4), ring_s=(0.2, 0.6), strikes=(24, 44),
        gap_s=(0.035, 0.055),
    ),
    "beeps": Ringing(
        hz=(1800, 3200), ring_s=(0.0, 0.0), strikes=(3, 8), gap_s=(0.15, 0.4), blasts_s=(0.06,
        0.18), slope=1.6,
    ),
    "car_horn": Ringing(
        hz=(320, 480), ring_s=(0.0, 0.0), chord=(1.0, 1.26), slope=0.4, strikes=(1, 3),
        gap_s=(0.12, 0.3), blasts_s=(0.4, 1.4),
    ),
    "train_horn": Ringing(
        hz=(240, 330), ring_s=(0.0, 0.0), chord=(1.0, 1.19, 1.34, 1.6), slope=0.7, strikes=(1, 3),
        gap_s=(0.2, 0.4), blasts_s=(0.6, 1.8),
    ),
    "ship_horn": Ringing(
        hz=(75, 150), ring_s=(0.0, 0.0), slope=0.8, strikes=(1, 1), blasts_s=(1.8, 3.5),
    ),
    "whistle": Ringing(
        hz=(2300, 3600), ring_s=(0.0, 0.0), chord=(1.0, 1.05), slope=2.2, strikes=(1, 3),
        gap_s=(0.1, 0.25), blasts_s=(0.2, 0.9), pea_hz=38.0, breath=0.12,
    ),
    "human_whistle": Ringing(
        hz=(1000, 2200), ring_s=(0.0, 0.0), slope=3.0, strikes=(1, 4), gap_s=(0.06, 0.2),
        blasts_s=(0.2, 0.6), breath=0.06,
    ),
}  # fmt: skip


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: one instrument, sounded once or in its pattern."""
    how = KINDS[kind]
    hz, ring_s = log_uniform(rng, *how.hz), rng.uniform(*how.ring_s)
    strikes = int(rng.integers(how.strikes[0], how.strikes[1] + 1))
    gap_s = rng.uniform(*how.gap_s)
    detuned = rng.uniform(0.985, 1.015, len(how.partials))
    sound = np.zeros(count(0.01 + strikes * (gap_s + how.blasts_s[1]) + 1.2 * ring_s + 0.2))
    at_s, last = 0.005, 0
    for number in range(strikes):
        if ring_s:
            root = hz * how.chord[number % len(how.chord)]
            one = _struck(rng, root * np.array(how.partials) * detuned, ring_s)
            gap = gap_s
        else:
            length_s = rng.uniform(*how.blasts_s)
            one = _blown(rng, how, hz * rng.uniform(0.98, 1.02), length_s)
            gap = length_s + gap_s
        add_at(sound, one, count(at_s), rng.uniform(0.75, 1.0))
        last = count(at_s) + len(one)
        at_s += gap * (rng.uniform(0.9, 1.1) if strikes < 10 else rng.uniform(0.97, 1.03))
    sound = sound[: min(last + 480, len(sound), count(9.0))]
    return finish_take(fade(normalise_peak(sound, -7.0), 0.001, 0.08), anchor=count(0.005))


def _struck(rng: np.random.Generator, partials: np.ndarray, ring_s: float) -> Signal:
    decays = ring_s * (partials[0] / partials) ** 0.7
    levels = rng.uniform(0.4, 1.0, len(partials)) * (partials[0] / partials) ** 0.4
    # Two directions of each mode, a little apart, beat.
    pairs = np.concatenate([partials, partials * (1.0 + rng.uniform(0.0005, 0.003, len(partials)))])
    tone = modal_bank(
        count(1.2 * ring_s), pairs, np.tile(decays, 2), np.concatenate([levels, 0.5 * levels])
    )
    clapper = bandpass(rng.standard_normal(count(0.02)), 800.0, 8000.0, 1)
    clapper *= np.exp(-times(len(clapper)) / 0.004)
    out = normalise_peak(tone, 0.0)
    add_at(out, normalise_peak(clapper, 0.0), 0, rng.uniform(0.05, 0.25))
    return out * np.minimum(np.arange(len(out)) / 24.0, 1.0)


def _blown(rng: np.random.Generator, how: Ringing, hz: float, length_s: float) -> Signal:
    samples = count(length_s)
    turn = np.linspace(0.0, 1.0, samples)
    # Pressure builds up, and pitch with it.
    bend = 1.0 - 0.05 * np.exp(-turn * length_s / 0.03) + 0.004 * slow_noise(samples, rng, 12.0)
    if how.slope >= 3.0:
        bend = bend * (1.0 + rng.uniform(-0.25, 0.4) * np.sin(np.pi * turn * rng.uniform(0.5, 1.0)))
    sound = np.zeros(samples)
    for ratio in how.chord:
        cycles = np.cumsum(hz * ratio * bend) / SAMPLE_RATE_HZ
        partials = np.arange(1, max(2, int(14_000 / (hz * ratio))))[:40]
        weights = partials**-how.slope * np.exp(0.4 * rng.standard_normal(len(partials)))
        sound += harmonics(cycles, weights)
    if how.pea_hz:
        rate = how.pea_hz * rng.uniform(0.8, 1.2) * (1.0 + 0.1 * slow_noise(samples, rng, 6.0))
        sound *= 0.55 + 0.45 * np.sin(2 * np.pi * np.cumsum(rate) / SAMPLE_RATE_HZ)
    sound /= np.sqrt(np.mean(sound**2))
    if how.breath:
        sound += how.breath * 6.0 * bandpass(rng.standard_normal(samples), 0.7 * hz, 3.0 * hz, 1)
    edge = np.minimum(turn * length_s / 0.02, (1.0 - turn) * length_s / 0.05)
    return sound * np.clip(edge, 0.0, 1.0) * (1.0 + 0.06 * slow_noise(samples, rng, 15.0))
