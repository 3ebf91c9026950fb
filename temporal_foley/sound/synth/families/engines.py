"""Make engines and motors: orders of the turning rate under a load, exhaust, fan and gears.

Piston engines fire unevenly, so that half orders give the burr (Farnell, Designing Sound, 2010);
the exhaust is a resonant tube behind the pulses, the intake and fan are noise at their rate.
"""

import dataclasses

import numpy as np
from scipy import signal

from temporal_foley.sound.synth.motion import (
    body_length,
    coloured,
    filter_round,
    harmonics,
    looped,
    low_pass,
    phase,
    slow_curve,
)
from temporal_foley.sound.synth.signals import log_uniform, pan
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_AIR = ((60, -12), (250, -2), (800, 0), (2500, -7), (7000, -18), (15_000, -34))
_BLOW = ((80, -4), (300, 0), (1500, -3), (5000, -9), (12_000, -24))
_JET = ((40, -6), (150, 0), (600, -1), (2000, -6), (6000, -16), (15_000, -36))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Engine:
    """What turns, how fast, and which sounds it makes."""

    fires_hz: tuple[float, float]
    """Firings, or turns of an electric motor, per second."""
    cylinders: int = 4
    uneven: float = 0.4
    """How unlike the firings are: a burr at the rate of the crankshaft."""
    slope: float = 0.9
    """Fall of the orders."""
    pipe_hz: tuple[float, float] = (80.0, 200.0)
    top_hz: float = 3500.0
    tone: float = 1.0
    """Level of the orders."""
    burn: float = 0.8
    """Noise of each firing."""
    chop: float = 0.4
    """How far the air pulses with the turns."""
    air: float = 0.3
    """Noise of intake, fan or cutting, pulsing with the turns."""
    air_spectrum: tuple[tuple[float, float], ...] = _AIR
    whine_hz: tuple[float, float] | None = None
    """Gears, brushes or a turbine."""
    whine: float = 0.1
    revs: float = 0.05
    """How far the speed wanders, relative; `revs_hz`: how fast."""
    revs_hz: float = 0.6
    knock: float = 0.0
    """Something that strikes once a turn: a drum, a needle, a hammer drill."""


