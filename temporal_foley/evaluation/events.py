"""Match detected events with true ones, and count cues where nothing should be audible.

Event and onset F1 are those of the DCASE challenges: each true event is matched with at most one
detected event of its effect, as many as possible (Mesaros, Heittola, Virtanen, "Metrics for
polyphonic sound event detection", Applied Sciences 6, 2016, as in sed_eval). An effect without a
true event is undefined; its false cues still count in the micro averages.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from temporal_foley.evaluation.scored_clip import ScoredClip, validate
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

ONSET_COLLARS_S = (0.1, 0.25)
EVENT_COLLAR_S = 0.2
OFFSET_PART = 0.5
SEGMENT_S = 1.0
_ROUNDING_S = 1e-9
"""So that 0.9 is within 0.2 of 0.7 in binary too."""

Estimated = Sequence[Sequence[Event]]
"""The detected events of each clip."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matches:
    """Number of true, detected and matched events."""

    reference: int = 0
    estimated: int = 0
    matched: int = 0

    @property
    def precision(self) -> float:
        """Share of detected events that are true; NaN without any."""
        return self.matched / self.estimated if self.estimated else math.nan

    @property
    def recall(self) -> float:
        """Share of true events that were detected; NaN without any."""
        return self.matched / self.reference if self.reference else math.nan

    @property
    def f1(self) -> float:
        """Twice the matched by all events of both sides; NaN without a true event."""
        if not self.reference:
            return math.nan
        return 2.0 * self.matched / (self.reference + self.estimated)

    def __add__(self, other: "Matches") -> "Matches":
        return Matches(
            reference=self.reference + other.reference,
            estimated=self.estimated + other.estimated,
            matched=self.matched + other.matched,
        )


def match_onsets(reference: Sequence[Event], estimated: Sequence[Event], collar_s: float) -> int:
    """Match events of one effect whose onsets are at most a collar apart."""
    return _most_pairs(_meets([e.onset for e in reference], [e.onset for e in estimated], collar_s))


def match_events(
    reference: Sequence[Event],
    estimated: Sequence[Event],
    collar_s: float = EVENT_COLLAR_S,
    offset_part: float = OFFSET_PART,
) -> int:
    """Match events of one effect by onset and offset; long ones may end less exactly."""
    onsets = _meets([e.onset for e in reference], [e.onset for e in estimated], collar_s)
    lengths = np.array([e.offset - e.onset for e in reference])
    collars = np.maximum(collar_s, offset_part * lengths)[:, None] if len(lengths) else collar_s
    offsets = _meets([e.offset for e in reference], [e.offset for e in estimated], collars)
    return _most_pairs(onsets & offsets)


def segments(events: Sequence[Event], effects: Sequence[str], count: int) -> np.ndarray:
    """Mark the segments of a second that the events of each effect touch."""
    touched = np.zeros((count, len(effects)), bool)
    places = {name: place for place, name in enumerate(effects)}
    for event in events:
        last = math.ceil(event.offset / SEGMENT_S)
        touched[math.floor(event.onset / SEGMENT_S) : last, places[event.effect]] = True
    return touched


def activity(
    events: Sequence[Event], effects: Sequence[str], grid: TimeGrid
) -> Bool[np.ndarray, "frames effects"]:
    """Mark the frames that the events of each effect touch."""
    active = np.zeros((grid.frames, len(effects)), bool)
    places = {name: place for place, name in enumerate(effects)}
    for event in events:
        first, last = grid.frame_range(event.onset, event.offset)
        active[first:last, places[event.effect]] = True
    return active


