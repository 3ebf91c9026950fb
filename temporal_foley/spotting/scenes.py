"""Find scenes, the runs of shots that share a place, and let steady sources play through them.

Two shots at most `REACH` apart whose colours are alike are linked, and every shot between linked
ones belongs to their scene: a cutaway to faces does not end the scene of a campfire (overlapping
links; A. Hanjalic, R. Lagendijk and J. Biemond, "Automated high-level movie segmentation", IEEE
Transactions on Circuits and Systems for Video Technology 9(4), 1999).
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.timeline import Event

ALIKE = 0.35
"""Bhattacharyya distance of the mean colours of two shots of one place."""
REACH = 4
LONGEST_S = 40.0
"""Shots further apart in time are not linked."""
STEADY_CATEGORIES = ("FIRE", "WATR", "RAIN", "WIND", "CRWD", "MACH")
"""How UCS categories begin whose sources go on while they are out of the picture."""

Span = tuple[float, float]


def find_scenes(
    colours: Float[np.ndarray, "frames bins"], cuts: Sequence[int], times: Sequence[float]
) -> list[Span]:
    """Return the scenes in seconds, in order, gapless.

    Args:
        colours: Histogram of each grid frame, which adds up to 1.
        cuts: Frames that begin a shot, in order.
        times: Seconds at which the shots begin, and at which the last one ends.
    """
    if len(times) != len(cuts) + 2:
        raise ValueError(f"times must be {len(cuts) + 2}, got {len(times)}")
    edges = [0, *cuts, len(colours)]
    means = [
        colours[first : max(last, first + 1)].mean(axis=0)
        for first, last in itertools.pairwise(edges)
    ]
    shots = len(means)
    # The last shot that a link from this shot or an earlier one reaches.
    reaches = 0
    scenes: list[Span] = []
    start = 0
    for shot in range(shots):
        for other in range(shot + 1, min(shot + REACH, shots - 1) + 1):
            is_near = times[other] - times[shot + 1] <= LONGEST_S
            if is_near and distance(means[shot], means[other]) <= ALIKE:
                reaches = max(reaches, other)
        if shot >= reaches:
            scenes.append((times[start], times[shot + 1]))
            start = reaches = shot + 1
    return scenes


def distance(one: Float[np.ndarray, " bins"], other: Float[np.ndarray, " bins"]) -> float:
    """Return Bhattacharyya's distance of two histograms, from 0 to 1."""
    alike = float(np.sqrt(np.maximum(one, 0.0) * np.maximum(other, 0.0)).sum())
    total = float(np.sqrt(one.sum() * other.sum()))
    return float(np.sqrt(max(0.0, 1.0 - alike / max(total, 1e-12))))


def mark_steady(events: Sequence[Event], vocabulary: Vocabulary) -> list[Event]:
    """Mark the events whose source goes on through its scene while it is out of the picture."""
    steady = {
        effect.name
        for effect in vocabulary.effects
        if effect.kind in ("loop", "ambience") and effect.ucs.startswith(STEADY_CATEGORIES)
    }
    return [
        dataclasses.replace(event, carries=True) if event.effect in steady else event
        for event in events
    ]
