"""Align events on the grid with the motion around them, and say why each is where it is.

The grid is exact to a quarter of a second or so; the picture is exact to a part of a frame.
An onset is moved to the strongest impact near it, if one stands out, and hits that a source makes
again and again follow the impacts that are seen. Where motion says nothing, the grid stays; and
it says nothing of what comes from a throat: a bark begins neither where the dog stops nor lands.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.spotting.motion import Motion, impacts, moment
from temporal_foley.spotting.own_sound.attacks import CALLING_CATEGORIES
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

STRIKING_KINDS = ("one_shot", "repeated")

LEAST_CONFIDENCE = 0.35
"""Below it the grid stays."""
PLAIN_IMPACT = 0.4
"""Grey levels: an impact of this strength is half as sure as one can be."""
LONGEST_WATCHED_S = 20.0
"""How much of an event is searched for hits; after that its pace goes on."""
FEWEST_HITS = 3
WEAKEST_DB = -9.0
"""Of a hit beside the strongest, by the motion that ends in it."""
_STRENGTH_DB = 5.0
"""Decibels for ten times the strength. Motion says little of the level (`benchmarks/hits.py`): with
more, hits would be farther from their true levels than without any."""
_BEFORE, _AFTER = 0.4, 1.4
"""Where an onset is sought, in grid steps from its own."""
_RUN_IN_S = 0.3
"""Of pictures before the stretch in which something is sought: what is quiet must be seen so."""

Stretch = tuple[float, float]


def strikes(effect: Effect) -> bool:
    """Return whether an effect sounds when something visibly meets something else."""
    return effect.kind in STRIKING_KINDS and not effect.ucs.startswith(CALLING_CATEGORIES)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Impact:
    """A moment at which something stops or turns back in the picture."""

    time: float
    strength: float
    confidence: float


def stretches_to_watch(
    events: Iterable[Event], vocabulary: Vocabulary, grid: TimeGrid
) -> list[Stretch]:
    """Return where the picture must be looked at closely, in order, without overlap."""
    step = float(grid.step)
    wanted: list[Stretch] = []
    for event in events:
        effect = vocabulary[event.effect]
        if not strikes(effect):
            continue
        end = event.onset + _AFTER * step
        if effect.interval_s is not None:
            end = max(end, min(event.offset, event.onset + LONGEST_WATCHED_S))
        wanted.append((event.onset - _BEFORE * step - _RUN_IN_S, end + 0.1))
    return join_stretches(wanted)


def join_stretches(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Join stretches that touch."""
    joined: list[Stretch] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def meet_picture(
    events: Sequence[Event], motion: Motion, vocabulary: Vocabulary, grid: TimeGrid
) -> list[Event]:
    """Move the onsets of effects that strike onto visible impacts, and find their hits."""
    strengths = impacts(motion)
    met = [_met(event, vocabulary[event.effect], motion, strengths, grid) for event in events]
    strongest: dict[str, float] = {}
    for event, own in met:
        strongest[event.effect] = max(strongest.get(event.effect, 0.0), *own, 0.0)
    return [_with_strengths(event, own, strongest[event.effect]) for event, own in met]


def _with_strengths(event: Event, own: Sequence[float], strongest: float) -> Event:
    """Give the hits of an event their strengths beside the strongest that its effect has."""
    if not own:
        return event
    relative = (_STRENGTH_DB * math.log10(max(one, 1e-9) / strongest) for one in own)
    return dataclasses.replace(
        event,
        hits=event.hits or (event.onset,),
        strengths_db=tuple(round(max(db, WEAKEST_DB), 2) for db in relative),
    )


def find_onset(
    onset: float, motion: Motion, strengths: Float[np.ndarray, " pictures"], step: float
) -> Impact | None:
    """Return the impact near an onset of the grid that stands out most, or None without pictures.

    An onset of the grid is at most a step early and, after smoothing, a little late: impacts at
    half a step after it count most.
    """
    places = _between(motion, onset - _BEFORE * step, onset + _AFTER * step)
    # Sound belongs to the shot that the event is in, not to the one before a cut.
    cuts = places[motion.is_cut[places]]
    if len(cuts):
        places = places[places >= cuts[-1]]
    if not len(places):
        return None
    near = np.exp(-0.5 * ((motion.times[places] - onset - step / 2.0) / (0.8 * step)) ** 2)
    weighed = strengths[places] * near
    best = int(weighed.argmax())
    rival = weighed[np.abs(np.arange(len(places)) - best) > 2].max(initial=0.0)
    return Impact(
        time=moment(motion, int(places[best])),
        strength=float(strengths[places[best]]),
        confidence=_confidence(float(strengths[places[best]]), rival / (weighed[best] + 1e-9)),
    )


