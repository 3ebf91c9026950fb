"""Read and write `cues.json`: a timeline as a file, checked field by field.

The fields of the file are those of the model. Two things differ: each cue also has its onset and
offset in seconds, for the reader only, and the model that found the events is called `spotter`.
"""

import json
from pathlib import Path
from typing import Any

from temporal_foley.errors import CueListError, meant_file
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.files.records import RecordError, read_record, to_plain
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Timeline

SCHEMA_VERSION = 4
"""Older versions are read too: what they lack has a default."""
_SCHEMA = "temporal-foley/cues"
_NOT_ONE = "give the cues.json in a folder VIDEO.foley"
_KEYS = {"detector": "spotter"}
"""Fields that have another name in the file, which older programs read."""


def write_timeline(timeline: Timeline, path: Path) -> None:
    """Write a timeline as `cues.json`: the same timeline gives the same bytes."""
    # A file name may hold bytes that are not valid UTF-8.
    path.write_bytes(timeline_to_json(timeline).encode("utf-8", "replace"))


def timeline_to_json(timeline: Timeline) -> str:
    """Return the text of `cues.json`."""
    plain = _add_seconds_and_round(to_plain(timeline))
    fields = {_KEYS.get(name, name): value for name, value in plain.items()}
    document = {"schema": _SCHEMA, "version": SCHEMA_VERSION, **fields}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_timeline(path: Path) -> Timeline:
    """Read a `cues.json`.

    Raises:
        CueListError: The file cannot be read, or a field is wrong; the message names it.
    """
    try:
        text = read_whole(path).decode("utf-8")
    except FileNotFoundError:
        raise CueListError("no such file", path=path, remedy=meant_file(path)) from None
    except UnicodeDecodeError:
        raise CueListError("not a cue list", path=path, remedy=_NOT_ONE) from None
    except OSError as error:
        raise CueListError(f"cannot be read ({file_cause(error)})", path=path) from None
    try:
        return timeline_from_json(text)
    except CueListError as error:
        raise CueListError(f"{path}: {error}") from None


def timeline_from_json(text: str) -> Timeline:
    """Read the text of a `cues.json`.

    Raises:
        CueListError: The text is not a cue list, or a field is wrong; the message names it.
    """
    try:
        document = json.loads(text, object_hook=_without_seconds)
    except (ValueError, RecursionError) as error:
        raise CueListError(f"not JSON ({error})") from None
    if not isinstance(document, dict) or document.pop("schema", None) != _SCHEMA:
        raise CueListError("not a cue list of temporal-foley")
    version = document.pop("version", None)
    if isinstance(version, bool) or version not in range(1, SCHEMA_VERSION + 1):
        raise CueListError(f"schema version must be 1 to {SCHEMA_VERSION}, got {version!r}")
    names = {key: field for field, key in _KEYS.items()}
    fields = {names.get(key, key): value for key, value in document.items()}
    try:
        return read_record(Timeline, fields, "cue list")
    except RecordError as error:
        raise CueListError(str(error)) from None


def _add_seconds_and_round(value: Any) -> Any:
    """Add seconds beside the samples of cues, and round numbers to six decimals."""
    if isinstance(value, dict):
        plain = {name: _add_seconds_and_round(item) for name, item in value.items()}
        if "onset_sample" in plain:
            for name in ("onset", "offset"):
                plain[name] = round(plain[f"{name}_sample"] / SAMPLE_RATE_HZ, 6)
        return plain
    if isinstance(value, list | tuple):
        return [_add_seconds_and_round(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def _without_seconds(record: dict[str, Any]) -> dict[str, Any]:
    """Drop what `_add_seconds_and_round` adds to a cue."""
    if "onset_sample" not in record:
        return record
    return {name: value for name, value in record.items() if name not in ("onset", "offset")}
