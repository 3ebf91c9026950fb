"""Raise the probability of lightning where a picture flashes.

A stroke lights the whole picture within a tenth of a second and fades within half of one: too short
for pictures at four a second, which may miss it or show a bright sky. So the brightness of every
decoded picture is watched. A muzzle flash does the same: a flash is evidence, not proof.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.models.detector import FrameDetections
from temporal_foley.timegrid import TimeGrid

THUNDER_UCS = "THUN"
EVIDENCE = 2.0
"""Log odds that a flash adds: all of five clips of lightning have one, and few of the others."""
AROUND_S = 1.0
"""How far from a flash it counts."""
RISE_S, FALL_S = 0.12, 0.6
LEAST_RISE, LEAST_SHARE, LEAST_FALL = 12.0, 0.25, 0.5
"""A flash is brighter by this many grey levels and this part of the level before, and loses this
part of what it gained."""
_MARGIN = 4.0

Levels = Float[np.ndarray, " pictures"]


def find_flashes(times_s: Levels, levels: Levels) -> list[float]:
    """Return when pictures become bright at once and dark again soon after.

    Args:
        times_s: Times of pictures, ascending.
        levels: Their mean grey levels, from 0 to 255.
    """
    flashes = []
    place = 1
    while place < len(levels):
        first = int(np.searchsorted(times_s, times_s[place] - RISE_S - 1e-6))
        # A gap of undecoded pictures may hide when it rose, but not that it did.
        before = float(levels[min(first, place - 1) : place].min())
        rise = levels[place] - before
        end = int(np.searchsorted(times_s, times_s[place] + FALL_S + 1e-6, side="right"))
        if rise > max(LEAST_RISE, LEAST_SHARE * before + _MARGIN):
            after = levels[place:end]
            peak = int(after.argmax())
            if after[peak] - after[peak:].min() > LEAST_FALL * (after[peak] - before):
                flashes.append(float(times_s[place]))
                place = end
                continue
        place += 1
    return flashes


def with_flashes(
    found: FrameDetections, flashes_s: Sequence[float], grid: TimeGrid, vocabulary: Vocabulary
) -> FrameDetections:
    """Return detections in which lightning is more probable around flashes."""
    columns = [n for n, e in enumerate(vocabulary.effects) if e.ucs.startswith(THUNDER_UCS)]
    if not flashes_s or not columns:
        return found
    rows = np.zeros(grid.frames, bool)
    for time in flashes_s:
        first, last = grid.frame_range(max(0.0, time - AROUND_S), time + AROUND_S)
        rows[first:last] = True
    rows = rows[: len(found.probabilities)]
    apart = found.apart
    if apart is not None:
        apart = dataclasses.replace(apart, seen=_raised(apart.seen, rows, columns))
    probabilities = _raised(found.probabilities, rows, columns)
    return dataclasses.replace(found, probabilities=probabilities, apart=apart)


def _raised(
    probabilities: Float[np.ndarray, "frames effects"], rows: np.ndarray, columns: Sequence[int]
) -> Float[np.ndarray, "frames effects"]:
    raised = probabilities.copy()
    place = np.ix_(np.flatnonzero(rows), np.array(columns))
    odds = np.exp(EVIDENCE) * raised[place].astype(np.float64)
    raised[place] = odds / (odds + 1.0 - raised[place])
    return raised