KINDS = {
    "motorcycle": Engine(fires_hz=(45, 110), cylinders=2, uneven=0.7, revs=0.25, air=0.25),
    "engine": Engine(fires_hz=(22, 45), uneven=0.4, air=0.3, top_hz=2500, revs=0.02),
    "truck": Engine(
        fires_hz=(35, 75), cylinders=6, uneven=0.5, pipe_hz=(45, 100), air=0.7, top_hz=2600,
        revs=0.12, whine_hz=(900, 2200), whine=0.05,
    ),
    "bus": Engine(
        # A large diesel behind a wall: knocking firings, a fan, a whining gearbox.
        fires_hz=(28, 70), cylinders=6, uneven=0.5, pipe_hz=(50, 110), air=1.1, top_hz=1500,
        slope=1.0, burn=1.3, chop=0.3, revs=0.3, revs_hz=0.35, whine_hz=(350, 900), whine=0.15,
    ),
    "washing_machine": Engine(
        fires_hz=(9, 16), cylinders=1, uneven=0.3, pipe_hz=(90, 220), air=0.6, top_hz=1500,
        revs=0.01, whine_hz=(250, 700), whine=0.15, knock=0.2,
    ),
    "tractor": Engine(
        fires_hz=(18, 36), cylinders=3, uneven=0.6, pipe_hz=(60, 130), air=0.3, top_hz=2000,
        revs=0.03,
    ),
    "boat": Engine(
        burn=0.9, fires_hz=(35, 90), cylinders=4, pipe_hz=(60, 160), air=0.8, air_spectrum=((60,
        -6), (200, 0), (900, -4), (3000, -10), (10_000, -26)), revs=0.06, revs_hz=0.3,
    ),
    "lawn_mower": Engine(
        fires_hz=(24, 32), cylinders=1, uneven=0.25, pipe_hz=(120, 260), air=0.9, top_hz=4500,
        revs=0.02, knock=0.1,
    ),
    "chainsaw": Engine(
        burn=1.6, fires_hz=(95, 190), cylinders=1, uneven=0.5, slope=0.55, pipe_hz=(300, 600),
        air=0.5, top_hz=8000, revs=0.25, revs_hz=0.9,
    ),
    "drill": Engine(
        burn=0.2, fires_hz=(150, 350), cylinders=8, uneven=0.3, slope=0.6, pipe_hz=(500, 1200),
        air=0.35, top_hz=9000, whine_hz=(1500, 3500), whine=0.5, revs=0.08,
    ),
    "jackhammer": Engine(
        burn=1.6, fires_hz=(16, 26), cylinders=1, uneven=0.2, slope=0.35, pipe_hz=(200, 600),
        air=0.5, top_hz=7000, revs=0.01, knock=1.0,
    ),
    "aeroplane": Engine(
        tone=0.7, burn=0.3, chop=0.25, fires_hz=(60, 110), cylinders=6, uneven=0.2, slope=1.2,
        pipe_hz=(80, 160), air=1.6, air_spectrum=_JET, top_hz=1500, whine_hz=(1200, 3000),
        whine=0.06, revs=0.03, revs_hz=0.2,
    ),
    "vacuum_cleaner": Engine(
        tone=0.4, burn=0.0, chop=0.15, fires_hz=(180, 330), cylinders=2, uneven=0.1, slope=1.1,
        pipe_hz=(350, 800), air=1.4, top_hz=6000, whine_hz=(1200, 2600), whine=0.2, revs=0.01,
    ),
    "hair_dryer": Engine(
        tone=0.15, burn=0.0, chop=0.05, fires_hz=(200, 320), cylinders=2, uneven=0.1, slope=1.3,
        pipe_hz=(500, 900), air=1.8, air_spectrum=((150, -14), (500, -2), (1500, 0), (4000, -5),
        (9000, -14), (15_000, -28)), top_hz=5000, whine_hz=(1800, 3800), whine=0.12, revs=0.006,
    ),
    "sewing_machine": Engine(
        tone=0.25, burn=0.0, fires_hz=(9, 18), cylinders=1, uneven=0.2, slope=0.5, pipe_hz=(300,
        800), air=0.15, top_hz=5000, whine_hz=(300, 700), whine=0.15, revs=0.12, knock=2.5,
    ),
}  # fmt: skip


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: one engine at a wandering speed, nearer or farther away."""
    how = KINDS[kind]
    samples = body_length(rng, 8.0, 12.0)
    fires_hz = log_uniform(rng, *how.fires_hz)
    wander = slow_curve(rng, samples, how.revs_hz)
    speed = np.exp(how.revs * rng.uniform(0.3, 1.2) * wander) * (
        1.0 + 0.006 * slow_curve(rng, samples, 12.0)
    )
    crank = max(1, how.cylinders // 2)
    cycles = phase(fires_hz / crank * speed, samples)
    orders = min(120, int(how.top_hz * 1.5 / (fires_hz / crank)))
    partials = np.arange(1, max(orders, 6) + 1)
    weights = np.where(
        partials % crank == 0, 1.0, how.uneven * rng.uniform(0.2, 1.0, len(partials))
    )
    weights = (
        weights
        * (partials / crank) ** -how.slope
        * np.exp(0.4 * rng.standard_normal(len(partials)))
    )
    load = np.exp(0.25 * wander + 0.08 * slow_curve(rng, samples, 6.0))
    tone = harmonics(cycles, weights)
    for resonance in (log_uniform(rng, *how.pipe_hz), rng.uniform(2.2, 3.4) * how.pipe_hz[1]):
        b, a = signal.iirpeak(resonance, rng.uniform(1.2, 3.0), fs=SAMPLE_RATE_HZ)
        tone = tone + filter_round(np.asarray(signal.tf2sos(b, a)), tone) * rng.uniform(0.5, 2.0)
    tone = low_pass(tone, how.top_hz * log_uniform(rng, 0.7, 1.4), order=1)
    sound = how.tone * tone / np.sqrt(np.mean(tone**2)) * load
    if how.burn:
        firing = np.exp(-rng.uniform(4.0, 9.0) * ((crank * cycles) % 1.0))
        burst = coloured(rng, samples, _BLOW) * np.exp(0.3 * slow_curve(rng, samples, 25.0))
        sound += how.burn * log_uniform(rng, 0.6, 1.6) * burst * firing * load
    pulse = 1.0 + how.chop * np.sin(2 * np.pi * crank * cycles)
    sound = (
        sound
        + how.air
        * log_uniform(rng, 0.6, 1.6)
        * coloured(rng, samples, how.air_spectrum)
        * pulse
        * load
    )
    if how.whine_hz:
        ratio = log_uniform(rng, *how.whine_hz) / fires_hz
        whine = harmonics(phase(fires_hz * ratio * speed, samples), np.array([1.0, 0.5, 0.3, 0.15]))
        sound += how.whine * log_uniform(rng, 0.5, 2.0) * whine
    if how.knock:
        blow = np.exp(-8.0 * (cycles % 1.0)) * (1.0 + 0.2 * slow_curve(rng, samples, 20.0))
        sound += (
            how.knock
            * coloured(rng, samples, ((80, -4), (300, 0), (1500, -3), (5000, -9), (12_000, -24)))
            * 2.0
            * blow
        )
    distance = rng.uniform(0.0, 1.0) ** 2
    sound = low_pass(sound, 16_000.0 * (1.0 - distance) + 2500.0 * distance, order=1)
    passing = np.exp(rng.uniform(0.0, 0.4) * slow_curve(rng, samples, 0.25))
    return looped(
        pan(sound * passing, np.clip(0.3 * slow_curve(rng, samples, 0.2), -0.7, 0.7)), lead_s=0.5
    )
