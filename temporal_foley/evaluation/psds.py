"""Compute the polyphonic sound detection score (PSDS).

Bilen et al., "A framework for the robust evaluation of sound event detection", ICASSP 2020, over
all thresholds at once after Ebbers, Serizel, Haeb-Umbach, "Threshold-independent evaluation of
sound event detection scores", ICASSP 2022. Found events are plain runs of frames at or above a
threshold. Effects without a true event are left out.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.evaluation.scored_clip import ScoredClip, validate

_DECIMALS = 6
"""Times and shares of them are compared to a microsecond."""
_BLOCK_CELLS = 4_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class PsdsConfig:
    """What counts as detected, and what false cues cost."""

    detection_part: float = 0.7
    """Share of a detected event that must lie in true events of its effect."""
    truth_part: float = 0.7
    """Share of a true event that must be covered by detected events that count."""
    cross_part: float = 0.3
    """Share of a false cue in true events of another effect that makes it a mix-up."""
    cross_cost: float = 0.0
    instability_cost: float = 1.0
    most_false_per_hour: float = 100.0


SCENARIOS = {
    "psds1": PsdsConfig(),
    "psds2": PsdsConfig(detection_part=0.1, truth_part=0.1, cross_cost=0.5),
}
"""The two of DCASE task 4: exact timing; no mix-ups of effects."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Counts:
    """Changes of the counts as the threshold falls to each score, highest first."""

    scores: Float[np.ndarray, " points"]
    hits: Int[np.ndarray, " points"]
    false: Int[np.ndarray, " points"]
    crossed: Int[np.ndarray, "points effects"]


def evaluate(clips: Sequence[ScoredClip], effects: Sequence[str]) -> dict[str, float]:
    """Return the score in both scenarios; NaN where no effect has a true event."""
    return {name: psds(clips, effects, config) for name, config in SCENARIOS.items()}


def psds(clips: Sequence[ScoredClip], effects: Sequence[str], config: PsdsConfig) -> float:
    """Return the area under the curve of true positive rate by false cues an hour, 0 to 1."""
    validate(clips, effects)
    known = np.stack([clip.has_known_events for clip in clips])
    truths = [_true_intervals(clip, effects) for clip in clips]
    events = np.array(
        [
            sum(len(truth[e]) for truth, has in zip(truths, known[:, e], strict=True) if has)
            for e in range(len(effects))
        ]
    )
    lasting_s = np.array(
        [
            sum(
                np.diff(truth[e]).sum()
                for truth, has in zip(truths, known[:, e], strict=True)
                if has
            )
            for e in range(len(effects))
        ]
    )
    defined = np.flatnonzero(events)
    if len(defined) == 0:
        return math.nan
    duration_s = known.T @ np.array([clip.duration_s for clip in clips])
    curves = []
    for effect in defined:
        judged = [
            _count(clip, truth, int(effect), defined, config)
            for clip, truth, has in zip(clips, truths, known[:, effect], strict=True)
            if has
        ]
        counts = _add_up(judged)
        hit_rate = counts.hits / events[effect]
        alarm_rate = counts.false / duration_s[effect]
        others = defined != effect
        if config.cross_cost and others.any():
            rates = counts.crossed[:, others] / lasting_s[defined[others]]
            alarm_rate = alarm_rate + config.cross_cost * rates.mean(axis=1)
        curves.append(_staircase(hit_rate, 3600.0 * alarm_rate))
    return _area(curves, config)


def _true_intervals(clip: ScoredClip, effects: Sequence[str]) -> list[Float[np.ndarray, "n 2"]]:
    lists: dict[str, list[Any]] = {name: [] for name in effects}
    for event in clip.reference:
        lists[event.effect].append((event.onset, event.offset))
    return [np.array(lists[name], np.float64).reshape(-1, 2) for name in effects]


