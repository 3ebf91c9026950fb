"""Make liquids: bubbles of different sizes, jets, drops on surfaces, and steam.

Bubbles are those of van den Doel, "Physically based models for liquid sounds", ACM Transactions on
Applied Perception 2(4), 2005; jets and spray are noise in slow motion (Farnell, Designing Sound,
2010).
"""

import dataclasses

import numpy as np

from temporal_foley.sound.synth.bubbles import bubble_cloud
from temporal_foley.sound.synth.motion import (
    Spectrum,
    body_length,
    coloured_pair,
    lay_round,
    looped,
    scatter,
    slow_curve,
)
from temporal_foley.sound.synth.signals import (
    breakpoints,
    count,
    fade,
    finish_take,
    log_uniform,
    lowpass,
    normalise_peak,
    pan,
)
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_RUSH = ((100, -18), (300, -4), (700, 0), (2000, -6), (6000, -16), (14_000, -30))
_SPRAY = ((300, -26), (1000, -9), (3000, 0), (9000, -2), (16_000, -12))
_SIZZLE = ((800, -30), (2500, -10), (6000, 0), (12_000, -2), (18_000, -10))
_ROAR = ((40, -8), (120, -1), (400, 0), (1500, -5), (5000, -13), (14_000, -26))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Liquid:
    """What a liquid does; rates are per second, radii in millimetres."""

    rush: float = 0.0
    """Level of turbulent noise."""
    spectrum: Spectrum = _RUSH
    bubbles: float = 0.0
    radii_mm: tuple[float, float] = (0.5, 3.0)
    drops: float = 0.0
    """Drops that hit a surface."""
    surge_hz: float = 3.0
    surge: float = 0.3
    rising: float = 0.0
    """Octaves that the pitch rises by, as a vessel fills (`lasting` false)."""
    length_s: tuple[float, float] = (9.0, 12.0)
    lasting: bool = True
    shape: tuple[tuple[float, float], ...] = ()
    """Level over the length of a sound that ends: (part, level)."""


KINDS = {
    "tap": Liquid(rush=0.25, spectrum=_SPRAY, bubbles=500, radii_mm=(0.4, 2.0), surge=0.12),
    "shower": Liquid(rush=0.4, spectrum=_SPRAY, bubbles=60, drops=500, surge=0.1),
    "boiling": Liquid(
        rush=0.35, bubbles=700, radii_mm=(1.0, 5.0), surge=0.35, surge_hz=8.0
    ),
    "frying": Liquid(rush=0.5, spectrum=_SIZZLE, drops=1800, surge=0.25, surge_hz=2.0),
    "waterfall": Liquid(rush=1.0, spectrum=_ROAR, bubbles=200, radii_mm=(1.0, 6.0), surge=0.08),
    "underwater": Liquid(
        rush=0.15, spectrum=((30, 0), (120, -3), (400, -14), (1500, -40)), bubbles=25,
        radii_mm=(3.0, 12.0), surge=0.6, surge_hz=1.0,
    ),
    "pouring": Liquid(
        rush=0.3, bubbles=1200, radii_mm=(0.8, 4.0), rising=1.0, length_s=(1.6, 4.0),
        lasting=False, shape=((0.0, 0.0), (0.05, 0.8), (0.3, 1.0), (0.9, 0.8), (1.0, 0.0)),
    ),
    "splash": Liquid(
        rush=1.2, spectrum=_SPRAY, bubbles=700, radii_mm=(0.8, 7.0), drops=250, length_s=(0.8,
        1.8), lasting=False, shape=((0.0, 0.0), (0.012, 1.0), (0.12, 0.5), (0.4, 0.15), (1.0,
        0.0)),
    ),
}  # fmt: skip


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: more or less of the liquid, near or in a vessel."""
    how = KINDS[kind]
    if how.lasting:
        samples = body_length(rng, *how.length_s)
        return looped(_stream(rng, how, samples), lead_s=0.3)
    samples = count(rng.uniform(*how.length_s))
    level = breakpoints(
        samples,
        [(part * samples / SAMPLE_RATE_HZ, value) for part, value in how.shape],
        smooth_s=0.01,
    )
    sound = _stream(rng, how, samples, np.clip(level, 0.02, 1.0)) * level[:, None]
    mono = sound.mean(axis=1)
    if how.rising:
        # A vessel that fills: its air column grows shorter and resonates higher.
        turn = np.linspace(0.0, 1.0, samples)
        low, high = lowpass(mono, 900.0, 2), lowpass(mono, 3500.0, 1)
        mono = (1.0 - turn) * 1.5 * low + (0.4 + 0.6 * turn) * high
    attack = next(at for at, (_, value) in zip(how.shape, how.shape, strict=True) if value > 0.5)
    anchor = count(attack[0] * samples / SAMPLE_RATE_HZ)
    return finish_take(
        fade(normalise_peak(mono, -6.0), 0.003, 0.1), anchor=min(anchor, count(0.09))
    )


def _stream(
    rng: np.random.Generator, how: Liquid, samples: int, density: np.ndarray | None = None
) -> np.ndarray:
    amount = log_uniform(rng, 0.5, 1.6)
    sway = np.exp(how.surge * slow_curve(rng, samples, how.surge_hz))
    surge = sway if density is None else density
    stream = coloured_pair(rng, samples, how.spectrum) * (0.3 * how.rush * amount * sway)[:, None]
    if how.bubbles:
        least, most = (radius * 1e-3 * log_uniform(rng, 0.8, 1.3) for radius in how.radii_mm)
        stream += bubble_cloud(
            rng,
            np.clip(0.5 * surge, 0.02, 1.0),
            each_second=how.bubbles * amount,
            radii_m=(min(least, 0.9 * most), most),
        )
    if how.drops:
        bank = []
        for _ in range(40):
            length = round(log_uniform(rng, 0.001, 0.006) * SAMPLE_RATE_HZ)
            drop = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.25 * length))
            bank.append(
                pan(lowpass(drop, log_uniform(rng, 3000.0, 14_000.0), 1), rng.normal(0, 0.4))
            )
        for at in scatter(rng, samples, how.drops * amount, np.clip(0.5 * surge, 0.0, 1.0)):
            strength = min(0.1 * (1.0 - rng.random()) ** -0.6, 0.6)
            lay_round(stream, at, bank[rng.integers(len(bank))] * strength)
    return stream
