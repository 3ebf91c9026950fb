"""Define the clips of an edited session, and the notes by which exports find their cues again."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

from temporal_foley.session.session_model import Clip, Session
from temporal_foley.timeline import Curve

METADATA = "temporal_foley"
FIRST_PICTURE = "First picture"
MOST_BYTES = 64 << 20
"""Limit of a session file: two thousand cues take less than two million bytes."""
MOST_SAMPLES = 1 << 40
_NOTE = "temporal-foley "
_KNOWN = "temporal-foley cues "
_TAKE = "temporal-foley take "
_SOURCE = "temporal-foley source "
_LINE = 500
"""Characters of ids per line: editors cut long lines."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """The cue that a clip was made of, and the samples `[start, end)` of the take in its file.

    `file` is the name of that file: a clip that plays another one was given another take. `onset`
    is where the cue was when it was exported.
    """

    cue: str
    start: int
    end: int
    file_db: float
    file: str = ""
    onset: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditedClip:
    """A clip in an edited session; places are samples from the first picture."""

    name: str
    track: str
    file: str
    origin: Origin | None
    place: int
    length: int
    source_in: int
    is_muted: bool
    is_first: bool = False
    """Whether the editor says that it is the very clip that was exported, not a copy of it."""
    file_samples: int | None = None
    """Length of its file; None if the session does not specify it."""
    gain_db: float | None = None
    """None, here and below, if the session does not specify it."""
    level: Curve | None = None
    pan: Curve | None = None
    fade_in: int | None = None
    fade_out: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditedSession:
    """All clips of an edited session, and warnings about what cannot be imported."""

    clips: tuple[EditedClip, ...]
    warnings: tuple[str, ...] = ()
    known: frozenset[str] | None = None
    """The cues that were exported: only these can have been deleted. None means all."""
    source: str | None = None
    """SHA-256 of the video that it was made for; None if it is not known any more."""
    takes: tuple[Origin, ...] = ()
    """A cue for each of its sound files, even if no clip plays the file any more."""


def origin_of(clip: Clip) -> dict[str, Any]:
    """Return the note of a clip as plain data."""
    media = clip.media
    return {
        "cue": clip.cue,
        "start": media.start,
        "end": media.start + media.samples,
        "file_db": round(clip.file_db, 6),
        "file": media.name,
        "onset": clip.onset,
    }


def origin_note(clip: Clip) -> str:
    """Return the note of a clip as one line of text, for formats that have only text notes."""
    return _NOTE + json.dumps(origin_of(clip))


def takes_of(session: Session) -> list[dict[str, Any]]:
    """Return the note of one clip for each sound file of a session."""
    users = {clip.media.name: clip for clip in reversed(session.clips) if clip.effect}
    return [origin_of(clip) for clip in users.values()]


def known_lines(session: Session) -> Iterator[str]:
    """Return the ids of the cues in a session, and its sound files, as lines of text."""
    yield _SOURCE + session.source_sha256
    yield from (_TAKE + json.dumps(take) for take in takes_of(session))
    line: list[str] = []
    for cue in (clip.cue for clip in session.clips if clip.effect):
        line.append(cue)
        if sum(map(len, line)) > _LINE:
            yield _KNOWN + json.dumps(line)
            line = []
    yield _KNOWN + json.dumps(line)


def read_known(lines: Iterable[str]) -> frozenset[str] | None:
    """Read the ids that `known_lines` wrote; None if there are none."""
    found: set[str] | None = None
    for line in lines:
        if not line.startswith(_KNOWN):
            continue
        try:
            ids = json.loads(line.removeprefix(_KNOWN))
        except (ValueError, RecursionError):
            continue
        if isinstance(ids, list):
            found = (found or set()) | {one for one in ids if isinstance(one, str)}
    return None if found is None else frozenset(found)


def read_source(lines: Iterable[str]) -> str | None:
    """Read the SHA-256 of the video that `known_lines` wrote; None if there is none."""
    return next((line[len(_SOURCE) :].strip() for line in lines if line.startswith(_SOURCE)), None)


def file_part(path: str) -> str:
    """Return a file's name from a path as any editor writes it."""
    return path.replace("\\", "/").rpartition("/")[2]


def has_other_take(file: str, origin: Origin | None) -> bool:
    """Return whether a clip plays another file than the one it was exported with."""
    return origin is not None and origin.file != "" and file_part(file) != origin.file


def read_takes(lines: Iterable[str]) -> tuple[Origin, ...]:
    """Read the sound files that `known_lines` wrote."""
    own = (line.removeprefix(_TAKE) for line in lines if line.startswith(_TAKE))
    return tuple(found for line in own if (found := read_origin(_NOTE + line)) is not None)


def read_origin(value: Any) -> Origin | None:
    """Read the note of a clip; None if it is missing or damaged."""
    if isinstance(value, str):
        if not value.startswith(_NOTE) or len(value) > 10_000:
            return None
        try:
            value = json.loads(value.removeprefix(_NOTE))
        except (ValueError, RecursionError):
            return None
    try:
        cue, start, end = value["cue"], value["start"], value["end"]
        file_db = float(value["file_db"])
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    is_range = all(type(place) is int for place in (start, end)) and (
        -MOST_SAMPLES < start < end < MOST_SAMPLES
    )
    if not isinstance(cue, str) or not is_range or not -240.0 <= file_db <= 240.0:
        return None
    file, onset = value.get("file"), value.get("onset")
    return Origin(
        cue=cue,
        start=start,
        end=end,
        file_db=file_db,
        file=file if isinstance(file, str) else "",
        onset=onset if type(onset) is int else None,
    )