def _count(
    clip: ScoredClip,
    truth: list[np.ndarray],
    effect: int,
    others: Int[np.ndarray, " others"],
    config: PsdsConfig,
) -> _Counts:
    """Count the runs of one effect in one clip at each threshold that changes them."""
    scores = clip.probabilities[:, effect]
    levels = np.unique(scores)[::-1]
    edges = np.array([float(clip.grid.time(f)) for f in range(clip.grid.frames + 1)])
    own = np.stack([_covered(edges, [interval]) for interval in truth[effect]] or [0.0 * edges])
    crossing = np.stack([_covered(edges, truth[other]) for other in others], axis=1)
    columns: list[np.ndarray] = []
    rows = max(1, _BLOCK_CELLS // len(edges))
    for begin in range(0, len(levels), rows):
        block = levels[begin : begin + rows]
        row, first, last = _runs(scores[None, :] >= block[:, None])
        length = edges[last] - edges[first]
        inside = own[:, last] - own[:, first]
        counts_as_found = _reaches(inside.sum(axis=0), config.detection_part * length)
        false = np.bincount(row[~counts_as_found], minlength=len(block))
        hits = np.zeros(len(block), np.int64)
        for number, (onset, offset) in enumerate(truth[effect]):
            covered = np.bincount(
                row, weights=inside[number] * counts_as_found, minlength=len(block)
            )
            hits += _reaches(covered, np.full(len(block), config.truth_part * (offset - onset)))
        wrong = ~counts_as_found
        astray = crossing[last[wrong]] - crossing[first[wrong]]
        mixed_up = _reaches(astray, config.cross_part * length[wrong][:, None])
        # Rounding must not cross an effect that is absent.
        mixed_up &= crossing[-1] > 0
        crossed = np.zeros((len(block), len(others)), np.int64)
        np.add.at(crossed, row[wrong], mixed_up)
        columns.append(np.column_stack([hits, false, crossed]))
    table = np.diff(np.concatenate(columns), axis=0, prepend=0)
    return _Counts(scores=levels, hits=table[:, 0], false=table[:, 1], crossed=table[:, 2:])


def _covered(edges: np.ndarray, intervals: Any) -> np.ndarray:
    """Return the total duration of the intervals before each edge."""
    total = np.zeros(len(edges))
    for onset, offset in intervals:
        total += np.clip(edges, onset, offset) - onset
    return total - total[0]


def _runs(active: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, first frame and end of each run of True."""
    edged = np.pad(active, ((0, 0), (1, 1)))
    rows, places = np.nonzero(edged[:, 1:] != edged[:, :-1])
    return rows[::2], places[::2], places[1::2]


def _reaches(value: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.round(value, _DECIMALS) >= np.round(wanted, _DECIMALS)


def _add_up(parts: list[_Counts]) -> _Counts:
    """Add the changes of all clips up, from the highest score down."""
    scores = np.concatenate([part.scores for part in parts])
    levels, place = np.unique(-scores, return_inverse=True)

    def total(name: str) -> np.ndarray:
        changes = np.concatenate([getattr(part, name) for part in parts])
        summed = np.zeros((len(levels), *changes.shape[1:]), np.int64)
        np.add.at(summed, place, changes)
        return np.cumsum(summed, axis=0)

    return _Counts(
        scores=-levels, hits=total("hits"), false=total("false"), crossed=total("crossed")
    )


def _staircase(hit_rate: np.ndarray, alarm_rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return alarm rates and the best hit rate that each of them allows."""
    # Above the highest score nothing is detected.
    alarms = np.concatenate([[0.0], alarm_rate])
    hits = np.concatenate([[0.0], hit_rate])
    order = np.lexsort((hits, alarms))
    alarms, hits = alarms[order], np.maximum.accumulate(hits[order])
    last = np.append(np.flatnonzero(np.diff(alarms)), len(alarms) - 1)
    return alarms[last], hits[last]


def _area(curves: list[tuple[np.ndarray, np.ndarray]], config: PsdsConfig) -> float:
    most = config.most_false_per_hour
    alarms = np.unique(np.concatenate([curve[0] for curve in curves]))
    alarms = alarms[alarms <= most]
    rates = np.stack([hits[np.searchsorted(at, alarms, side="right") - 1] for at, hits in curves])
    effective = np.maximum(rates.mean(axis=0) - config.instability_cost * rates.std(axis=0), 0.0)
    return float(np.sum(effective * np.diff(alarms, append=most)) / most)
