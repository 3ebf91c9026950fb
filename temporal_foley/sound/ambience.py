"""Carry steady sounds through scenes, crossfade ambiences, and end the tails of hits with shots.

Where one ambience ends and another begins at a cut, both are extended over the cut, and one fades
into the other at equal power: they are uncorrelated, so their powers add (Fink, Holters and Zölzer,
DAFx 2016).
"""

import bisect
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from temporal_foley.effects import Vocabulary
from temporal_foley.sound.signal.fades import add_level, equal_power
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import (
    SILENT_STATUSES,
    Cue,
    Event,
    Evidence,
    SceneSpan,
    Timeline,
    Track,
)

NEAR_CUT_S = 1.0
"""Probabilities rise and fall slowly: an end this close to a cut is at the cut."""
CROSSFADE_S = 1.0
LONGEST_CROSSFADE = 3 * SAMPLE_RATE_HZ
"""Ambiences that overlap for longer are not crossfaded: both are present."""
_BENDS = 8
_SILENT_DB = -60.0
# Fade from the last point to silence, without a click.
_EDGE = SAMPLE_RATE_HZ // 200


OFF_SCREEN_DB = -6.0
OFF_SCREEN_LOWPASS_HZ = 2500.0
SHORTEST_ABSENCE = SAMPLE_RATE_HZ * 6 // 10

Tails = Literal["auto", "cut", "ring"]
"""`cut`: fade out at the cut; `ring`: ring on; `auto`: thunder and glass ring on."""

RINGING_CATEGORIES = ("THUN", "GLAS")
"""How UCS categories begin whose tails belong to the place, not to the thing in the picture."""
FADE = SAMPLE_RATE_HZ * 8 // 100
STEP_IN = SAMPLE_RATE_HZ // 500
SHORTEST = SAMPLE_RATE_HZ // 20
HIT_KINDS = ("one_shot", "repeated")


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


def carry_through_scenes(timeline: Timeline) -> Timeline:
    """Let steady sources that a scene has shown play until it ends, softer and duller off screen.

    A cue whose `evidence.carries` is followed, until the next one or the end of its scene, by a cue
    of the same take that goes on where the first one is. These follow the scenes when a list is
    rendered again, unless somebody has decided on them.
    """
    if not timeline.scenes:
        return timeline
    tracks = [_carried_track(track, timeline.scenes) for track in timeline.tracks]
    return dataclasses.replace(timeline, tracks=tuple(tracks))


def _carried_track(track: Track, scenes: Sequence[SceneSpan]) -> Track:
    decided = {
        cue.id: cue
        for cue in track.cues
        if cue.evidence.carried_from is not None and (cue.locked or cue.status != "proposed")
    }
    kept = [cue for cue in track.cues if cue.evidence.carried_from is None]
    steady = [
        cue
        for cue in sorted(kept, key=lambda cue: cue.onset_sample)
        if cue.evidence.carries and cue.loop and cue.status not in SILENT_STATUSES
    ]
    carried: list[Cue] = []
    for number, cue in enumerate(steady):
        scene = next((one for one in scenes if _begins_in(cue, one)), None)
        if scene is None:
            continue
        following = steady[number + 1] if number + 1 < len(steady) else None
        if following is not None and following.onset_sample >= scene.offset_sample:
            following = None
        end = scene.offset_sample if following is None else following.onset_sample
        if end - cue.offset_sample >= SHORTEST_ABSENCE:
            own = f"{cue.id}-off-screen"
            carried.append(decided.pop(own, None) or _carried(cue, own, end, following))
    cues = sorted([*kept, *carried, *decided.values()], key=lambda cue: cue.onset_sample)
    return dataclasses.replace(track, cues=tuple(cues))


def _begins_in(cue: Cue, scene: SceneSpan) -> bool:
    """Return whether a cue begins in a scene and does not go on after it."""
    first = scene.onset_sample - SHORTEST_ABSENCE // 2 <= cue.onset_sample < scene.offset_sample
    return first and cue.offset_sample <= scene.offset_sample + SHORTEST_ABSENCE // 2


