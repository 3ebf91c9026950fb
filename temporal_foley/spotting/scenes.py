"""Find scenes, the runs of shots that share a place, and mark the sources that go on through them.

Two shots at most `REACH` apart are linked if they look alike, by their colours and by the features
of the image network, or if their own sound has the same ambience; every shot between linked ones
belongs to their scene: a cutaway to faces does not end the scene of a campfire (overlapping links;
A. Hanjalic, R. Lagendijk and J. Biemond, "Automated high-level movie segmentation", IEEE
Transactions on Circuits and Systems for Video Technology 9(4), 1999).
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.spotting.own_sound.evidence import SoundEvidence
from temporal_foley.timeline import Event

ALIKE = 0.35
"""Distance of the colours of two shots of one place, where nothing else is known."""
COLOUR_WEIGHT, FEATURE_WEIGHT = 1.02, 1.14
"""Of two shots of one place, the weighted distances add up to less than 1: a logistic regression on
halves of clips (`benchmarks/detection/scenes.py`)."""
SAME_AMBIENCE_DB = 3.0
"""Mean difference of the quiet levels of two shots of one place; of 1 in 100 shots elsewhere."""
MOST_MUSIC = 0.3
"""Music goes on from scene to scene: with more of it the ambience is not compared."""
REACH = 4
LONGEST_S = 40.0
"""Shots further apart in time are not linked."""
STEADY_CATEGORIES = ("FIRE", "WATR", "RAIN", "WIND", "CRWD", "MACH")
"""How UCS categories begin whose sources go on while they are out of the picture."""

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ShotLooks:
    """What the shots of a video look like."""

    times: tuple[float, ...]
    """Seconds at which the shots begin, and at which the last one ends."""
    colours: Float[np.ndarray, "shots bins"]
    """Mean histogram of each shot."""
    features: Float[np.ndarray, "shots features"] | None = None
    """Mean image features of each shot; None if the detector returns none."""


def look_at_shots(
    colours: Float[np.ndarray, "frames bins"],
    features: Float[np.ndarray, "frames features"] | None,
    cuts: Sequence[int],
    times: Sequence[float],
) -> ShotLooks:
    """Average what pictures look like over the shots.

    Args:
        colours: Histogram of each grid frame, which adds up to 1.
        features: Image features of each grid frame.
        cuts: Frames that begin a shot, in order.
        times: Seconds at which the shots begin, and at which the last one ends.
    """
    if len(times) != len(cuts) + 2:
        raise ValueError(f"times must be {len(cuts) + 2}, got {len(times)}")
    spans = list(itertools.pairwise([0, *cuts, len(colours)]))
    return ShotLooks(
        times=tuple(times),
        colours=_means(colours, spans),
        features=None if features is None or not len(features) else _means(features, spans),
    )


def find_scenes(
    shots: ShotLooks, ambience: Float[np.ndarray, "shots bands"] | None = None
) -> list[Span]:
    """Return the scenes in seconds, in order, gapless.

    Args:
        shots: What the shots look like.
        ambience: What `shot_ambience` returned; None without a sound.
    """
    times, count = shots.times, len(shots.colours)
    # The last shot that a link from this shot or an earlier one reaches.
    reaches = 0
    scenes: list[Span] = []
    start = 0
    for shot in range(count):
        for other in range(shot + 1, min(shot + REACH, count - 1) + 1):
            is_near = times[other] - times[shot + 1] <= LONGEST_S
            if is_near and _is_linked(shots, ambience, shot, other):
                reaches = max(reaches, other)
        if shot >= reaches:
            scenes.append((times[start], times[shot + 1]))
            start = reaches = shot + 1
    return scenes


def shot_ambience(sound: SoundEvidence, times: Sequence[float]) -> Float[np.ndarray, "shots bands"]:
    """Return the quiet level of each band in each shot; NaN for shots with music or too short."""
    rows = []
    for start, end in itertools.pairwise(times):
        first, last = sound.levels.within(start, end)
        levels = np.asarray(sound.levels.bands_db[first:last], np.float32)
        music = sound.music[sound.columns(start, end)]
        is_known = end - start >= 1.0 and len(levels) > 0 and music.mean() <= MOST_MUSIC
        quiet = np.percentile(levels, 30.0, axis=0) if is_known else None
        rows.append(np.full(sound.levels.bands_db.shape[1], np.nan) if quiet is None else quiet)
    return np.array(rows)


def distance(one: Float[np.ndarray, " bins"], other: Float[np.ndarray, " bins"]) -> float:
    """Return Bhattacharyya's distance of two histograms, from 0 to 1."""
    alike = float(np.sqrt(np.maximum(one, 0.0) * np.maximum(other, 0.0)).sum())
    total = float(np.sqrt(one.sum() * other.sum()))
    return float(np.sqrt(max(0.0, 1.0 - alike / max(total, 1e-12))))


def _is_linked(shots: ShotLooks, ambience: np.ndarray | None, one: int, other: int) -> bool:
    colour = distance(shots.colours[one], shots.colours[other])
    if shots.features is None:
        looks_alike = colour <= ALIKE
    else:
        a, b = shots.features[one], shots.features[other]
        apart = 1.0 - float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9)
        looks_alike = COLOUR_WEIGHT * colour + FEATURE_WEIGHT * apart <= 1.0
    if looks_alike or ambience is None:
        return looks_alike
    # NaN is no link.
    return bool(np.abs(ambience[one] - ambience[other]).mean() <= SAME_AMBIENCE_DB)


def _means(rows: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.array(
        [np.asarray(rows[a : max(b, a + 1)], np.float32).mean(axis=0) for a, b in spans]
    )


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