def find_picture_hits(
    start: float,
    end: float,
    shortest_s: float,
    motion: Motion,
    strengths: Float[np.ndarray, " pictures"],
) -> list[Impact]:
    """Return the impacts in a stretch that stand out from it, `shortest_s` or more apart."""
    places = _between(motion, start, end)
    if len(places) < 3:
        return []
    own = strengths[places]
    floor = max(0.25 * float(np.percentile(own, 95)), 2.0 * float(np.median(own)))
    found: list[Impact] = []
    for place in places[np.argsort(-own, kind="stable")]:
        strength = float(strengths[place])
        if strength <= floor:
            break
        time = moment(motion, int(place))
        if any(abs(time - other.time) < shortest_s for other in found):
            continue
        confidence = _confidence(strength, floor / strength)
        found.append(Impact(time=time, strength=strength, confidence=confidence))
    return sorted(found, key=lambda impact: impact.time)


def _met(
    event: Event,
    effect: Effect,
    motion: Motion,
    strengths: Float[np.ndarray, " pictures"],
    grid: TimeGrid,
) -> tuple[Event, tuple[float, ...]]:
    """Return the event where the picture puts it, and the strength of each hit that is seen."""
    if not strikes(effect):
        return event, ()
    if effect.interval_s is not None:
        followed = _followed(event, effect.interval_s, motion, strengths, grid)
        if followed is not None:
            return followed
    impact = find_onset(event.onset, motion, strengths, float(grid.step))
    if impact is None:
        return event, ()
    seen = round(impact.strength / (impact.strength + PLAIN_IMPACT), 3)
    if impact.confidence < LEAST_CONFIDENCE or impact.time >= event.offset:
        return dataclasses.replace(event, motion=seen, reason="no clear motion, on the grid"), ()
    late_ms = round(1e3 * (impact.time - event.onset))
    onset = max(0.0, round(impact.time, 4))
    met = dataclasses.replace(
        event,
        onset=onset,
        motion=seen,
        timing="picture",
        reason=f"motion stops at {onset:.2f} s ({late_ms:+d} ms, sure {impact.confidence:.2f})",
    )
    # What goes on at a pace has more hits than the one that is seen.
    return met, () if effect.interval_s is not None else (impact.strength,)


def _followed(
    event: Event,
    interval_s: tuple[float, float],
    motion: Motion,
    strengths: Float[np.ndarray, " pictures"],
    grid: TimeGrid,
) -> tuple[Event, tuple[float, ...]] | None:
    """Return the event with the hits that are seen and their strengths, or None without a run."""
    shortest, longest = interval_s
    step = float(grid.step)
    watched_until = min(event.offset, event.onset + LONGEST_WATCHED_S)
    found = find_picture_hits(
        event.onset - _BEFORE * step, watched_until, 0.7 * shortest, motion, strengths
    )
    if len(found) < FEWEST_HITS or found[0].time >= event.onset + max(longest, 2.0 * step):
        return None
    confidence = float(np.median([hit.confidence for hit in found]))
    apart = np.diff([hit.time for hit in found])
    pace = float(np.median(apart))
    # A pace far from any that the effect has is another motion.
    if confidence < LEAST_CONFIDENCE or not 0.7 * shortest <= pace <= 1.6 * longest:
        return None
    hits = {max(0.0, round(hit.time, 4)): hit.strength for hit in reversed(found)}
    hits = dict(sorted(hits.items()))
    strength = float(np.median([hit.strength for hit in found]))
    last = max(hits)
    while last + pace < event.offset and watched_until < event.offset:
        last = round(last + pace, 4)
        hits[last] = strength
    followed = dataclasses.replace(
        event,
        onset=min(hits),
        hits=tuple(hits),
        timing="picture",
        motion=round(strength / (strength + PLAIN_IMPACT), 3),
        reason=f"{len(found)} hits seen, {pace:.2f} s apart (sure {confidence:.2f})",
    )
    return followed, tuple(hits.values())


def _between(motion: Motion, start: float, end: float) -> np.ndarray:
    return np.arange(*np.searchsorted(motion.times, [start, end]))


def _confidence(strength: float, rival: float) -> float:
    """Say how sure an impact is, from 0 to 1: strong, and stronger than the next one."""
    return round(strength / (strength + PLAIN_IMPACT) * (1.0 - 0.5 * min(rival, 1.0)), 3)
