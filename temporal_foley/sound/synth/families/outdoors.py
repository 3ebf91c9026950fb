"""Make birds, insects and weather: syllables, chirps, drops, gusts and leaves.

Bird song as gliding whistles in phrases (Farnell, Designing Sound, 2010); crickets as pulses of a
few kilohertz, several in a chirp; rain as drops over the noise of those far away.
"""

import numpy as np
from scipy import signal

from temporal_foley.sound.synth.motion import (
    Mono,
    body_length,
    coloured,
    coloured_pair,
    filter_round,
    harmonics,
    lay_round,
    looped,
    scatter,
    slow_curve,
)
from temporal_foley.sound.synth.signals import log_uniform, lowpass, pan, times
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_RAIN = ((100, -22), (400, -12), (1200, -5), (3000, 0), (8000, -2), (15_000, -10))
_AIR = ((30, -2), (80, 0), (250, -6), (800, -14), (2500, -26), (8000, -42))
_LEAVES = ((300, -26), (1000, -10), (3000, 0), (7000, -1), (13_000, -8))
_AWAY = ((60, -6), (200, -4), (800, -14), (3000, -26), (10_000, -40))


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: a place outdoors at one time."""
    return {
        "birds": _birds,
        "crickets": _crickets,
        "bees": _bees,
        "rain": _rain,
        "wind": _wind,
        "leaves": _leaves,
    }[kind](rng)


def _birds(rng: np.random.Generator) -> Take:
    samples = body_length(rng, 10.0, 13.0)
    place = coloured_pair(rng, samples, _AWAY) * log_uniform(rng, 0.003, 0.02)
    for _ in range(int(rng.integers(2, 7))):
        song, side = _song(rng), rng.uniform(-0.8, 0.8)
        near = log_uniform(rng, 0.1, 1.0)
        at = rng.uniform(0, samples)
        end = at + samples * rng.uniform(0.6, 0.95)
        while at < end:
            lay_round(place, int(at), pan(song(), side) * near * rng.uniform(0.6, 1.0))
            at += rng.uniform(0.6, 3.0) * SAMPLE_RATE_HZ
    return looped(place, lead_s=0.3)


def _song(rng: np.random.Generator):
    """Return a bird: what it returns when called is one phrase."""
    centre_hz = log_uniform(rng, 1800.0, 6000.0)
    shapes = [
        (rng.uniform(-0.6, 0.6, 3), log_uniform(rng, 0.03, 0.18), rng.uniform(0.0, 1.0) < 0.25)
        for _ in range(int(rng.integers(1, 4)))
    ]
    order = rng.integers(len(shapes), size=int(rng.integers(2, 9)))
    gap_s = rng.uniform(0.01, 0.09)

    def phrase() -> Mono:
        parts = []
        for number in order:
            bend, length_s, trills = shapes[number]
            length = round(length_s * rng.uniform(0.9, 1.1) * SAMPLE_RATE_HZ)
            turn = np.linspace(0.0, 1.0, length)
            octaves = bend[0] * (turn - 0.5) + bend[1] * np.sin(np.pi * turn) * 0.5
            if trills:
                octaves = octaves + 0.12 * np.sin(2 * np.pi * 35.0 * turn * length_s)
            cycles = np.cumsum(centre_hz * 2.0**octaves) / SAMPLE_RATE_HZ
            tone = harmonics(cycles, np.array([1.0, 0.12, 0.04]))
            parts += [
                tone * np.sin(np.pi * turn**0.7) ** 1.2,
                np.zeros(round(gap_s * SAMPLE_RATE_HZ)),
            ]
        return np.concatenate(parts)

    return phrase


def _crickets(rng: np.random.Generator) -> Take:
    samples = body_length(rng, 9.0, 12.0)
    night = coloured_pair(rng, samples, _AWAY) * log_uniform(rng, 0.003, 0.02)
    for _ in range(int(rng.integers(2, 9))):
        hz, pulses = log_uniform(rng, 2800.0, 6500.0), int(rng.integers(2, 6))
        pulse_s, side = rng.uniform(0.012, 0.025), rng.uniform(-0.9, 0.9)
        length = round(pulse_s * SAMPLE_RATE_HZ)
        pulse = np.sin(2 * np.pi * hz * times(length)) * np.hanning(length)
        chirp = np.concatenate([np.append(pulse, np.zeros(length // 2)) for _ in range(pulses)])
        gap = rng.uniform(0.25, 0.9) * SAMPLE_RATE_HZ
        near, at = log_uniform(rng, 0.05, 0.6), rng.uniform(0, gap)
        while at < samples:
            lay_round(night, int(at), pan(chirp, side) * near * rng.uniform(0.7, 1.0))
            at += gap * rng.normal(1.0, 0.04)
    return looped(night, lead_s=0.3)


def _bees(rng: np.random.Generator) -> Take:
    samples = body_length(rng, 8.0, 11.0)
    swarm = coloured_pair(rng, samples, _AWAY) * 0.01
    for _ in range(round(log_uniform(rng, 1, 14))):
        hz = rng.uniform(170.0, 260.0) * np.exp(0.06 * slow_curve(rng, samples, 2.0))
        cycles = np.cumsum(hz) / SAMPLE_RATE_HZ
        cycles *= max(1, round(cycles[-1])) / cycles[-1]
        buzz = harmonics(cycles, np.arange(1, 41) ** -0.4) * (
            1.0 + 0.5 * slow_curve(rng, samples, 60.0)
        )
        near = np.exp(1.2 * slow_curve(rng, samples, 0.4))
        swarm += pan(buzz * near, np.clip(0.6 * slow_curve(rng, samples, 0.5), -1.0, 1.0)) * 0.1
    return looped(swarm, lead_s=0.3)


def _rain(rng: np.random.Generator) -> Take:
    samples = body_length(rng, 9.0, 12.0)
    heavy = rng.uniform(0.0, 1.0)
    rain = coloured_pair(rng, samples, _RAIN, width=0.9) * (0.06 + 0.45 * heavy**2)
    rain *= np.exp(0.12 * slow_curve(rng, samples, 0.7))[:, None]
    hard, bank = rng.uniform(0.0, 1.0), []
    for _ in range(80):
        length = round(log_uniform(rng, 0.002, 0.02) * SAMPLE_RATE_HZ)
        drop = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.15 * length))
        ring = np.sin(2 * np.pi * log_uniform(rng, 400.0, 4500.0) * times(length))
        drop += hard * 0.6 * ring * np.exp(-np.arange(length) / (0.25 * length))
        drop = lowpass(drop, log_uniform(rng, 2500.0, 16_000.0), 1)
        bank.append(pan(drop, rng.uniform(-0.9, 0.9)))
    for at in scatter(rng, samples, log_uniform(rng, 200.0, 1500.0) * (0.4 + heavy)):
        strength = min(0.05 * (1.0 - rng.random()) ** -0.8, 1.2)
        lay_round(rain, at, bank[rng.integers(len(bank))] * strength)
    return looped(rain, lead_s=0.6)


def _wind(rng: np.random.Generator) -> Take:
    """Gusts over open ground, with the tones that edges and wires make of them."""
    samples = body_length(rng, 11.0, 15.0)
    gust = 0.7 * slow_curve(rng, samples, 0.3) + 0.35 * slow_curve(rng, samples, 1.5)
    wind = coloured_pair(rng, samples, _AIR) * np.exp(0.6 * gust)[:, None]
    howl = coloured(rng, samples, ((100, -10), (500, 0), (3000, 0)))
    centre_hz = log_uniform(rng, 250.0, 700.0)
    for ratio in (1.0, rng.uniform(1.3, 1.9)):
        # A resonance that follows the gust, as a crossfade between three.
        for number, octaves in enumerate((-0.4, 0.0, 0.4)):
            share = np.clip(1.0 - np.abs(gust - (number - 1)), 0.0, 1.0)
            b, a = signal.iirpeak(centre_hz * ratio * 2**octaves, 9.0, fs=SAMPLE_RATE_HZ)
            tone = filter_round(np.asarray(signal.tf2sos(b, a)), howl)
            tone *= share * np.exp(0.9 * gust) * log_uniform(rng, 0.2, 1.5)
            wind += pan(tone, rng.uniform(-0.4, 0.4))
    return looped(wind, lead_s=1.0)


def _leaves(rng: np.random.Generator) -> Take:
    samples = body_length(rng, 9.0, 12.0)
    gust = np.exp(0.6 * slow_curve(rng, samples, 0.5) + 0.3 * slow_curve(rng, samples, 4.0))
    rustle = coloured_pair(rng, samples, _LEAVES, width=0.9) * (0.12 * gust)[:, None]
    for at in scatter(rng, samples, log_uniform(rng, 100.0, 600.0), np.clip(0.4 * gust, 0.0, 1.0)):
        length = round(log_uniform(rng, 0.002, 0.012) * SAMPLE_RATE_HZ)
        tick = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.2 * length))
        lay_round(rustle, at, pan(tick, rng.uniform(-0.9, 0.9)) * min(rng.exponential(0.12), 0.8))
    rustle += coloured_pair(rng, samples, _AIR) * (0.1 * gust)[:, None]
    return looped(rustle, lead_s=0.6)
