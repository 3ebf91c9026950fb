"""Align events with the video's own sound, and find those that are audible but were not detected.

Where the sound holds an effect, its hits are those of the sound: each detected hit becomes a hit
of the event, with its strength and length. Sustained effects start and end where the sound does.
What is audible and not among the detected events becomes an event of its own, off screen.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Effect
from temporal_foley.spotting.own_sound.attacks import CALLING_CATEGORIES, attack_of
from temporal_foley.spotting.own_sound.audibility import audible_probability
from temporal_foley.spotting.own_sound.evidence import TAG_STEP_S, SoundEvidence
from temporal_foley.spotting.own_sound.hits import Hit, find_hits
from temporal_foley.spotting.own_sound.onset_strength import FRAME_S, band_slice, total_level
from temporal_foley.timeline import Event

AUDIBLE = 0.5
"""Probability from which a detected effect counts as audible."""
AUDIBLE_ALONE = 0.7
"""Tag from which an effect counts as audible although it was not detected."""
BEFORE_S, AFTER_S = 0.75, 1.0
"""How far from a detected event its sound may be: the detector sees a few frames a second."""
SAME_HIT_S = 0.15
"""Hits of two effects this near to each other are one sound."""
AROUND_TAGS_S = 0.3
LONGEST_STRETCH_S = 120.0
HIT_KINDS = ("one_shot", "repeated")


def align_with_sound(events: Sequence[Event], sound: SoundEvidence) -> tuple[Event, ...]:
    """Return the events with the timing of the sound that holds them, in order of onset."""
    aligned: list[Event] = []
    for effect in sound.vocabulary.effects:
        own = sorted(
            (event for event in events if event.effect == effect.name),
            key=lambda event: event.onset,
        )
        tags = sound.tags[:, sound.vocabulary.index(effect.name)]
        if not len(tags) or (not own and tags.max() < AUDIBLE_ALONE):
            aligned += own
        elif effect.kind in HIT_KINDS:
            aligned += _align_hits(own, effect, tags, sound)
        else:
            aligned += _align_sustained(own, effect, tags, sound)
    taken = [hit for event in aligned if not event.off_screen for hit in event.hits]
    aligned = [event for event in aligned if not (event.off_screen and _is_taken(event, taken))]
    order = {name: place for place, name in enumerate(sound.vocabulary.names)}
    return tuple(sorted(aligned, key=lambda event: (event.onset, order[event.effect])))


def _align_hits(
    events: Sequence[Event],
    effect: Effect,
    tags: Float[np.ndarray, " columns"],
    sound: SoundEvidence,
) -> list[Event]:
    """Share the hits in the sound out among the events; group the rest into new events."""
    expected = [(event.onset - BEFORE_S, event.offset + AFTER_S) for event in events]
    wanted = expected + spans_above(tags, AUDIBLE_ALONE, AROUND_TAGS_S)
    hits = [
        hit
        for start, end in _stretches(wanted, sound.levels.seconds)
        for hit in find_hits(sound, effect, start, end, expected=expected)
    ]
    loudest = max((hit.level_db for hit in hits), default=0.0)
    owners: dict[int, list[Hit]] = {}
    free: list[Hit] = []
    for hit in hits:
        near = [
            (max(event.onset - hit.time, hit.time - event.offset, 0.0), number)
            for number, event in enumerate(events)
            if event.onset - BEFORE_S <= hit.time < event.offset + AFTER_S
        ]
        if near:
            owners.setdefault(min(near)[1], []).append(hit)
        elif hit.probability >= AUDIBLE_ALONE and _stands_out(effect, hit.time, hit.time, sound):
            free.append(hit)
    aligned = []
    for number, event in enumerate(events):
        own = owners.get(number)
        given = event
        if own is not None:
            event = _with_hits(event, own, loudest, sound)
        # A creak or a scratching pen has no clear hits: the whole of what was given counts, too.
        probable = max(
            audible_probability(sound, effect.name, start - TAG_STEP_S, end + TAG_STEP_S)
            for start, end in ((event.onset, event.offset), (given.onset, given.offset))
        )
        if own is not None or probable >= AUDIBLE:
            event = dataclasses.replace(event, audible=probable >= AUDIBLE)
        aligned.append(event)
    longest = max(effect.merge_gap_s, *(effect.interval_s or (0.0,)))
    for group in _grouped(free, longest):
        found = Event(
            effect=effect.name,
            onset=group[0].time,
            offset=group[-1].time + max(group[-1].length_s, FRAME_S),
            confidence=min(1.0, max(hit.probability for hit in group)),
            off_screen=True,
        )
        aligned.append(_with_hits(found, group, loudest, sound))
    return _without_overlap(aligned)


def _with_hits(event: Event, hits: list[Hit], loudest: float, sound: SoundEvidence) -> Event:
    """Give an event the hits of the sound."""
    onset = hits[0].time
    last = hits[-1].time + max(hits[-1].length_s, FRAME_S)
    where = "; audible, not in the picture" if event.off_screen else ""
    return dataclasses.replace(
        event,
        onset=onset,
        offset=min(max(last, onset + FRAME_S), max(sound.levels.seconds, onset + FRAME_S)),
        hits=tuple(hit.time for hit in hits),
        strengths_db=tuple(round(hit.level_db - loudest, 2) for hit in hits),
        levels_db=tuple(hit.level_db for hit in hits),
        lengths_s=tuple(hit.length_s for hit in hits),
        timing="sound",
        audible=True,
        reason=f"{_many(len(hits), 'hit')} in the video's own sound{where}",
    )


def _align_sustained(
    events: Sequence[Event],
    effect: Effect,
    tags: Float[np.ndarray, " columns"],
    sound: SoundEvidence,
) -> list[Event]:
    """Mark events that are audible, start and end them with the sound, and add those unseen."""
    aligned: list[Event] = []
    free = spans_above(tags, AUDIBLE_ALONE, 0.5 * TAG_STEP_S)
    for event in events:
        if audible_probability(sound, effect.name, event.onset, event.offset) < AUDIBLE:
            aligned.append(event)
            continue
        spans = [
            s
            for s in spans_above(tags, 0.5 * AUDIBLE, 0.0, bridge_s=effect.merge_gap_s)
            if s[0] < event.offset and s[1] > event.onset
        ]
        if not spans:
            spans = [(event.onset, event.offset)]
        start, end = spans[0][0], spans[-1][1]
        onset = start if abs(start - event.onset) <= 2.0 * BEFORE_S else event.onset
        offset = end if abs(end - event.offset) <= 2.0 * AFTER_S else event.offset
        offset = min(offset, max(event.offset, sound.levels.seconds))
        if offset - onset < FRAME_S:
            onset, offset = event.onset, event.offset
        aligned.append(
            dataclasses.replace(
                event,
                onset=round(onset, 4),
                offset=round(offset, 4),
                envelope=envelope(effect, sound, onset, offset),
                timing="sound",
                audible=True,
                reason="audible in the video's own sound",
            )
        )
    for start, stop in free:
        end = min(stop, sound.levels.seconds)
        if end - start < max(effect.min_duration_s, 1.0):
            continue
        if any(start < event.offset and end > event.onset for event in (*events, *aligned)):
            continue
        if not _stands_out(effect, start, end, sound):
            continue
        inside = tags[sound.columns(start, end)]
        aligned.append(
            Event(
                effect=effect.name,
                onset=round(start, 4),
                offset=round(end, 4),
                confidence=float(np.median(inside)),
                off_screen=True,
                envelope=envelope(effect, sound, start, end),
                timing="sound",
                audible=True,
                reason="audible in the video's own sound; not in the picture",
            )
        )
    return _without_overlap(aligned)


def _is_taken(event: Event, taken: Sequence[float]) -> bool:
    """Return whether most hits of an event are those of effects that were detected."""
    near = [any(abs(hit - other) < SAME_HIT_S for other in taken) for hit in event.hits]
    return bool(near) and sum(near) * 2 > len(near)


def _stands_out(effect: Effect, start: float, end: float, sound: SoundEvidence) -> bool:
    """Return whether no other effect is more probably audible from `start` to `end` seconds.

    A voice that speaks is no call: people who talk loudly have some of the tag of screams.
    """
    columns = sound.columns(start - TAG_STEP_S, end + 2 * TAG_STEP_S)
    own = float(sound.tags[columns, sound.vocabulary.index(effect.name)].mean())
    others = float(sound.tags[columns].mean(axis=0).max())
    if effect.ucs.startswith(CALLING_CATEGORIES):
        others = max(others, float(sound.speech[columns].mean()))
    return own >= others - 1e-6


def envelope(
    effect: Effect, sound: SoundEvidence, start: float, end: float, step_s: float = 0.25
) -> tuple[tuple[float, float], ...]:
    """Return the level of a stretch in the effect's bands: (seconds, decibels below its loudest).

    Levels are means of power over `step_s`, at most 18 dB down.
    """
    first, last = sound.levels.within(start, end)
    attack = attack_of(effect)
    level = total_level(sound.levels.bands_db[first:last, band_slice(60.0, attack.highest_hz)])
    step = max(1, round(step_s / FRAME_S))
    count = len(level) // step
    if count < 2:
        return ()
    power = (10.0 ** (level[: count * step] / 10.0)).reshape(count, step).mean(axis=1)
    own = 10.0 * np.log10(power + 1e-12)
    relative = np.maximum(own - np.percentile(own, 95.0), -18.0).clip(max=3.0)
    return tuple(
        (round(start + (place + 0.5) * step * FRAME_S, 3), round(float(value), 2))
        for place, value in enumerate(relative)
    )


def spans_above(
    tags: Float[np.ndarray, " columns"],
    threshold: float,
    margin_s: float,
    bridge_s: float = 0.0,
) -> list[tuple[float, float]]:
    """Return the stretches in which a tag reaches a threshold, widened and joined."""
    edges = np.flatnonzero(np.diff((tags >= threshold).astype(np.int8), prepend=0, append=0))
    spans: list[tuple[float, float]] = []
    for first, last in edges.reshape(-1, 2):
        start = max(0.0, (first - 0.5) * TAG_STEP_S - margin_s)
        end = (last - 0.5) * TAG_STEP_S + margin_s
        if spans and start <= spans[-1][1] + bridge_s:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _stretches(wanted: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """Join stretches that touch, and cut long ones: a film is not analysed in one piece."""
    joined: list[tuple[float, float]] = []
    for start, stop in sorted(wanted):
        start, stop = max(start, 0.0), min(stop, end)
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        elif stop > start:
            joined.append((start, stop))
    pieces = []
    for start, stop in joined:
        count = max(1, int(np.ceil((stop - start) / LONGEST_STRETCH_S)))
        corners = np.linspace(start, stop, count + 1)
        pieces += list(zip(corners[:-1].tolist(), corners[1:].tolist(), strict=True))
    return pieces


def _grouped(hits: Sequence[Hit], longest_gap_s: float) -> list[list[Hit]]:
    groups: list[list[Hit]] = []
    for hit in hits:
        if groups and hit.time - groups[-1][-1].time <= longest_gap_s + groups[-1][-1].length_s:
            groups[-1].append(hit)
        else:
            groups.append([hit])
    return groups


def _without_overlap(events: Sequence[Event]) -> list[Event]:
    """End each event where the next one of its effect begins; placing needs them apart."""
    ordered = sorted(events, key=lambda event: event.onset)
    apart: list[Event] = []
    for event in ordered:
        last = apart[-1] if apart else None
        if last is not None and last.onset >= event.onset - 1e-6:
            # Two at one time: the one that is seen stays.
            if last.off_screen:
                apart[-1] = event
            continue
        if last is not None and last.offset > event.onset:
            apart[-1] = dataclasses.replace(last, offset=event.onset)
        apart.append(event)
    return apart


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
