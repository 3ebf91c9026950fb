"""Decode probabilities per frame and effect into events.

The steps, in this order:

1. smooth the probabilities over time,
2. per effect, keep the runs of frames at or above `threshold_off` that somewhere reach
   `threshold_on` (hysteresis: weak frames count next to strong ones, and not alone),
3. trim both ends of a run to a frame that reaches `threshold_off` before smoothing too, so that
   smoothing moves no onset away from a hard cut,
4. limit the runs to the length of the picture,
5. join runs whose gap is at most `merge_gap_s`,
6. drop runs shorter than `min_duration_s`,
7. cut runs longer than `max_duration_s` to their most probable part of that length.

With `smoothing="mode"` steps 1 to 3 are those of the stills baseline: each frame gets one label,
its most probable effect or none, and a mode filter smooths the labels.
"""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.spotting.smoothing import (
    Probabilities,
    gaussian_smooth,
    mean_smooth,
    median_smooth,
    mode_filter,
    odd_window,
)
from temporal_foley.timegrid import Seconds, TimeGrid, as_fraction
from temporal_foley.timeline import Event

SMOOTHINGS = ("none", "mode", "median", "gaussian", "mean")

SHORTEST_SHOT_S = Fraction(1, 2)
"""A shot must be this long for an event that fills it to be kept, however short for its effect."""
CERTAIN = 0.9
"""Confidence from which several effects of one group are kept at a time."""

FrameRun = tuple[int, int]
"""A range of frames `[first, last)`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecodingConfig:
    """How probabilities become events; thresholds and durations are the vocabulary's."""

    smoothing: Literal["none", "mode", "median", "gaussian", "mean"] = "gaussian"
    window_s: float = 1.5
    """Width of the smoothing window, or of the Gaussian at half maximum."""

    def __post_init__(self) -> None:
        if self.smoothing not in SMOOTHINGS:
            raise ValueError(
                f"decoding.smoothing must be one of {', '.join(SMOOTHINGS)}, got {self.smoothing!r}"
            )
        if not 0.0 < self.window_s <= 60.0:
            raise ValueError(f"decoding.window_s must be in (0, 60], got {self.window_s}")


def decode_events(
    probabilities: Probabilities,
    grid: TimeGrid,
    vocabulary: Vocabulary,
    *,
    config: DecodingConfig = DecodingConfig(),
    duration: Seconds | None = None,
    other: Float[np.ndarray, " frames"] | None = None,
) -> list[Event]:
    """Find the events in the probabilities of a video, in order of onset.

    Args:
        probabilities: One row per frame of `grid`, one column per effect of `vocabulary`.
        grid: The time of each row.
        vocabulary: Thresholds and durations of each effect.
        config: How to smooth.
        duration: Length of the picture, if it ends before the grid's last frame does.
        other: Probability of "none of them" per frame, from a classifier with such a class; only
            for `smoothing="mode"`.
    """
    probabilities = np.asarray(probabilities)
    _check(probabilities, grid, vocabulary)
    if config.smoothing == "mode":
        labels = most_probable_labels(probabilities, vocabulary, other=other)
        labels = mode_filter(labels, odd_window(grid, config.window_s))
        active = labels[:, None] == np.arange(len(vocabulary))
        smooth = probabilities
    else:
        smooth = _smooth(probabilities, grid, config)
        active = _hysteresis(smooth, probabilities, vocabulary)
    return events_of_activity(active, smooth, grid, vocabulary, duration=duration)


def events_of_activity(
    active: Bool[np.ndarray, "frames effects"],
    smooth: Probabilities,
    grid: TimeGrid,
    vocabulary: Vocabulary,
    *,
    duration: Seconds | None = None,
    cuts: Sequence[int] = (),
) -> list[Event]:
    """Return the events of active frames (steps 4 to 7).

    What fills whole shots, which begin at `cuts`, may be shorter than its effect is: the cuts hide
    the rest of it. Over shots that do not show it, only an ambience goes on.
    """
    end = grid.end if duration is None else min(grid.end, as_fraction(duration))
    edges = frozenset((0, grid.frames, *cuts) if cuts else ())
    events = [
        _event(run, smooth[:, column], grid, effect, end)
        for column, effect in enumerate(vocabulary.effects)
        for run in _shape(_runs(active[:, column]), smooth[:, column], grid, effect, end, edges)
    ]
    order = {name: number for number, name in enumerate(vocabulary.names)}
    return sorted(events, key=lambda event: (event.onset, order[event.effect]))