def evaluate(
    clips: Sequence[ScoredClip], estimated: Estimated, effects: Sequence[str]
) -> dict[str, Any]:
    """Score the events of clips (stills have none); undefined numbers are NaN."""
    validate(clips, effects)
    if len(estimated) != len(clips):
        raise ValueError(f"estimated must have {len(clips)} lists, got {len(estimated)}")
    criteria = {f"onset_{round(1000 * collar)}ms": collar for collar in ONSET_COLLARS_S}
    tables = {name: _empty(effects) for name in (*criteria, "event", "segment")}
    for clip, found in zip(clips, estimated, strict=True):
        count = math.ceil(clip.duration_s / SEGMENT_S - _ROUNDING_S)
        true_segments = segments(clip.reference, effects, count)
        found_segments = segments(found, effects, count)
        for place in np.flatnonzero(clip.has_known_events):
            name = effects[int(place)]
            truth = [event for event in clip.reference if event.effect == name]
            guess = [event for event in found if event.effect == name]
            for criterion, collar in criteria.items():
                hits = match_onsets(truth, guess, collar)
                tables[criterion][name] += _matches(truth, guess, hits)
            tables["event"][name] += _matches(truth, guess, match_events(truth, guess))
            sides = true_segments[:, place], found_segments[:, place]
            tables["segment"][name] += Matches(
                reference=int(sides[0].sum()),
                estimated=int(sides[1].sum()),
                matched=int((sides[0] & sides[1]).sum()),
            )
    return {
        **{name: _summary(table) for name, table in tables.items()},
        "false_cues": false_cues(clips, estimated),
        "heard": heard(clips, estimated, effects),
        "flips_per_minute": flips_per_minute(clips, estimated, effects),
    }


def false_cues(clips: Sequence[ScoredClip], estimated: Estimated) -> dict[str, Any]:
    """Count cues in clips that are known to have no effect."""
    pairs = zip(clips, estimated, strict=True)
    silent = [(clip, found) for clip, found in pairs if clip.is_known_silent]
    minutes = sum(clip.duration_s for clip, _ in silent) / 60.0
    cues = sum(len(found) for _, found in silent)
    return {
        "per_minute": cues / minutes if minutes else math.nan,
        "cues": cues,
        "minutes": minutes,
        "clips": len(silent),
        "clips_left_silent": sum(not found for _, found in silent),
    }


def heard(
    clips: Sequence[ScoredClip], estimated: Estimated, effects: Sequence[str]
) -> dict[str, Any]:
    """Count the clips with an effect, and those of them with a cue for a true effect."""
    sounding = hits = 0
    for clip, found in zip(clips, estimated, strict=True):
        true_names = {effects[int(place)] for place in np.flatnonzero(clip.clip_truth)}
        if clip.is_still or not true_names:
            continue
        sounding += 1
        hits += any(event.effect in true_names for event in found)
    return {"share": hits / sounding if sounding else math.nan, "clips": sounding, "heard": hits}


def flips_per_minute(
    clips: Sequence[ScoredClip], estimated: Estimated, effects: Sequence[str]
) -> dict[str, float]:
    """Count how often effects turn on or off per minute, as detected and in truth."""
    found_flips = true_flips = 0
    minutes = 0.0
    for clip, found in zip(clips, estimated, strict=True):
        if clip.is_still:
            continue
        minutes += clip.duration_s / 60.0
        found_flips += _flips(activity(found, effects, clip.grid))
        true_flips += _flips(clip.truth)
    if not minutes:
        return {"estimated": math.nan, "reference": math.nan}
    return {"estimated": found_flips / minutes, "reference": true_flips / minutes}


def _flips(active: Bool[np.ndarray, "frames effects"]) -> int:
    return int((active[1:] != active[:-1]).sum())


def _meets(reference: list[float], estimated: list[float], collar_s: Any) -> np.ndarray:
    apart = np.abs(np.array(reference)[:, None] - np.array(estimated)[None, :])
    return apart <= collar_s + _ROUNDING_S


def _most_pairs(meets: np.ndarray) -> int:
    if not meets.any():
        return 0
    return int((maximum_bipartite_matching(csr_array(meets), perm_type="column") >= 0).sum())


def _empty(effects: Sequence[str]) -> dict[str, Matches]:
    return {name: Matches() for name in effects}


def _matches(truth: Sequence[Event], guess: Sequence[Event], hits: int) -> Matches:
    return Matches(reference=len(truth), estimated=len(guess), matched=hits)


def _summary(table: Mapping[str, Matches]) -> dict[str, Any]:
    defined = [matches.f1 for matches in table.values() if matches.reference]
    return {
        "effects": {name: _numbers(matches) for name, matches in table.items()},
        "macro": {
            "f1": float(np.mean(defined)) if defined else math.nan,
            "defined_effects": len(defined),
            "effects": len(table),
        },
        "micro": _numbers(sum(table.values(), Matches())),
    }


def _numbers(matches: Matches) -> dict[str, Any]:
    return {
        "f1": matches.f1,
        "precision": matches.precision,
        "recall": matches.recall,
        "reference": matches.reference,
        "estimated": matches.estimated,
    }
