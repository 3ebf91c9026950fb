"""Set pan, level and low-pass filter of cues by what the picture shows.

Pan follows the position in the picture by the equal-power law; level follows size, motion and
probability; small sources are duller, as if far away. An effect whose source is not visible stays
in the centre at a lower level.
"""

import bisect
import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Effect
from temporal_foley.sound.levels import DEFAULT_LEVELS, MixLevels
from temporal_foley.spotting.detections import PictureEvidence
from temporal_foley.spotting.position import Position, follow
from temporal_foley.timegrid import to_sample, to_seconds
from temporal_foley.timeline import Cue, Curve, Event, Track

USUAL_AREA = 0.12
"""Part of the picture covered by a source at which its level is unchanged."""
SWELL_DB = {"loop": -8.0, "ambience": -4.0}
"""Level of a sustained effect where it is least probable and moves least."""
NEAR_HZ = 16_000.0
OCTAVE_DB = 4.5
"""The cut-off falls by an octave for this many decibels of distance."""
_PAN_TOLERANCE, _LEVEL_TOLERANCE_DB = 0.03, 0.5
_JUMP_SAMPLES = 960

PerFrame = Float[np.ndarray, " frames"]


def place_tracks(
    tracks: Sequence[Track],
    events: Sequence[Event],
    sights: PictureEvidence,
    levels: MixLevels = DEFAULT_LEVELS,
) -> tuple[Track, ...]:
    """Place every cue by the event that it was cast for."""
    placed: list[Track] = []
    for track in tracks:
        effect = sights.vocabulary[track.effect]
        own = [event for event in events if event.effect == track.effect]
        seen = [_follow_event(event, effect, sights) for event in own]
        cues = []
        for cue in track.cues:
            number = _event_of(cue, own)
            cues.append(
                cue
                if number is None
                else _placed(cue, track.kind, own[number], seen[number], sights, levels)
            )
        placed.append(dataclasses.replace(track, cues=tuple(cues)))
    return tuple(placed)


def level_of_area(area: float, levels: MixLevels = DEFAULT_LEVELS) -> float:
    """Return the level in decibels of a source that covers this part of the picture.

    Sound falls with distance as a source's height in the picture does: by 6 dB at a quarter of the
    area.
    """
    gain = 10.0 * math.log10(max(area, 1e-4) / USUAL_AREA)
    return min(max(gain, levels.small_source_db), levels.large_source_db)


def lowpass_of_level(level_db: float) -> float | None:
    """Return the cut-off in Hz of a source whose level is lower by distance; None if it is near."""
    if level_db > -2.0:
        return None
    return round(NEAR_HZ * 2.0 ** (level_db / OCTAVE_DB))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Followed:
    """The frames of an event and its position in them, None if unknown."""

    first: int
    position: Position | None
    strength: PerFrame
    """From 0 to 1: probability and motion relative to their maximum in the event."""


def _follow_event(event: Event, effect: Effect, sights: PictureEvidence) -> _Followed:
    first, last = sights.grid.frame_range(event.onset, event.offset)
    first = min(first, sights.grid.frames - 1)
    last = max(last, first + 1)
    column = sights.vocabulary.index(effect.name)
    probability = sights.probabilities[first:last, column].astype(np.float64)
    position = None
    if sights.heats is not None and sights.visible is not None and effect.kind != "ambience":
        position = follow(
            sights.heats[first:last, column],
            sights.visible[first:last, column].astype(np.float64),
            probability,
            float(sights.grid.frame_rate),
            [cut - first for cut in _between(sights.cuts, first, last)],
        )
    motion = sights.motion[first:last]
    moves = np.minimum(motion / max(float(np.percentile(motion, 95)), 1e-3), 1.0)
    sure = probability / max(float(probability.max()), 1e-6)
    return _Followed(first=first, position=position, strength=_mean3(sure * (0.6 + 0.4 * moves)))


def _event_of(cue: Cue, events: Sequence[Event]) -> int | None:
    """Return the event that contains the anchor or the onset of a cue.

    A cue rounds both ends of its event to samples. The events of one effect are in order and do not
    overlap.
    """
    times = (float(to_seconds(cue.picture_sample)), float(cue.onset))
    for time in times:
        latest = bisect.bisect_right(events, time + 1e-4, key=lambda event: event.onset) - 1
        for number in (latest - 1, latest):
            if number >= 0 and events[number].onset - 1e-4 <= time < events[number].offset:
                return number
    return None


def _between(cuts: Sequence[int], first: int, last: int) -> Sequence[int]:
    """Return the cuts, in ascending order, between two frames."""
    return cuts[bisect.bisect_left(cuts, first) : bisect.bisect_right(cuts, last)]


