"""Recognise the cues of clips whose notes another editor dropped, by file and by name.

A file of a session has a digest of its take, and of which samples of it, in its name: the samples
are found by trying how `export` would have planned the file. A clip whose file was renamed is
recognised by its name, if its length or one of its ends is that of its cue.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from temporal_foley.errors import FoleyError
from temporal_foley.session.build_session import MARK, file_gain_db, is_file_of, planned_range
from temporal_foley.session.edited import EditedClip, Origin, file_part
from temporal_foley.session.names import cue_names
from temporal_foley.session.session_model import TakeShape
from temporal_foley.session.timecode import EditRate
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import SILENT_STATUSES, Asset, Cue, Timeline

Shapes = Callable[[Asset], TakeShape]
_RATES = (24, 25, 30, 48, 50, 60, *(Fraction(one * 1000, 1001) for one in (24, 30, 48, 60)), 12, 15)
_HANDLES = (SAMPLE_RATE_HZ, *(step * SAMPLE_RATE_HZ // 2 for step in range(121)))
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{6}(?![0-9a-f])")


def with_recognised(
    clips: Sequence[EditedClip], timeline: Timeline, shape_of: Shapes
) -> tuple[EditedClip, ...]:
    """Return the clips, with the origin of those that have none and are recognised."""
    noted = {clip.file for clip in clips if clip.origin is not None}
    lost = [clip for clip in clips if clip.origin is None and clip.file not in noted]
    if not lost:
        return tuple(clips)
    ranges = {
        clip.file: _range_of(clip, timeline.cues, shape_of) for clip in reversed(lost) if clip.file
    }
    names = {name.casefold(): cue for cue, name in cue_names(timeline).items()}
    cues = {cue.id: cue for cue in timeline.cues}
    taken: set[str] = set()
    found: dict[int, Origin] = {}
    # First those that are also called as a cue is; the others get what is left, the nearest first.
    by_name = sorted(lost, key=lambda clip: (clip.name.casefold() not in names, clip.place))
    for clip in by_name:
        cue = cues.get(names.get(clip.name.casefold(), ""))
        planned = ranges.get(clip.file)
        if planned is not None:
            alike = [
                one for one in timeline.cues if is_file_of(one, file_part(clip.file), *planned)
            ]
            if cue not in alike:
                free = [one for one in alike if one.id not in taken] or alike
                cue = min(free, key=lambda one: abs(one.onset_sample - clip.place), default=None)
            if cue is not None:
                found[id(clip)] = _origin(cue, clip, planned, shape_of)
        elif cue is not None and MARK not in clip.file:
            start = _start_by_name(cue, clip)
            if start is not None:
                end = start + max(
                    clip.source_in + clip.length, cue.source_start - start + cue.length
                )
                found[id(clip)] = Origin(cue=cue.id, start=start, end=end, file_db=0.0)
        if id(clip) in found:
            taken.add(found[id(clip)].cue)
    return tuple(
        clip if id(clip) not in found else _recognised(clip, found[id(clip)]) for clip in clips
    )


def _recognised(clip: EditedClip, origin: Origin) -> EditedClip:
    # Without the level of its file, the gain of a clip says nothing.
    gain = clip.gain_db if origin.file else None
    return dataclasses.replace(clip, origin=origin, gain_db=gain)


def _origin(cue: Cue, clip: EditedClip, planned: tuple[int, int], shape_of: Shapes) -> Origin:
    start, end = planned
    try:
        file_db, file = file_gain_db(cue, shape_of(cue.asset)), file_part(clip.file)
    except FoleyError:  # a take of a library that is not here
        file_db, file = 0.0, ""
    return Origin(cue=cue.id, start=start, end=end, file_db=file_db, file=file)


def _range_of(clip: EditedClip, cues: Sequence[Cue], shape_of: Shapes) -> tuple[int, int] | None:
    """Return which samples of a take a clip's file has; None if it is of no take of the list."""
    file = file_part(clip.file)
    if not _DIGEST.search(file):
        return None
    seen: set[object] = set()
    for cue in cues:
        key = (cue.asset, cue.loop, cue.lowpass_hz)
        if key in seen:
            continue
        seen.add(key)
        for start, end in _plans(cue, cues, clip.file_samples, shape_of):
            if is_file_of(cue, file, start, end):
                return start, end
    return None


def _plans(
    cue: Cue, cues: Sequence[Cue], file_samples: int | None, shape_of: Shapes
) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a take that `export` could have planned."""
    alike = [
        one
        for one in cues
        if (one.asset, one.loop, one.lowpass_hz) == (cue.asset, cue.loop, cue.lowpass_hz)
    ]
    samples = None
    if file_samples is None and cue.loop is None:
        try:
            samples = shape_of(cue.asset).samples
        except FoleyError:
            return
    audible = [one for one in alike if one.status not in SILENT_STATUSES]
    proposed = [one for one in alike if one.status != "rejected"]
    done: set[tuple[int, int]] = set()
    for users in (proposed, audible, alike):
        for handles in _HANDLES if users else ():
            for rate in _RATES:
                lead = EditRate(rate=Fraction(rate)).frame_samples
                start, end = planned_range(users, handles, lead, samples)
                if file_samples is not None:
                    end = start + file_samples
                if (start, end) not in done:
                    done.add((start, end))
                    yield start, end


def _start_by_name(cue: Cue, clip: EditedClip) -> int | None:
    """Return where the file of a clip begins in the take, if only one of its ends was moved."""
    begins = clip.length == cue.length or clip.place == cue.onset_sample
    if begins:
        return cue.source_start - clip.source_in
    if clip.place + clip.length == cue.offset_sample:
        return cue.source_start + clip.place - cue.onset_sample - clip.source_in
    return None
