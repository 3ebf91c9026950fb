"""Play a take faster or slower, as from a tape: a take and cents in; another take out.

Pitch and length change together, and so do anchor and loop. It is how one recording becomes the
several that a run of hits needs.
"""

import numpy as np
import soxr

from temporal_foley.sound.take import Take
from temporal_foley.timeline import Loop

STEP_CENTS = 50
"""Pitches are drawn in steps, so that a session needs few files of one take."""
MOST_CENTS = 150


def repitch(take: Take, cents: int) -> Take:
    """Return a take that sounds higher and is shorter by so many cents (negative: lower)."""
    if not cents:
        return take
    ratio = 2.0 ** (-cents / 1200.0)
    samples = soxr.resample(take.samples, 1.0, ratio, "HQ").astype(np.float32)

    def place(sample: int) -> int:
        return min(round(sample * ratio), len(samples))

    loop = None
    if take.loop is not None:
        start, end = place(take.loop.start), place(take.loop.end)
        crossfade = min(place(take.loop.crossfade), start, end - start)
        loop = Loop(start=start, end=end, crossfade=crossfade, alike=take.loop.alike)
    return Take(samples=samples, anchor=min(place(take.anchor), len(samples) - 1), loop=loop)
