"""A clip as an editor left it, and what exports note with each clip so that it is known again."""

import dataclasses
import json
from typing import Any

from temporal_foley.session.layout import Clip
from temporal_foley.timeline import Curve

METADATA = "temporal_foley"
FIRST_PICTURE = "First picture"
MOST_BYTES = 64 << 20
"""Of a session: two thousand cues take less than two million."""
MOST_SAMPLES = 1 << 40
_NOTE = "temporal-foley "


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """Which cue a clip was made of, and which samples `[start, end)` of the take its file holds."""

    cue: str
    start: int
    end: int
    file_db: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditedClip:
    """A clip in an edited session; places in samples from the first picture on."""

    name: str
    track: str
    file: str
    origin: Origin | None
    place: int
    length: int
    source_in: int
    is_muted: bool
    gain_db: float | None = None
    """None, here and below: the session says nothing of it."""
    pan: Curve | None = None
    fade_in: int | None = None
    fade_out: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditedSession:
    """All clips of an edited session, and what of it cannot be brought back."""

    clips: tuple[EditedClip, ...]
    warnings: tuple[str, ...] = ()


def origin_of(clip: Clip) -> dict[str, Any]:
    """Return what is noted with a clip, as plain data."""
    media = clip.media
    return {
        "cue": clip.cue,
        "start": media.start,
        "end": media.start + media.samples,
        "file_db": round(clip.file_db, 6),
    }


def origin_note(clip: Clip) -> str:
    """Return the same as one line of text, for formats that keep notes only."""
    return _NOTE + json.dumps(origin_of(clip))


def read_origin(value: Any) -> Origin | None:
    """Read what was noted with a clip; None if it is not there or no longer makes sense."""
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
    if not isinstance(cue, str) or not is_range or not -120.0 <= file_db <= 120.0:
        return None
    return Origin(cue=cue, start=start, end=end, file_db=file_db)
