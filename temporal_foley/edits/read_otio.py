"""Read the clips of an edited OpenTimelineIO file, `.otio` or `.otioz`, without opening its media.

OpenTimelineIO reads in C++, and some damaged files crash it. So a process of its own reads a file
first: if that process dies, the file is refused.
"""

import contextlib
import itertools
import json
import re
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from temporal_foley.errors import FoleyError
from temporal_foley.session.curves import shifted
from temporal_foley.session.edited import (
    FIRST_PICTURE,
    METADATA,
    MOST_BYTES,
    MOST_SAMPLES,
    EditedClip,
    EditedSession,
    has_other_take,
    read_origin,
)
from temporal_foley.timegrid import as_fraction, to_sample
from temporal_foley.timeline import Curve

_CONTENT = "content.otio"
_LONGEST_S = 300.0


def read_bundle(path: Path) -> str:
    """Return the timeline of an `.otioz` without unpacking anything else, and nothing to disk.

    Raises:
        FoleyError: It is not such a bundle, or too large.
    """
    try:
        with zipfile.ZipFile(path) as bundle, bundle.open(_CONTENT) as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise FoleyError(f"is no .otioz bundle ({error}); save it again") from None
    if len(content) > MOST_BYTES:
        raise FoleyError(f"holds a timeline of more than {MOST_BYTES >> 20} MiB")
    return content.decode("utf-8", "replace")


def check_otio(text: str) -> None:
    """Read a timeline in another process first.

    Raises:
        FoleyError: That process crashed.
    """
    command = [sys.executable, "-m", "temporal_foley.edits.read_otio"]
    nowhere = subprocess.DEVNULL
    content = text.encode("utf-8", "replace")
    try:
        done = subprocess.run(
            command, input=content, stdout=nowhere, stderr=nowhere, timeout=_LONGEST_S
        )
    except subprocess.TimeoutExpired:
        raise FoleyError("takes OpenTimelineIO too long to read; save it again") from None
    if done.returncode:
        raise FoleyError("is no OpenTimelineIO file (it crashes its reader); save it again")


def read_otio(text: str) -> EditedSession:
    """Read a timeline; call `check_otio` before if it comes from elsewhere.

    Raises:
        FoleyError: It is not an OpenTimelineIO timeline, or a time in it is invalid.
    """
    import opentimelineio as otio

    try:
        # Refuses what is nested so deeply that OTIO's own reader would run out of stack.
        _check_schemas(json.loads(text))
        timeline = otio.adapters.read_from_string(text, "otio_json")
    except (ValueError, KeyError, RecursionError, otio.exceptions.OTIOError) as error:
        first = str(error).splitlines()[:1] or [type(error).__name__]
        raise FoleyError(f"is no OpenTimelineIO file ({first[0]:.80}); save it again") from None
    if not isinstance(timeline, otio.schema.Timeline):
        raise FoleyError("holds no timeline; save the timeline itself")
    leader = _first_picture(timeline)
    clips: list[EditedClip] = []
    strange = 0
    for track in timeline.audio_tracks():
        found, left = _track_clips(otio, track, leader)
        clips.extend(found)
        strange += left
    warnings = ()
    if strange:
        warnings = (f"{strange} nested or stretched pieces were left out",)
    about = timeline.metadata.get(METADATA)
    source = about.get("source_sha256") if hasattr(about, "get") else None
    ids, takes = (_list(timeline, name) for name in ("cues", "takes"))
    return EditedSession(
        clips=tuple(clips),
        warnings=warnings,
        known=None if ids is None else frozenset(one for one in ids if isinstance(one, str)),
        source=source if isinstance(source, str) else None,
        takes=tuple(found for one in takes or () if (found := read_origin(one)) is not None),
    )


def _check_schemas(document: Any) -> None:
    """Refuse clips that claim to be of the first version and are not: OTIO 0.18 crashes on them."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name, _, version = str(value.get("OTIO_SCHEMA", "")).partition(".")
            is_newer = re.fullmatch(r"[2-9]|[1-9]\d+", version) is not None
            if name == "Clip" and "media_references" in value and not is_newer:
                raise ValueError(f"Clip.{version:.20} with media_references")


def _list(timeline: Any, name: str) -> list[Any] | None:
    """Return a list of the timeline's metadata; None if there is none."""
    own = timeline.metadata.get(METADATA)
    found = own.get(name) if hasattr(own, "get") else None
    is_list = not isinstance(found, str) and hasattr(found, "__iter__")
    return list(found) if found is not None and is_list else None


