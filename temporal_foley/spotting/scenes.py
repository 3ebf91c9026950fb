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
OFF_SCREEN_DB = -6.0
RAMP_S = 0.3

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


def carry_through_scenes(
    events: Sequence[Event], scenes: Sequence[Span], vocabulary: Vocabulary
) -> list[Event]:
    """Let steady sources that a scene has shown play until it ends, softer while off screen."""
    steady = {
        effect.name
        for effect in vocabulary.effects
        if effect.kind in ("loop", "ambience") and effect.ucs.startswith(STEADY_CATEGORIES)
    }
    kept = [event for event in events if event.effect not in steady]
    for name in sorted(steady):
        own = sorted((e for e in events if e.effect == name), key=lambda e: e.onset)
        for scene, group in itertools.groupby(own, key=lambda e: _scene_of(e, scenes)):
            shown = list(group)
            kept += shown if scene is None else [_carried(shown, scene)]
    return sorted(kept, key=lambda event: (event.onset, vocabulary.index(event.effect)))


def _scene_of(event: Event, scenes: Sequence[Span]) -> Span | None:
    """Return the scene that an event begins in; None if it goes on past its end."""
    for start, end in scenes:
        if start - 0.3 <= event.onset < end:
            return (start, end) if event.offset <= end + 0.3 else None
    return None


def _carried(shown: Sequence[Event], scene: Span) -> Event:
    """Join the events of a scene into one that goes on until the scene ends."""
    first = shown[0]
    end = max(scene[1], shown[-1].offset)
    gaps = [(one.offset, following.onset) for one, following in itertools.pairwise(shown)] + [
        (shown[-1].offset, end)
    ]
    gaps = [(start, stop) for start, stop in gaps if stop - start > 2 * RAMP_S]
    if not gaps:
        return first if len(shown) == 1 else dataclasses.replace(first, offset=end)
    points = [(first.onset, 0.0)]
    for start, stop in gaps:
        points += [(start, 0.0), (start + RAMP_S, OFF_SCREEN_DB)]
        points += [(stop - RAMP_S, OFF_SCREEN_DB), (stop, 0.0 if stop < end else OFF_SCREEN_DB)]
    why = f"{first.reason}; " if first.reason else ""
    return dataclasses.replace(
        first,
        offset=end,
        confidence=max(event.confidence for event in shown),
        envelope=tuple(points),
        reason=f"{why}goes on off screen until its scene ends at {end:.1f} s",
    )