def keep_one_per_group(events: Sequence[Event], vocabulary: Vocabulary) -> list[Event]:
    """Keep one effect of each of the vocabulary's groups at a time, unless others are certain too.

    Those that are never together are not, however certain. Where events of a group overlap, the
    most probable stays whole; of equally probable ones, that which the group names first. Others
    keep what is left of them if that is most of them.
    """
    place = {
        name: (g, n) for g, e in enumerate(vocabulary.groups) for n, name in enumerate(e.effects)
    }
    apart = {
        name: set(group.never_together)
        for group in vocabulary.groups
        for name in group.never_together
    }
    grouped = [event for event in events if event.effect in place]
    grouped.sort(key=lambda event: (-event.confidence, place[event.effect], event.onset))
    kept = [event for event in events if event.effect not in place]
    taken: dict[int, list[Event]] = {}
    for event in grouped:
        rivals = [
            other
            for other in taken.get(place[event.effect][0], [])
            if other.effect != event.effect
            and (
                min(other.confidence, event.confidence) < CERTAIN
                or other.effect in apart.get(event.effect, ())
            )
        ]
        rest = _outside(event, rivals, vocabulary[event.effect])
        if rest is not None:
            taken.setdefault(place[event.effect][0], []).append(rest)
            kept.append(rest)
    order = {name: number for number, name in enumerate(vocabulary.names)}
    return sorted(kept, key=lambda event: (event.onset, order[event.effect]))


def _outside(event: Event, others: Sequence[Event], effect: Effect) -> Event | None:
    """Return the longest part of an event outside of others, if it is most of the event."""
    parts = [(event.onset, event.offset)]
    for other in others:
        cut = [
            piece
            for start, end in parts
            for piece in ((start, min(end, other.onset)), (max(start, other.offset), end))
        ]
        parts = [(start, end) for start, end in cut if start < end]
    if parts == [(event.onset, event.offset)]:
        return event
    start, end = max(parts, key=lambda part: part[1] - part[0], default=(0.0, 0.0))
    enough = max(effect.min_duration_s, 0.5 * (event.offset - event.onset))
    # Hits belong to the sound that they were found in: what has them is not cut.
    if end - start < enough or event.hits or event.envelope:
        return None
    peak = event.peak if event.peak is not None and start <= event.peak < end else None
    return dataclasses.replace(event, onset=start, offset=end, peak=peak)


def most_probable_labels(
    probabilities: Probabilities,
    vocabulary: Vocabulary,
    *,
    other: Float[np.ndarray, " frames"] | None = None,
) -> Int[np.ndarray, " frames"]:
    """Return the most probable effect of each frame, or `len(vocabulary)` for none of them.

    With `other` (from a softmax with such a class) the largest of all wins; with independent
    probabilities an effect must also reach its `threshold_on`.
    """
    best = probabilities.argmax(axis=1)
    strength = probabilities[np.arange(len(best)), best]
    if other is not None:
        if other.shape != best.shape:
            raise ValueError(f"other must be one number a frame, got {other.shape}")
        wins = strength > other
    else:
        thresholds = _thresholds(vocabulary, "threshold_on").astype(strength.dtype)
        wins = strength >= thresholds[best]
    return np.where(wins, best, len(vocabulary))


def _smooth(probabilities: Probabilities, grid: TimeGrid, config: DecodingConfig) -> Probabilities:
    if config.smoothing == "median":
        return median_smooth(probabilities, odd_window(grid, config.window_s))
    if config.smoothing == "mean":
        return mean_smooth(probabilities, odd_window(grid, config.window_s))
    if config.smoothing == "gaussian":
        return gaussian_smooth(probabilities, float(as_fraction(config.window_s) / grid.step))
    return probabilities


