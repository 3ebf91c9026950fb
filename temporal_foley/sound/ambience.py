"""Crossfade ambiences between scenes.

Where one ambience ends and another begins at a cut, both are extended over the cut, and one fades
into the other at equal power: they are uncorrelated, so their powers add (Fink, Holters and Zölzer,
DAFx 2016).
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from temporal_foley.effects import Vocabulary
from temporal_foley.sound.signal.fades import add_level, equal_power
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import SILENT_STATUSES, Cue, Event, Track

NEAR_CUT_S = 1.0
"""Probabilities rise and fall slowly: an end this close to a cut is at the cut."""
CROSSFADE_S = 1.0
LONGEST_CROSSFADE = 3 * SAMPLE_RATE_HZ
"""Ambiences that overlap for longer are not crossfaded: both are present."""
_BENDS = 8
_SILENT_DB = -60.0
# Fade from the last point to silence, without a click.
_EDGE = SAMPLE_RATE_HZ // 200


def meet_at_cuts(
    events: Sequence[Event], vocabulary: Vocabulary, cuts_s: Sequence[float]
) -> tuple[Event, ...]:
    """Extend the ambiences of two scenes over the cut between them by half a crossfade."""
    met = list(events)
    for cut in cuts_s:
        ambient = [
            number
            for number, event in enumerate(met)
            if vocabulary[event.effect].kind == "ambience"
        ]
        ending = [
            n for n in ambient if met[n].onset < cut - CROSSFADE_S and _near(met[n].offset, cut)
        ]
        starting = [
            n for n in ambient if met[n].offset > cut + CROSSFADE_S and _near(met[n].onset, cut)
        ]
        effects = {met[number].effect for number in ending}
        if not ending or not starting or effects & {met[number].effect for number in starting}:
            continue
        for number in ending:
            met[number] = dataclasses.replace(met[number], offset=cut + CROSSFADE_S / 2)
        for number in starting:
            met[number] = dataclasses.replace(met[number], onset=cut - CROSSFADE_S / 2)
    return tuple(met)


def crossfade_ambience(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """Crossfade ambiences that overlap briefly, at equal power."""
    beds = [cue for track in tracks if track.kind == "ambience" for cue in track.cues]
    pairs = [(one, other) for one in beds for other in beds if _follows(one, other)]
    changed: dict[str, Cue] = {}
    ended: set[str] = set()
    begun: set[str] = set()
    # Each end is crossfaded once, with the longest overlap.
    for one, other in sorted(pairs, key=lambda pair: pair[1].onset_sample - pair[0].offset_sample):
        if one.id in ended or other.id in begun:
            continue
        ended.add(one.id)
        begun.add(other.id)
        start, stop = other.onset_sample, one.offset_sample
        falling, rising = changed.get(one.id, one), changed.get(other.id, other)
        corners = [start + (stop - start) * bend // _BENDS for bend in range(_BENDS + 1)]
        changed[one.id] = dataclasses.replace(
            falling,
            level=add_level(falling, _gain(stop, start), corners),
            fade_out=min(_EDGE, stop - start),
            reason=_with_reason(falling, f"fades into {other.effect.replace('_', ' ')}"),
        )
        changed[other.id] = dataclasses.replace(
            rising,
            level=add_level(rising, _gain(start, stop), corners),
            fade_in=min(_EDGE, stop - start),
            reason=_with_reason(rising, f"fades out of {one.effect.replace('_', ' ')}"),
        )
    return tuple(
        dataclasses.replace(track, cues=tuple(changed.get(cue.id, cue) for cue in track.cues))
        for track in tracks
    )


def _near(time: float, cut: float) -> bool:
    return abs(time - cut) <= NEAR_CUT_S


def _follows(one: Cue, other: Cue) -> bool:
    """Return whether an ambience ends while another begins."""
    overlap = one.offset_sample - other.onset_sample
    return (
        one.effect != other.effect
        and not {one.status, other.status} & set(SILENT_STATUSES)
        and one.onset_sample < other.onset_sample
        and one.offset_sample < other.offset_sample
        and 2 * _EDGE <= overlap <= LONGEST_CROSSFADE
    )


def _gain(silent: int, full: int) -> Callable[[int], float]:
    """Return a function for the level in decibels of a fade between two samples."""

    def decibels(place: int) -> float:
        part = np.clip((place - silent) / (full - silent), 0.0, 1.0)
        gain = float(equal_power(np.array([part]))[0])
        return max(20.0 * math.log10(gain), _SILENT_DB) if gain > 0.0 else _SILENT_DB

    return decibels


def _with_reason(cue: Cue, what: str) -> str:
    return "; ".join(text for text in (cue.reason, what) if text)