def _carried(cue: Cue, name: str, end: int, following: Cue | None) -> Cue:
    """Return the cue that goes on with the take of another, off screen, until `end`."""
    loop = cue.loop
    assert loop is not None
    onset = cue.offset_sample - cue.fade_out
    ramp = FADE if following is None else following.fade_in
    offset = end if following is None else end + ramp
    place = cue.source_start + onset - cue.onset_sample
    if place >= loop.end:
        place = loop.start + (place - loop.start) % (loop.end - loop.start)
    whither = "its scene ends" if following is None else "it is seen again"
    return dataclasses.replace(
        cue,
        id=name,
        onset_sample=onset,
        offset_sample=offset,
        source_start=place,
        source_end=loop.end,
        anchor=place,
        level=((0, cue.level[-1][1] + OFF_SCREEN_DB),),
        pan=((0, 0.0),),
        lowpass_hz=min(cue.lowpass_hz or OFF_SCREEN_LOWPASS_HZ, OFF_SCREEN_LOWPASS_HZ),
        fade_in=cue.fade_out,
        fade_out=min(ramp, (offset - onset) - cue.fade_out),
        reason=f"goes on off screen until {whither} at {end / SAMPLE_RATE_HZ:.1f} s",
        evidence=Evidence(probability=cue.evidence.probability, carried_from=cue.id),
        status="proposed",
        locked=False,
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


def keep_tails_to_shots(
    tracks: Sequence[Track],
    events: Sequence[Event],
    cuts: Sequence[int],
    ringing: Sequence[str] = (),
    tails: Tails = "auto",
) -> tuple[Track, ...]:
    """Shorten the cues of hits to their shots.

    Args:
        tracks: As cast and placed.
        events: What they were cast for; one that goes on past a cut is not removed by it.
        cuts: Samples at which shots begin, in order.
        ringing: Effects whose tails ring with `auto`.
        tails: What happens to tails at cuts.
    """
    kept: list[Track] = []
    for track in tracks:
        if track.kind not in HIT_KINDS or not cuts:
            kept.append(track)
            continue
        own = [event for event in events if event.effect == track.effect]
        rings = tails == "ring" or (tails == "auto" and track.effect in ringing)
        cues = tuple(_in_shot(cue, own, cuts, rings) for cue in track.cues)
        kept.append(dataclasses.replace(track, cues=cues))
    return tuple(kept)


def _in_shot(cue: Cue, events: Sequence[Event], cuts: Sequence[int], rings: bool) -> Cue:
    if cue.loop is not None:
        return cue
    number = bisect.bisect_right(cuts, cue.picture_sample)
    start = cuts[number - 1] if number else 0
    end = cuts[number] if number < len(cuts) else None
    if start - cue.onset_sample > STEP_IN and cue.offset_sample - start > SHORTEST:
        cue = dataclasses.replace(
            cue,
            onset_sample=start,
            source_start=cue.source_start + start - cue.onset_sample,
            fade_in=STEP_IN,
            fade_out=min(cue.fade_out, cue.offset_sample - start - STEP_IN),
            reason=f"{cue.reason}; begins with its shot",
        )
    if end is None or rings or cue.offset_sample <= end:
        return cue
    if any(event.onset * SAMPLE_RATE_HZ < end < event.offset * SAMPLE_RATE_HZ for event in events):
        return cue
    length = end + FADE // 2 - cue.onset_sample
    if length < SHORTEST or length >= cue.length:
        return cue
    return dataclasses.replace(
        cue,
        offset_sample=cue.onset_sample + length,
        source_end=cue.source_start + length,
        fade_in=min(cue.fade_in, length // 4),
        fade_out=min(FADE, length // 2),
        reason=f"{cue.reason}; ends at a cut",
    )
