"""Compute fades, crossfades, panning gains and level curves.

Fades and panning use sums, products and square roots only: these round the same on every machine
and at every place of a block, so a stem is identical to the sample however it is cut into blocks.
"""

import itertools
import math
from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.timeline import Cue, Curve

LOWEST_DB, HIGHEST_DB = -120.0, 40.0

Gains = Float[np.ndarray, " samples"]


def smooth_step(ratio: Gains) -> Gains:
    """Rise from 0 to 1 without a corner at either end (the cubic 3r² - 2r³)."""
    clipped = np.clip(ratio, 0.0, 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


def equal_power(ratio: Gains) -> Gains:
    """Rise from 0 to 1 so that its square and that of its mirror image sum to 1."""
    return np.sqrt(smooth_step(ratio))


def join_gains(ratio: Gains, alike: float) -> tuple[Gains, Gains]:
    """Return rising and falling gains that keep the power of two partly correlated sounds.

    Equal power for uncorrelated sounds, equal amplitude for identical ones (Fink, Holters and
    Zölzer, "Signal-matched power-complementary cross-fading and dry-wet mixing", DAFx 2016).
    """
    rise, fall = equal_power(ratio), equal_power(1.0 - ratio)
    power = np.sqrt(1.0 + 2.0 * alike * rise * fall)
    return (rise / power).astype(np.float32), (fall / power).astype(np.float32)


def ratio_of(places: Int[np.ndarray, " samples"], length: int) -> Gains:
    """Return how far each sample is into a fade of `length` samples, within (0, 1)."""
    return (places + 0.5) / length


def pan_gains(pan: Gains) -> tuple[Gains, Gains]:
    """Return left and right gains of equal power: -1 left, 0 centre (-3 dB each), 1 right."""
    return np.sqrt((1.0 - pan) / 2.0), np.sqrt((1.0 + pan) / 2.0)


def balance_gains(pan: Gains) -> tuple[Gains, Gains]:
    """Return left and right gains of a stereo sound: only the far side is lowered."""
    left, right = pan_gains(pan)
    root = np.sqrt(2.0)
    return np.minimum(left * root, 1.0), np.minimum(right * root, 1.0)


def level_at(curve: Curve, place: int) -> float:
    """Return the level in decibels of a curve at a sample from the cue's onset.

    The amplitude is interpolated linearly between points and is constant outside of them.
    """
    if place <= curve[0][0]:
        return curve[0][1]
    for (start, before), (end, after) in itertools.pairwise(curve):
        if place <= end:
            part = (place - start) / (end - start)
            amplitude = _ratio(before) + part * (_ratio(after) - _ratio(before))
            return 20.0 * math.log10(amplitude)
    return curve[-1][1]


def add_level(cue: Cue, level_at_sample: Callable[[int], float], corners: Iterable[int]) -> Curve:
    """Return a cue's level curve with another one added to it.

    Args:
        cue: The cue.
        level_at_sample: Decibels to add at a sample of the timeline.
        corners: Samples of the timeline at which the added curve bends; only those inside the cue
            are used.
    """
    inside = {at - cue.onset_sample for at in corners}
    places = {at for at in inside if 0 < at < cue.length} | {0, cue.length}
    more = {at: level_at_sample(cue.onset_sample + at) for at in places}
    if len(set(more.values())) == 1:
        places = {at for at, _ in cue.level}
        more = dict.fromkeys(places, more[0])
    else:
        for at, _ in cue.level if len(cue.level) > 1 else ():
            more.setdefault(at, level_at_sample(cue.onset_sample + at))
    return tuple(
        (at, round(min(max(level_at(cue.level, at) + more[at], LOWEST_DB), HIGHEST_DB), 2))
        for at in sorted(more)
    )


def _ratio(decibels: float) -> float:
    return 10.0 ** (decibels / 20.0)
