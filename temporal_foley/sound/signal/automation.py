"""Level curves of cues: curves in, curves out, as rendering reads them.

Between two points the amplitude moves in a straight line, before the first and behind the last the
level stays.
"""

import itertools
import math
from collections.abc import Callable, Iterable

from temporal_foley.timeline import Cue, Curve

LOWEST_DB, HIGHEST_DB = -120.0, 40.0


def level_at(curve: Curve, place: int) -> float:
    """Return the level in decibels at a sample from the cue's onset."""
    if place <= curve[0][0]:
        return curve[0][1]
    for (start, before), (end, after) in itertools.pairwise(curve):
        if place <= end:
            part = (place - start) / (end - start)
            amplitude = _ratio(before) + part * (_ratio(after) - _ratio(before))
            return 20.0 * math.log10(amplitude)
    return curve[-1][1]


def add_level(cue: Cue, level_at_sample: Callable[[int], float], corners: Iterable[int]) -> Curve:
    """Return a cue's level with another one on top.

    Args:
        cue: The cue.
        level_at_sample: Decibels to add at a sample of the timeline.
        corners: Samples of the timeline at which they bend; only those in the cue count.
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
