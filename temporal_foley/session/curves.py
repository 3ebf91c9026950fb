"""Convert the level and pan curves of cues to and from the form that editors use.

Levels are interpolated linearly in amplitude, as in rendering, and written in decibels.
"""

import itertools
import math

from temporal_foley.timeline import Curve

SILENCE_DB = -120.0
STILL: Curve = ((0, 0.0),)
PAN_TOLERANCE = 1e-4
LEVEL_TOLERANCE_DB = 0.005
"""Smaller changes come from how an editor writes numbers."""


def amplitude_of(decibels: float) -> float:
    """Return the amplitude of a level."""
    return 10.0 ** (decibels / 20.0)


def decibels_of(ratio: float) -> float:
    """Return the level of an amplitude; silence is -120 dB."""
    return max(20.0 * math.log10(ratio), SILENCE_DB) if ratio > 0.0 else SILENCE_DB


def ratios(level: Curve) -> Curve:
    """Return a curve of decibels as amplitudes."""
    return tuple((place, amplitude_of(value)) for place, value in level)


def decibels(points: Curve) -> Curve:
    """Return a curve of amplitudes as decibels."""
    return tuple((place, round(decibels_of(value), 3)) for place, value in points)


def value_at(curve: Curve, place: float) -> float:
    """Return the value of a curve at a place: linear between points, constant outside of them."""
    if place <= curve[0][0]:
        return curve[0][1]
    for (begin, before), (end, after) in itertools.pairwise(curve):
        if place < end:
            return before + (after - before) * (place - begin) / (end - begin)
    return curve[-1][1]


def inside(curve: Curve, length: int) -> Curve:
    """Return the part of a curve inside a clip of some length, with all its points in the clip."""
    if len(curve) == 1:
        return ((0, curve[0][1]),)
    if curve[0][0] >= 0 and curve[-1][0] <= length:
        return curve
    points = {place: value for place, value in curve if 0 <= place <= length}
    if curve[0][0] < 0:
        points.setdefault(0, value_at(curve, 0))
    if curve[-1][0] > length:
        points.setdefault(length, value_at(curve, length))
    return tuple(sorted(points.items()))


def level_inside(level: Curve, length: int) -> Curve:
    """Do the same for a level, which is linear in amplitude."""
    if level[0][0] >= 0 and level[-1][0] <= length:
        return level
    return decibels(inside(ratios(level), length))


def shifted(curve: Curve, samples: int) -> Curve:
    """Return a curve for a cue that begins `samples` later."""
    return curve if len(curve) == 1 else tuple((at - samples, value) for at, value in curve)


def is_same(a: Curve, b: Curve, tolerance: float) -> bool:
    """Return whether two curves differ only in how they are written."""
    if len(a) == len(b) == 1:
        return abs(a[0][1] - b[0][1]) <= tolerance
    return len(a) == len(b) and all(
        abs(at - other) <= 1 and abs(value - level) <= tolerance
        for (at, value), (other, level) in zip(a, b, strict=True)
    )
