"""A timeline as a file: `cues.json` in, checked against the model, and out, byte for byte the same.

The fields of the file are those of the model, and beside the samples of a cue their seconds, which
are for the reader only.
"""

import dataclasses
import json
import math
import re
import types
import typing
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from temporal_foley.errors import CueListError
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.timegrid import as_fraction
from temporal_foley.timeline import Cue, Timeline

SCHEMA_VERSION = 2
"""Version 1 is read too: what it lacks has a default."""
# Halves of a letter cannot be written; at a NUL other libraries end a text, ids included.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def write_timeline(timeline: Timeline, path: Path) -> None:
    """Write a timeline as `cues.json`: the same timeline gives the same bytes."""
    # The name of a file may hold bytes that are no text.
    path.write_bytes(timeline_to_json(timeline).encode("utf-8", "replace"))


def timeline_to_json(timeline: Timeline) -> str:
    """Return the text of `cues.json`."""
    document = {"schema": "temporal-foley/cues", "version": SCHEMA_VERSION, **_plain(timeline)}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_timeline(path: Path) -> Timeline:
    """Read a `cues.json`.

    Raises:
        CueListError: The file cannot be read, or a field is wrong; the text names it.
    """
    try:
        text = read_whole(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CueListError(f"{path}: cannot be read ({file_cause(error)})") from None
    try:
        return timeline_from_json(text)
    except CueListError as error:
        raise CueListError(f"{path}: {error}") from None


def timeline_from_json(text: str) -> Timeline:
    """Read the text of a `cues.json`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CueListError(f"not JSON ({error})") from None
    if not isinstance(document, dict) or document.pop("schema", None) != "temporal-foley/cues":
        raise CueListError("not a cue list of temporal-foley")
    version = document.pop("version", None)
    if isinstance(version, bool) or version not in (1, SCHEMA_VERSION):
        raise CueListError(f"schema version must be 1 or {SCHEMA_VERSION}, got {version!r}")
    return _read(Timeline, document, "cue list")


def _plain(value: Any) -> Any:
    """Turn the model into what JSON knows; seconds beside samples are for the reader only."""
    if isinstance(value, Cue):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        fields["onset"] = round(float(value.onset), 6)
        fields["offset"] = round(float(value.offset), 6)
        return fields
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, float):
        return round(value, 6)
    return value


def _read(kind: Any, value: Any, where: str) -> Any:
    """Check a JSON value against a type of the model and build it."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, value, where)
    if origin is types.UnionType:
        inner = [part for part in parts if part is not type(None)]
        return None if value is None else _read(inner[0], value, where)
    if origin is Literal:
        if value not in parts:
            raise CueListError(f"{where} must be one of {', '.join(parts)}, got {value!r}")
        return value
    if origin is tuple:
        return _read_list(parts, value, where)
    if kind is Fraction:
        try:
            return as_fraction(value if isinstance(value, str) else math.nan)
        except (ValueError, ZeroDivisionError):
            raise CueListError(f'{where} must be a ratio such as "25/1", got {value!r}') from None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**53 else math.inf
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CueListError(f"{where} must be {kind.__name__}, got {value!r:.60}")
    if isinstance(value, float) and not math.isfinite(value):
        raise CueListError(f"{where} must be a finite number, got {value}")
    if isinstance(value, str) and _NO_TEXT.search(value):
        raise CueListError(f"{where} is no Unicode text: {value!r:.60}")
    if kind is int and isinstance(value, int) and abs(value) >= 2**53:
        raise CueListError(f"{where} is out of range: {value!r:.60}")
    return value


def _read_list(parts: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise CueListError(f"{where} must be a list, got {value!r:.60}")
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(_read(parts[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(value) != len(parts):
        raise CueListError(f"{where} must have {len(parts)} items, got {len(value)}")
    pairs = enumerate(zip(parts, value, strict=True))
    return tuple(_read(part, item, f"{where}[{i}]") for i, (part, item) in pairs)


def _read_record(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise CueListError(f"{where} must be an object, got {value!r:.60}")
    hints = typing.get_type_hints(kind)
    derived = {"onset", "offset"} if kind is Cue else set()
    unknown = sorted(set(value) - set(hints) - derived)
    if unknown:
        raise CueListError(f"{where} has an unknown field {unknown[0]!r}")
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in value:
            fields[field.name] = _read(
                hints[field.name], value[field.name], f"{where}.{field.name}"
            )
        elif field.default is dataclasses.MISSING:
            raise CueListError(f"{where}.{field.name} is missing")
    try:
        return kind(**fields)
    except ValueError as error:
        raise CueListError(f"{where}: {error}") from None