def _first_picture(timeline: Any) -> int:
    for marker in timeline.tracks.markers:
        if marker.name == FIRST_PICTURE:
            return _samples(marker.marked_range.start_time)
    own = timeline.metadata.get(METADATA)
    leader = own.get("leader_samples", 0) if hasattr(own, "get") else 0
    return leader if type(leader) is int and 0 <= leader < MOST_SAMPLES else 0


def _track_clips(otio: Any, track: Any, leader: int) -> tuple[list[EditedClip], int]:
    """Return the clips of a track with their places, and the number of clips that are not ours."""
    clips: list[EditedClip] = []
    strange = 0
    place = Fraction(0)
    for item in track:
        if isinstance(item, otio.schema.Transition):
            continue
        try:
            used = item.trimmed_range()
        except otio.exceptions.OTIOError:
            raise FoleyError(f"{item.name!r:.60} has no length; save it again") from None
        begin, place = place, place + _seconds(used.duration)
        if isinstance(item, otio.schema.Clip):
            if item.effects:
                strange += any(isinstance(e, otio.schema.TimeEffect) for e in item.effects)
            clips.append(_clip(item, track, used, begin, place, leader))
        elif not isinstance(item, otio.schema.Gap):
            strange += 1
    return clips, strange


def _clip(
    item: Any, track: Any, used: Any, begin: Fraction, end: Fraction, leader: int
) -> EditedClip:
    own = item.metadata.get(METADATA)
    own = own if hasattr(own, "get") else {}
    about = track.metadata.get(METADATA)
    effect = about.get("effect") if hasattr(about, "get") else None
    first = to_sample(begin)
    gain = own.get("gain_db")
    source_in = _samples(used.start_time)
    origin = read_origin(own)
    file = unquote(getattr(item.media_reference, "target_url", "") or "")
    # No other editor moves the curves in the metadata along when a clip is cut at its front.
    was_in = _count(own.get("source_in_samples"))
    by = 0 if was_in is None or has_other_take(file, origin) else source_in - was_in
    pan, level = _curve(own.get("pan"), 1.0), _curve(own.get("level_db"), 120.0)
    return EditedClip(
        name=item.name,
        track=effect if isinstance(effect, str) else track.name,
        file=file,
        origin=origin,
        place=first - leader,
        length=to_sample(end) - first,
        source_in=source_in,
        is_muted=not item.enabled,
        file_samples=_file_samples(item),
        gain_db=float(gain) if isinstance(gain, int | float) and abs(gain) <= 240.0 else None,
        level=None if level is None else shifted(level, by),
        pan=None if pan is None else shifted(pan, by),
        fade_in=_count(own.get("fade_in_samples")),
        fade_out=_count(own.get("fade_out_samples")),
    )


def _file_samples(item: Any) -> int | None:
    available = getattr(item.media_reference, "available_range", None)
    return None if available is None else _samples(available.duration)


def _curve(value: Any, most: float) -> Curve | None:
    try:
        points = tuple((int(place), min(max(float(at), -most), most)) for place, at in value)
    except (TypeError, ValueError, OverflowError):
        return None
    is_rising = all(a[0] < b[0] for a, b in itertools.pairwise(points))
    return points if points and is_rising else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < MOST_SAMPLES else None


def _seconds(time: Any) -> Fraction:
    try:
        seconds = as_fraction(time.value) / as_fraction(time.rate)
    except (ValueError, ZeroDivisionError):
        seconds = Fraction(MOST_SAMPLES)
    if not abs(seconds) < 10**6:
        raise FoleyError(f"{time} is no time; save it again")
    return seconds


def _samples(time: Any) -> int:
    return to_sample(_seconds(time))


if __name__ == "__main__":
    # What is wrong with the text is told by the process that asked.
    with contextlib.suppress(FoleyError):
        read_otio(sys.stdin.buffer.read().decode("utf-8"))
