"""Find the parts of a new cut of a film that are also in the old one, by their pictures.

Every picture becomes a small signature that survives coding, scaling and mild grading. The most
probable course of the new cut through the old is found by dynamic programming (Viterbi, 1967): to
go on in the old cut costs nothing, to jump costs as much as a few wrong pictures, and a picture
that is not in the old cut has a fixed cost. So shots may be reordered, trimmed, repeated, removed
or new, and a jump within a shot is found as well as one between two. Which picture matches which is
then decided on all pictures.
"""

import bisect
import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
from jaxtyping import Float32, Int, UInt8

SIDE = 16
"""Signatures are pictures with this many rows and columns."""
MOST_CELLS = 4e7
"""Pairs of pictures that are compared at first; longer cuts are sampled less often."""
HIGHEST_RATE_HZ = 25.0
JUMP = 2.0
"""Cost of a jump; unrelated pictures differ by about 2."""
NOWHERE = 0.35
"""Cost of a picture that is not in the old cut."""
SHORTEST_S = Fraction(1, 6)
_FLAT = 6.0 * SIDE / 4.0

Signatures = Float32[np.ndarray, "pictures values"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommonPart:
    """A part `[start, end)` of the new cut, in seconds; `start + shift` is its place in the old.

    `difference` is how much its pictures differ from those of the old cut, from 0 to 4.
    """

    start: Fraction
    end: Fraction
    shift: Fraction
    difference: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """The time in seconds and the signature of every picture of a cut."""

    times: Sequence[Fraction]
    rows: Signatures
    end: Fraction


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Run:
    """Samples `[first, last)` of the new cut that continue in the old one, `shift` later."""

    first: int
    last: int
    shift: int


def signature(image: UInt8[np.ndarray, "rows columns 3"]) -> Float32[np.ndarray, " values"]:
    """Return a picture's normalised pattern of light, or its lightness if it has no pattern."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    light = small.astype(np.float32).ravel()
    mean = float(light.mean())
    # Two more values, on an arc: of a flat picture, that has but noise, lightness tells most.
    angle = mean / 255.0 * np.pi
    values = np.concatenate([light - mean, [_FLAT * np.cos(angle), _FLAT * np.sin(angle)]])
    return (values / np.linalg.norm(values)).astype(np.float32)


def match_cuts(old: Cut, new: Cut) -> list[CommonPart]:
    """Find the parts of the new cut that are also in the old one, in order."""
    if not len(old.rows) or not len(new.rows):
        return []
    area = float(max(old.end, Fraction(1)) * max(new.end, Fraction(1)))
    rate = min(HIGHEST_RATE_HZ, (MOST_CELLS / area) ** 0.5)
    course = _most_probable_course(old.rows[_looks(old, rate)], new.rows[_looks(new, rate)])
    runs: list[tuple[_Run, Fraction, float]] = []
    for run in _runs(course):
        shift, difference = _exact_shift(old, new, run, rate)
        before = runs[-1] if runs else None
        if before is not None and before[1] == shift and run.first - before[0].last <= 2:
            runs[-1] = (dataclasses.replace(before[0], last=run.last), shift, before[2])
        else:
            runs.append((run, shift, difference))
    return _on_pictures(old, new, runs, rate)


def _looks(cut: Cut, rate: float) -> Int[np.ndarray, " looks"]:
    """Return the picture in the middle of each step of a regular grid."""
    starts = np.array([float(time) for time in cut.times])
    middles = (np.arange(max(1, int(float(cut.end) * rate + 0.5))) + 0.5) / rate
    return np.maximum(np.searchsorted(starts, middles, side="right") - 1, 0)


def _most_probable_course(
    old: Signatures, new: Float32[np.ndarray, "looks values"]
) -> Int[np.ndarray, " looks"]:
    """Return the place in the old cut of each sample of the new one, or -1."""
    looks, places = len(new), len(old)
    goes_on = np.zeros((looks, places), bool)
    leaps_from = np.full(looks, -1, np.int64)
    enters_nowhere_from = np.full(looks, -1, np.int64)
    cost = 2.0 - 2.0 * (old @ new[0])
    nowhere = NOWHERE
    for look in range(1, looks):
        best = int(cost.argmin())
        least = float(cost[best])
        # From nowhere to somewhere costs half a jump, and so does the way there.
        leap = min(least + JUMP, nowhere + JUMP / 2)
        leaps_from[look] = best if least + JUMP <= nowhere + JUMP / 2 else -1
        on = np.concatenate([[np.inf], cost[:-1]])
        goes_on[look] = on <= leap
        if least + JUMP / 2 < nowhere:
            enters_nowhere_from[look] = best
        nowhere = min(nowhere, least + JUMP / 2) + NOWHERE
        cost = np.minimum(on, leap) + 2.0 - 2.0 * (old @ new[look])
    course = np.zeros(looks, np.int64)
    place = int(cost.argmin()) if cost.min() <= nowhere else -1
    for look in range(looks - 1, -1, -1):
        course[look] = place
        if place < 0:
            place = int(enters_nowhere_from[look])
        elif goes_on[look, place]:
            place -= 1
        else:
            place = int(leaps_from[look])
    return course


def _runs(course: Int[np.ndarray, " looks"]) -> list[_Run]:
    """Return the unbroken parts of a course."""
    runs: list[_Run] = []
    for look, place in enumerate(course.tolist()):
        if place < 0:
            continue
        if runs and runs[-1].last == look and runs[-1].shift == place - look:
            runs[-1] = dataclasses.replace(runs[-1], last=look + 1)
        else:
            runs.append(_Run(first=look, last=look + 1, shift=place - look))
    return runs


def _exact_shift(old: Cut, new: Cut, run: _Run, rate: float) -> tuple[Fraction, float]:
    """Find which pictures of the old cut match those of a part exactly, and how well."""
    first, last = run.first / rate, run.last / rate
    inside = [i for i, time in enumerate(new.times) if first <= time < last]
    if not inside:
        inside = [max(0, bisect.bisect_right(new.times, first) - 1)]
    starts = np.array([float(time) for time in old.times])
    own = np.array([float(new.times[i]) for i in inside])
    tried: dict[Fraction, tuple[float, float]] = {}
    for index in inside[:3]:
        wanted = float(new.times[index]) + run.shift / rate
        low = np.searchsorted(starts, wanted - 2.0 / rate) - 1
        high = np.searchsorted(starts, wanted + 2.0 / rate, side="right") + 1
        for place in range(max(0, int(low)), min(len(starts), int(high))):
            shift = old.times[place] - new.times[index]
            if shift not in tried:
                at = own + float(shift)
                after = np.clip(np.searchsorted(starts, at), min(1, len(starts) - 1), None)
                after = np.minimum(after, len(starts) - 1)
                before = np.maximum(after - 1, 0)
                near = np.where(at - starts[before] < starts[after] - at, before, after)
                alike = np.sum(old.rows[near] * new.rows[inside], axis=1)
                apart = float(np.mean(np.abs(starts[near] - at)))
                tried[shift] = (float(np.mean(2.0 - 2.0 * alike)), apart)
    least = min(difference for difference, _ in tried.values())
    close = [s for s, (difference, _) in tried.items() if difference <= 1.02 * least + 1e-5]
    # Of those that look alike, the one whose pictures begin together, then the one found first.
    guess = run.shift / rate
    best = min(close, key=lambda s: (round(tried[s][1], 4), abs(float(s) - guess)))
    return best, max(0.0, tried[best][0])


def _on_pictures(
    old: Cut, new: Cut, runs: Sequence[tuple[_Run, Fraction, float]], rate: float
) -> list[CommonPart]:
    """Move the joins between parts to where the pictures change."""
    edges: list[list[int]] = []
    for number, (run, shift, _) in enumerate(runs):
        first = bisect.bisect_left(new.times, Fraction(run.first / rate))
        last = bisect.bisect_left(new.times, Fraction(run.last / rate))
        if number and run.first == runs[number - 1][0].last:
            low = max(edges[-1][0] + 1, first - round(4 * len(new.times) / float(new.end) / rate))
            high = min(len(new.times), first + (first - low))
            places = range(low, max(low, high))
            one = [_difference(old, new, i, runs[number - 1][1]) for i in places]
            other = [_difference(old, new, i, shift) for i in places]
            totals = [sum(one[:k]) + sum(other[k:]) for k in range(len(one) + 1)]
            first = low + int(np.argmin(totals))
            edges[-1][1] = first
        edges.append([first, last])
    stretches = []
    for (first, last), (_, shift, difference) in zip(edges, runs, strict=True):
        if first < len(new.times):
            start = new.times[first]
            end = new.times[last] if last < len(new.times) else new.end
            if end - start >= SHORTEST_S:
                one = CommonPart(start=start, end=end, shift=shift, difference=difference)
                stretches.append(one)
    return stretches


def _difference(old: Cut, new: Cut, index: int, shift: Fraction) -> float:
    place = bisect.bisect_right(old.times, new.times[index] + shift) - 1
    # Before the first picture and after the last there is none to be like.
    if place < 0 or new.times[index] + shift >= old.end:
        return 4.0
    return float(2.0 - 2.0 * old.rows[place] @ new.rows[index])
