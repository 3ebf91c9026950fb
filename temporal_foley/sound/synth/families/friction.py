"""Make rubbed, scraped and torn things: noise shaped by the speed of a stroke.

After van den Doel, Kry and Pai, "FoleyAutomatic", SIGGRAPH 2001: loudness and pitch of friction
noise follow the speed; teeth and threads add pulses at their rate.
"""

import dataclasses

import numpy as np

from temporal_foley.sound.synth.motion import coloured, lay_round, looped
from temporal_foley.sound.synth.signals import (
    Signal,
    bandpass,
    fade,
    finish_take,
    log_uniform,
    normalise_peak,
    slow_noise,
)
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rubbed:
    """Strokes over a surface."""

    band_hz: tuple[float, float]
    stroke_s: tuple[float, float]
    pause_s: tuple[float, float]
    teeth_hz: tuple[float, float] | None = None
    """Pulses per second at full speed."""
    crackle: float = 0.0
    """Folds and fibres that give way: sparse clicks."""
    rising: float = 0.0
    """Octaves that the band rises by over a stroke."""
    back: float = 0.8
    """Level of every second stroke, against the first."""
    lasting: bool = True


KINDS = {
    "saw": Rubbed(
        band_hz=(900, 5000), stroke_s=(0.2, 0.45), pause_s=(0.01, 0.06), teeth_hz=(120, 300)
    ),
    "zip": Rubbed(
        band_hz=(1800, 11_000), stroke_s=(0.3, 0.9), pause_s=(0.1, 0.2), teeth_hz=(120, 400),
        rising=0.8, lasting=False,
    ),
    "cloth": Rubbed(band_hz=(400, 5000), stroke_s=(0.15, 0.5), pause_s=(0.1, 0.6), crackle=0.1),
    "paper": Rubbed(band_hz=(1200, 10_000), stroke_s=(0.1, 0.4), pause_s=(0.1, 0.5), crackle=1.5),
    "page_turn": Rubbed(
        band_hz=(900, 9000), stroke_s=(0.3, 0.6), pause_s=(0.1, 0.2), crackle=0.5, rising=0.5,
        lasting=False,
    ),
    "eraser": Rubbed(band_hz=(500, 4500), stroke_s=(0.09, 0.16), pause_s=(0.0, 0.02), back=0.9),
    "sweeping": Rubbed(band_hz=(900, 9000), stroke_s=(0.35, 0.7), pause_s=(0.2, 0.5), back=0.4),
    "sanding": Rubbed(band_hz=(1500, 11_000), stroke_s=(0.2, 0.4), pause_s=(0.01, 0.05)),
}  # fmt: skip


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: strokes of one hand and tool, or a single one."""
    how = KINDS[kind]
    stroke_s, pause_s = log_uniform(rng, *how.stroke_s), rng.uniform(*how.pause_s)
    teeth_hz = log_uniform(rng, *how.teeth_hz) if how.teeth_hz else 0.0
    bright = log_uniform(rng, 0.7, 1.4)
    if not how.lasting:
        sound = _stroke(rng, how, stroke_s, teeth_hz, bright)
        return finish_take(fade(normalise_peak(sound, -8.0), 0.003, 0.03), anchor=240)
    samples = round(rng.uniform(8.0, 11.0)) * SAMPLE_RATE_HZ
    sound = np.zeros(samples)
    at_s, number = 0.05, 0
    while at_s < samples / SAMPLE_RATE_HZ - 1.5 * stroke_s:
        own_s = stroke_s * rng.uniform(0.8, 1.25)
        stroke = _stroke(rng, how, own_s, teeth_hz, bright * (1.0 if number % 2 else 1.08))
        level = (how.back if number % 2 else 1.0) * rng.uniform(0.6, 1.0)
        lay_round(sound, round(at_s * SAMPLE_RATE_HZ), level * stroke)
        at_s += own_s + pause_s * rng.uniform(0.5, 1.5)
        number += 1
    floor = coloured(rng, samples, ((60, 0), (400, -6), (3000, -20), (12_000, -40)))
    return looped(sound + 0.004 * floor, lead_s=0.15)


def _stroke(
    rng: np.random.Generator, how: Rubbed, length_s: float, teeth_hz: float, bright: float
) -> Signal:
    samples = round(length_s * SAMPLE_RATE_HZ)
    turn = np.linspace(0.0, 1.0, samples)
    speed = np.sin(np.pi * turn ** rng.uniform(0.6, 1.0)) ** 0.8
    low_hz, high_hz = (bright * edge for edge in how.band_hz)
    white = rng.standard_normal(samples)
    start = bandpass(white, low_hz, high_hz, 1)
    end = bandpass(white, low_hz * 2**how.rising, high_hz * 2**how.rising, 1)
    noise = (1.0 - turn) * start + turn * end
    noise *= np.exp(0.25 * slow_noise(samples, rng, 40.0))
    if teeth_hz:
        cycles = np.cumsum(teeth_hz * (0.3 + 0.7 * speed)) / SAMPLE_RATE_HZ
        noise *= 0.5 + 1.2 * np.exp(-4.0 * (cycles % 1.0))
    sound = noise * speed**1.3
    if how.crackle:
        for _ in range(rng.poisson(how.crackle * 60.0 * length_s)):
            at = int(rng.integers(0, samples))
            click = rng.standard_normal(96) * np.exp(-np.arange(96) / rng.uniform(8, 30))
            click *= rng.exponential(1.5) * speed[at]
            sound[at : at + 96] += click[: samples - at]
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9) * 0.2
