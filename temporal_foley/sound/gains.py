"""Find the gain at which a mix reaches its target loudness.

A mix without a target keeps the level of its stems; only what would clip is limited.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from temporal_foley.sound.signal.blocks import Block
from temporal_foley.sound.signal.limiter import MARGIN_DB, limit
from temporal_foley.sound.signal.loudness import PEAK_STEP, LoudnessMeter, measure
from temporal_foley.sound.signal.wav import FULL_SCALE
from temporal_foley.sound.stems import BLOCK, Stem, add_up, side_by_side
from temporal_foley.timeline import MixSettings

MOST_GAIN_DB = 40.0
"""The most gain that is applied: a sum that needs more is almost silent and stays quieter."""

MOST_LIMITING_DB = 24.0
"""The most that the limiter reduces: sparse, peaky sound stays quieter than the target."""

_TOLERANCE_LU = 0.05
_MOST_PASSES = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gains:
    """Gain of all stems and the mix (`gain_db`), and of the stem files only (`trim_db`)."""

    gain_db: float
    trim_db: float
    limiter_db: float
    ceiling_dbtp: float


UNTOUCHED = Gains(gain_db=0.0, trim_db=0.0, limiter_db=0.0, ceiling_dbtp=120.0)
"""The gains of a sound that nothing is added to."""


def find_gains(
    stems: Sequence[Stem], samples: int, settings: MixSettings, done: Callable[[float], None]
) -> Gains:
    """Measure the sum of the stems and return the gains that bring it to its target loudness."""
    meter = LoudnessMeter()
    stem_peak = 0.0
    for start, parts in side_by_side(stems, samples):
        sounding = [part for part in parts if part is not None]
        stem_peak = max([stem_peak, *(float(np.abs(part).max()) for part in sounding)])
        total = add_up(sounding, min(BLOCK, samples - start))
        meter.push(total)
        done(0.6 * (start + len(total)) / samples)
    loudness, true_peak = meter.finish()
    gain_db = limiter_db = trim_db = 0.0
    target = settings.loudness_lufs
    ceiling = settings.true_peak_dbtp if target is not None else 0.0
    if loudness is not None and true_peak is not None:
        # The meter rounds: a quiet peak may be considerably higher than it reports.
        true_peak = level_of_ratio(ratio_of_level(true_peak) + PEAK_STEP / 2.0)
        if target is not None:
            gain_db = _gain_for(stems, samples, target, ceiling, loudness, true_peak)
        limiter_db = max(0.0, true_peak + gain_db - (ceiling - MARGIN_DB))
    # One rounding step below full scale, so that no sample of a stem file clips.
    loudest = stem_peak * ratio_of_level(gain_db) / (1.0 - 2.0 / FULL_SCALE)
    if loudest > 1.0:
        trim_db = -level_of_ratio(loudest)
    done(1.0)
    return Gains(
        gain_db=gain_db,
        trim_db=trim_db,
        limiter_db=limiter_db,
        ceiling_dbtp=ceiling,
    )


def _gain_for(
    stems: Sequence[Stem],
    samples: int,
    target: float,
    ceiling: float,
    loudness: float,
    true_peak: float,
) -> float:
    """Return the gain at which the limited sum reaches the target loudness."""
    most = min(MOST_GAIN_DB, ceiling - true_peak + MOST_LIMITING_DB)
    gain = min(most, target - loudness)
    # With more gain, more quiet parts pass the meter's gate at -70 LUFS: measure again.
    if gain <= 0.0 and true_peak + gain <= ceiling:
        return gain
    before: tuple[float, float] | None = None
    for _ in range(_MOST_PASSES):
        limited = limit(_sum(stems, samples, gain), ceiling)
        reached, _ = measure(limited, true_peak=False)
        missing = target - (loudness + gain if reached is None else reached)
        if abs(missing) <= _TOLERANCE_LU or (missing > 0.0 and gain >= most):
            break
        # The more the limiter works, the less a decibel of gain adds: follow the secant.
        slope = 1.0
        if before is not None and gain != before[0]:
            slope = min(1.0, max(0.1, (before[1] - missing) / (gain - before[0])))
        before = (gain, missing)
        gain = min(most, gain + missing / slope)
    return gain


def _sum(stems: Sequence[Stem], samples: int, gain_db: float) -> Iterator[Block]:
    gain = np.float32(ratio_of_level(gain_db))
    for start, parts in side_by_side(stems, samples):
        sounding = [part for part in parts if part is not None]
        yield add_up(sounding, min(BLOCK, samples - start)) * gain


def ratio_of_level(decibels: float) -> float:
    return 10.0 ** (decibels / 20.0)


def level_of_ratio(ratio: float) -> float:
    return 20.0 * math.log10(ratio)
