"""Make single steps by floor: a heel, the roll of the foot, and the ground under it.

Grains after Cook, "Modeling Bill's Gait", AES 22nd Conference, 2002, and Farnell, Designing Sound,
2010. A set of eight keeps one shoe.
"""

import dataclasses

import numpy as np

from temporal_foley.sound.synth.signals import (
    Signal,
    add_at,
    bandpass,
    coloured_noise,
    count,
    fade,
    finish_take,
    gain,
    log_uniform,
    normalise_peak,
    strike,
)
from temporal_foley.sound.take import Take

_LEAD_S = 0.006


@dataclasses.dataclass(frozen=True, kw_only=True)
class Floor:
    """What a foot meets."""

    heel_hz: tuple[float, float]
    heel: float
    grains: tuple[int, int]
    """Stones, twigs or crystals that move under the foot."""
    grain_hz: tuple[float, float] = (800.0, 6000.0)
    rustle: float = 0.0
    """Grass, snow or cloth: noise that follows the pressure."""
    rustle_hz: tuple[float, float] = (500.0, 5000.0)
    roll_s: tuple[float, float] = (0.08, 0.16)
    feet: int = 1


KINDS = {
    "footsteps": Floor(heel_hz=(90, 220), heel=1.0, grains=(10, 30), rustle=0.12),
    "footsteps_wood": Floor(heel_hz=(70, 160), heel=1.0, grains=(2, 8), rustle=0.05),
    "footsteps_grass": Floor(
        heel_hz=(60, 120), heel=0.35, grains=(10, 30), rustle=1.0, rustle_hz=(900, 9000)
    ),
    "footsteps_gravel": Floor(
        heel_hz=(70, 150), heel=0.3, grains=(90, 200), grain_hz=(900, 7000), rustle=0.3
    ),
    "footsteps_snow": Floor(
        heel_hz=(60, 110), heel=0.3, grains=(60, 160), grain_hz=(300, 2500), rustle=0.9,
        rustle_hz=(250, 3000), roll_s=(0.18, 0.3),
    ),
    "running": Floor(
        heel_hz=(80, 180), heel=1.0, grains=(8, 25), rustle=0.25, roll_s=(0.04, 0.09)
    ),
    "stairs": Floor(heel_hz=(65, 140), heel=1.0, grains=(3, 10), rustle=0.1),
    "horse_hooves": Floor(
        heel_hz=(300, 700), heel=1.0, grains=(4, 16), grain_hz=(800, 4000), roll_s=(0.03, 0.06),
        feet=2,
    ),
}  # fmt: skip


def make(rng: np.random.Generator, shoe: np.random.Generator | None = None, *, kind: str) -> Take:
    """Make one take: one step (of a horse: two hooves)."""
    floor, shoe = KINDS[kind], shoe or rng
    heel_hz, roll_s = log_uniform(shoe, *floor.heel_hz), shoe.uniform(*floor.roll_s)
    hard = shoe.uniform(0.3, 1.0)
    gap_s = shoe.uniform(0.12, 0.22)
    sound = np.zeros(count(_LEAD_S + floor.feet * gap_s + roll_s + 0.35))
    for foot in range(floor.feet):
        step = _step(rng, floor, heel_hz * rng.uniform(0.92, 1.08), roll_s, hard)
        add_at(sound, step, count(_LEAD_S + foot * gap_s), 1.0 if foot == 0 else 0.8)
    return finish_take(fade(normalise_peak(sound, -6.0), 0.002, 0.08), anchor=count(_LEAD_S))


def _step(
    rng: np.random.Generator, floor: Floor, heel_hz: float, roll_s: float, hard: float
) -> Signal:
    samples = count(roll_s + 0.3)
    step = np.zeros(samples)
    heel = strike(
        rng, low_hz=heel_hz, high_hz=4000.0 + 5000.0 * hard, t60_s=0.035, slope=0.9 - 0.5 * hard
    )
    add_at(step, heel, 0, floor.heel)
    tap = strike(rng, low_hz=700.0 + 900.0 * hard, high_hz=9000.0, t60_s=0.012, slope=0.8)
    add_at(step, tap, 0, floor.heel * (0.2 + 0.5 * hard))
    ball = strike(rng, low_hz=1.3 * heel_hz, high_hz=1800.0 + 2000.0 * hard, t60_s=0.05, slope=0.9)
    add_at(step, ball, count(roll_s), floor.heel * gain(rng.uniform(-12.0, -4.0)))
    pressure = np.sin(np.pi * np.linspace(0.0, 1.0, count(1.4 * roll_s)) ** 0.6) ** 1.5
    if floor.rustle:
        noise = bandpass(coloured_noise(len(pressure), rng, 0.5), *floor.rustle_hz, 1)
        rough = np.abs(noise) ** 0.3
        rustle = normalise_peak(noise * rough * pressure, 0.0)
        add_at(step, rustle, 0, floor.rustle * rng.uniform(0.5, 1.0))
    for _ in range(int(rng.integers(*floor.grains))):
        at = rng.choice(len(pressure), p=pressure / pressure.sum())
        grain = strike(
            rng,
            low_hz=log_uniform(rng, *floor.grain_hz),
            high_hz=min(2.5 * floor.grain_hz[1], 16_000.0),
            t60_s=log_uniform(rng, 0.004, 0.015),
            modes=8,
        )
        add_at(step, grain, int(at), min(rng.exponential(0.08), 0.5))
    return normalise_peak(step, 0.0)
