"""Apply the edits of one clip, as an editor left it, to its cue."""

import dataclasses

from temporal_foley.session.curves import (
    LEVEL_TOLERANCE_DB,
    PAN_TOLERANCE,
    SILENCE_DB,
    STILL,
    inside,
    is_same,
    level_inside,
    shifted,
)
from temporal_foley.session.edited import EditedClip, Origin
from temporal_foley.timeline import SILENT_STATUSES, Cue, Curve

MOST_GAIN_DB = 40.0


def edit_cue(cue: Cue, clip: EditedClip, origin: Origin, effect: str, duration: int) -> Cue | None:
    """Return the edited cue, the cue itself if nothing changed, or None if it no longer plays."""
    place, length, source = clip.place, clip.length, origin.start + clip.source_in
    # Before the take and before the picture there is nothing: the cue begins later.
    late = max(0, -source, -place)
    place, length, source = place + late, length - late, source + late
    length = min(length, duration - place)
    if cue.loop is None:
        length = min(length, origin.end - source)
    if length < 1:
        return None
    by = source - cue.source_start
    if cue.loop is not None and source >= cue.loop.end:
        source = cue.loop.start + (source - cue.loop.end) % (cue.loop.end - cue.loop.start)
    fade_in = cue.fade_in if clip.fade_in is None else max(0, clip.fade_in)
    fade_out = cue.fade_out if clip.fade_out is None else max(0, clip.fade_out)
    fade_in = min(fade_in, length)
    edited = dataclasses.replace(
        cue,
        effect=effect,
        onset_sample=place,
        offset_sample=place + length,
        source_start=source,
        source_end=source + length if cue.loop is None else max(cue.loop.end, source + 1),
        gain_db=_gain(cue, clip, origin),
        level=_level(cue, clip, by, late, length),
        pan=_pan(cue, clip, by, late, length),
        fade_in=fade_in,
        fade_out=min(fade_out, length - fade_in),
    )
    if cue.loop is not None and source == cue.source_start:
        edited = dataclasses.replace(edited, source_end=cue.source_end)
    if edited == dataclasses.replace(cue, status=edited.status, locked=edited.locked):
        return decided(cue) if cue.status in SILENT_STATUSES else cue
    return decided(edited)


def decided(cue: Cue) -> Cue:
    """Return a cue as accepted and locked."""
    return dataclasses.replace(cue, status="accepted", locked=True)


def with_take(cue: Cue, clip: EditedClip, origin: Origin, other: Cue) -> tuple[Cue, Origin]:
    """Return a cue with the take of another cue, and where the file of that one begins in the take.

    `origin` is the note of the other cue, whose file the clip now plays.
    """
    source = max(0, origin.start + clip.source_in)
    swapped = dataclasses.replace(
        cue,
        asset=other.asset,
        licence=other.licence,
        credit=other.credit,
        loop=other.loop,
        lowpass_hz=other.lowpass_hz,
        anchor=other.anchor,
        source_start=source,
        source_end=source + cue.length if other.loop is None else max(other.loop.end, source + 1),
    )
    # What makes up for the file is the other's; a level that stands still is the cue's own.
    still = _still_level(cue) - _still_level(other)
    return swapped, dataclasses.replace(origin, cue=cue.id, file_db=origin.file_db + still)


def _gain(cue: Cue, clip: EditedClip, origin: Origin) -> float:
    if clip.gain_db is None:
        return cue.gain_db
    gain_db = clip.gain_db - origin.file_db
    if abs(gain_db - cue.gain_db) <= LEVEL_TOLERANCE_DB:
        return cue.gain_db
    return round(min(max(gain_db, SILENCE_DB), MOST_GAIN_DB), 2)


def _still_level(cue: Cue) -> float:
    """Return the level that is part of the gain of a clip because it is constant."""
    level = level_inside(cue.level, cue.length)
    return level[0][1] if len(level) == 1 else 0.0


def _level(cue: Cue, clip: EditedClip, by: int, late: int, length: int) -> Curve:
    """Return the level of a cue whose sound begins `by` samples later in its take."""
    own = level_inside(cue.level, cue.length)
    expected = STILL if len(own) == 1 else level_inside(shifted(own, by), length)
    if clip.level is None:
        return shifted(cue.level, by)
    shown = level_inside(shifted(clip.level, late), length)
    if is_same(shown, expected, LEVEL_TOLERANCE_DB):
        return shifted(cue.level, by)
    still = _still_level(cue)
    return tuple((at, min(max(value + still, SILENCE_DB), MOST_GAIN_DB)) for at, value in shown)


def _pan(cue: Cue, clip: EditedClip, by: int, late: int, length: int) -> Curve:
    if clip.pan is None:
        return shifted(cue.pan, by)
    shown = inside(shifted(clip.pan, late), length)
    expected = inside(shifted(inside(cue.pan, cue.length), by), length)
    if is_same(shown, expected, PAN_TOLERANCE):
        return shifted(cue.pan, by)
    return shown