def _placed(
    cue: Cue,
    kind: str,
    event: Event,
    seen: _Followed,
    sights: PictureEvidence,
    levels: MixLevels,
) -> Cue:
    moment = float(to_seconds(cue.picture_sample))
    last = seen.first + len(seen.strength) - 1
    at = min(max(sights.grid.frame_at(moment), seen.first), last) - seen.first
    position = seen.position
    is_seen = position is not None and not event.off_screen and bool(position.is_seen.mean() >= 0.5)
    region, where, lowpass = None, "", None
    distance = np.zeros(len(seen.strength))
    pan: Curve = ((0, 0.0),)
    if position is not None and is_seen:
        distance = np.array([level_of_area(float(area), levels) for area in position.area])
        region = position.region(at)
        lowpass = lowpass_of_level(float(np.median(distance)))
        pan = ((0, _pan(position, at, levels)),)
        where = f"seen {_side(float(position.across[at]))}, {position.area[at]:.0%} of the picture"
    elif position is not None:
        distance[:] = levels.off_screen_db
        lowpass, where = levels.off_screen_hz, "off screen"
    if event.audible:
        # Its distance is in the level that it has in the original.
        distance[:] = 0.0
    if kind in SWELL_DB and event.envelope:
        level = _envelope_curve(cue, event)
    elif kind in SWELL_DB:
        swell = np.maximum(SWELL_DB[kind] * (1.0 - seen.strength / seen.strength.max()), -12.0)
        level = _curve(cue, swell + distance, seen.first, sights, (), _LEVEL_TOLERANCE_DB)
    else:
        level = ((0, round(float(distance[at]), 2)),)
    if kind in SWELL_DB and position is not None and is_seen:
        pans = np.array([_pan(position, frame, levels) for frame in range(len(distance))])
        pan = _curve(cue, pans, seen.first, sights, sights.cuts, _PAN_TOLERANCE)
    evidence = dataclasses.replace(cue.evidence, region=region)
    reason = "; ".join(text for text in (cue.reason, where) if text)
    return dataclasses.replace(
        cue, pan=pan, level=level, lowpass_hz=lowpass, evidence=evidence, reason=reason
    )


def _envelope_curve(cue: Cue, event: Event) -> Curve:
    """Follow the level that the effect has in the video's own sound."""
    points = {
        min(max(to_sample(time) - cue.onset_sample, 0), cue.length): level
        for time, level in event.envelope
    }
    kept = _few(sorted(points.items()), _LEVEL_TOLERANCE_DB)
    return tuple((place, round(value, 2)) for place, value in kept)


def _pan(position: Position, frame: int, levels: MixLevels) -> float:
    return round(levels.widest_pan * (2.0 * float(position.across[frame]) - 1.0), 2)


def _side(across: float) -> str:
    return "on the left" if across < 0.35 else "on the right" if across > 0.65 else "in the middle"


def _curve(
    cue: Cue,
    values: PerFrame,
    first: int,
    sights: PictureEvidence,
    jumps: Sequence[int],
    tolerance: float,
) -> Curve:
    """Return a curve through the values of frames, with as few points as a tolerance allows."""
    points: list[tuple[int, float]] = []
    for number, value in enumerate(values):
        frame = first + number
        middle = to_sample(sights.grid.time(frame) + sights.grid.step / 2) - cue.onset_sample
        if frame in jumps and number:
            cut = to_sample(sights.grid.time(frame)) - cue.onset_sample
            points += [(cut - _JUMP_SAMPLES, float(values[number - 1])), (cut, float(value))]
        points.append((middle, float(value)))
    points = [(min(max(place, 0), cue.length), value) for place, value in points]
    # Of several points at one place, such as the ends of the cue, the last one counts.
    points = sorted(dict(points).items())
    kept = _few(points, tolerance)
    return tuple((place, round(value, 2)) for place, value in kept)


def _few(points: list[tuple[int, float]], tolerance: float) -> list[tuple[int, float]]:
    """Remove points near the line between others (D. Douglas and T. Peucker, 1973)."""
    places = np.array([place for place, _ in points], float)
    values = np.array([value for _, value in points])
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    waiting = [(0, len(points) - 1)]
    while waiting:
        start, end = waiting.pop()
        line = np.interp(places[start : end + 1], places[[start, end]], values[[start, end]])
        away = np.abs(values[start : end + 1] - line)
        worst = start + int(away.argmax())
        if away.max() > tolerance:
            keep[worst] = True
            waiting += [(start, worst), (worst, end)]
    kept = [point for point, is_kept in zip(points, keep, strict=True) if is_kept]
    if max(values) - min(values) <= tolerance:
        return [(points[0][0], float(np.median(values)))]
    return kept


def _mean3(values: PerFrame) -> PerFrame:
    padded = np.pad(values, 1, mode="edge")
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3.0