def _hysteresis(
    smooth: Probabilities, raw: Probabilities, vocabulary: Vocabulary
) -> Bool[np.ndarray, "frames effects"]:
    # Compared in the probabilities' own precision: a float32 of 0.7 reaches a threshold of 0.7.
    on = _thresholds(vocabulary, "threshold_on").astype(smooth.dtype)
    off = _thresholds(vocabulary, "threshold_off").astype(smooth.dtype)
    holds, starts, firm = smooth >= off, smooth >= on, raw >= off
    active = np.zeros_like(holds)
    for column in range(holds.shape[1]):
        for first, last in _runs(holds[:, column]):
            reached = np.flatnonzero(firm[first:last, column])
            if starts[first:last, column].any() and len(reached):
                active[first + reached[0] : first + reached[-1] + 1, column] = True
    return active


def _thresholds(vocabulary: Vocabulary, which: str) -> Float[np.ndarray, " effects"]:
    return np.array([getattr(effect, which) for effect in vocabulary.effects])


def _runs(active: Bool[np.ndarray, " frames"]) -> list[FrameRun]:
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _shape(
    runs: list[FrameRun],
    probabilities: Float[np.ndarray, " frames"],
    grid: TimeGrid,
    effect: Effect,
    end: Fraction,
    edges: frozenset[int],
) -> list[FrameRun]:
    """Merge, drop and cut the runs of one effect (steps 4 to 7)."""
    least = as_fraction(effect.min_duration_s)

    def length(first: int, last: int) -> Fraction:
        return min(grid.time(last), end) - grid.time(first)

    runs = [run for run in runs if grid.time(run[0]) < end]
    merged: list[FrameRun] = []
    for first, last in runs:
        gap = (merged[-1][1], first) if merged else None
        is_other_shot = gap is not None and effect.kind != "ambience" and edges.issuperset(gap)
        if gap and not is_other_shot and length(*gap) <= as_fraction(effect.merge_gap_s):
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    kept = [
        run
        for run in merged
        if length(*run) >= (min(least, SHORTEST_SHOT_S) if edges.issuperset(run) else least)
    ]
    if effect.max_duration_s is None:
        return kept
    longest = max(1, grid.frame_count(effect.max_duration_s))
    return [_most_probable_part(run, probabilities, longest) for run in kept]


def _most_probable_part(
    run: FrameRun, probabilities: Float[np.ndarray, " frames"], longest: int
) -> FrameRun:
    """Return the part of at most `longest` frames of a run with the highest mean."""
    first, last = run
    if last - first <= longest:
        return run
    total = np.concatenate([[0.0], np.cumsum(probabilities[first:last], dtype=np.float64)])
    best = int(np.argmax(np.round(total[longest:] - total[:-longest], 9)))
    return first + best, first + best + longest


def _event(
    run: FrameRun,
    probabilities: Float[np.ndarray, " frames"],
    grid: TimeGrid,
    effect: Effect,
    end: Fraction,
) -> Event:
    first, last = run
    inside = probabilities[first:last]
    return Event(
        effect=effect.name,
        onset=float(grid.time(first)),
        offset=float(min(grid.time(last), end)),
        confidence=float(inside.mean(dtype=np.float64)),
        peak=float(grid.time(first + int(inside.argmax()))),
    )


def _check(probabilities: np.ndarray, grid: TimeGrid, vocabulary: Vocabulary) -> None:
    if probabilities.shape != (grid.frames, len(vocabulary)):
        raise ValueError(
            f"probabilities must be ({grid.frames} frames, {len(vocabulary)} effects), "
            f"got {probabilities.shape}"
        )
    # Also refuses NaN, which fails every comparison.
    if not ((probabilities >= 0.0) & (probabilities <= 1.0)).all():
        raise ValueError("probabilities must be in [0, 1]")
