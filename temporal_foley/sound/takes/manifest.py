"""Read the manifest of a sound library: the text of `library.toml` in, checked records out."""

import dataclasses
import math
import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from temporal_foley.effects import KINDS
from temporal_foley.errors import LibraryError
from temporal_foley.files.reading import file_cause, read_whole

MANIFEST_NAME = "library.toml"

_EFFECT = re.compile(r"[a-z][a-z0-9_]{0,47}")
_RECORD = re.compile(r"^\s*\[\[\s*take\s*\]\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LARGEST_BYTES = 16 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakeRecord:
    """One `[[take]]` of a manifest; `path` is the file that `file` names."""

    effect: str
    file: str
    path: Path
    licence: str
    line: int
    credit: str = ""
    kind: str | None = None
    anchor_s: float | None = None
    loop_start_s: float | None = None
    loop_end_s: float | None = None
    loop_join_s: float | None = None
    loop_alike: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    gain_db: float = 0.0
    sha256: str | None = None
    """What the file was when a catalogue took it in; a manifest does not say."""

    @property
    def landmarks(self) -> tuple[float | None, ...]:
        """What the record says of the places in its file."""
        return (
            *(self.anchor_s, self.loop_start_s, self.loop_end_s, self.loop_join_s),
            *(self.loop_alike, self.start_s, self.end_s),
        )


def read_manifest(manifest: Path) -> tuple[str, tuple[TakeRecord, ...]]:
    """Return the library's name and its records, all files checked to lie in its folder.

    Raises:
        LibraryError: The manifest cannot be read or a record is wrong; the text names the line.
    """
    try:
        text = read_whole(manifest, _LARGEST_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise LibraryError(
            f"{manifest}: no such file; a sound library is a folder with a {MANIFEST_NAME}, or one "
            "that `library add` made"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(
            f"{manifest}: cannot be read as UTF-8 text ({file_cause(error)})"
        ) from None
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise LibraryError(f"{manifest}: {error}") from None
    return _library_name(document, manifest), _records(document, text, manifest)


def _library_name(document: dict[str, Any], manifest: Path) -> str:
    unknown = sorted(set(document) - {"name", "take"})
    if unknown:
        raise LibraryError(f"{manifest}: unknown key {unknown[0]!r}; there are: name, [[take]]")
    name = document.get("name", manifest.resolve().parent.name)
    if not _is_plain_text(name) or not name:
        raise LibraryError(f"{manifest}: name must be text on one line, got {name!r:.60}")
    return name


def _records(document: dict[str, Any], text: str, manifest: Path) -> tuple[TakeRecord, ...]:
    takes = document.get("take", [])
    if not isinstance(takes, list) or not takes:
        raise LibraryError(f"{manifest}: holds no [[take]] record")
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines, 1) if _RECORD.match(line)]
    if len(starts) != len(takes):
        raise LibraryError(f"{manifest}: write every record as [[take]] on a line of its own")
    folder = manifest.resolve().parent
    records: dict[str, list[TakeRecord]] = {}
    for take, start, end in zip(takes, starts, [*starts[1:], len(lines) + 1], strict=True):
        try:
            record = check_record(take, folder, start)
            _check_against(record, records.get(record.file, []))
        except ValueError as error:
            line = _line_of(str(error), lines, start, end)
            raise LibraryError(f"{manifest}, line {line}: {error}") from None
        records.setdefault(record.file, []).append(record)
    found = [record for same in records.values() for record in same]
    return tuple(sorted(found, key=lambda record: record.line))


def check_record(
    take: dict[str, Any], folder: Path, line: int, sha256: str | None = None
) -> TakeRecord:
    """Check what is said of a take; its file must lie in the folder.

    Raises:
        ValueError: Something is wrong; the text begins with its key.
    """
    unsaid = ("path", "line", "sha256")
    known = [f.name for f in dataclasses.fields(TakeRecord) if f.name not in unsaid]
    for key, value in take.items():
        if key not in known:
            raise ValueError(f"{key} is not a known key; there are: {', '.join(known)}")
        if key.endswith(("_s", "_db", "_alike")):
            take[key] = _number(key, value)
        elif not _is_plain_text(value):
            raise ValueError(f"{key} must be text on one line, got {value!r:.60}")
    for key in ("effect", "file", "licence"):
        if not take.get(key):
            raise ValueError(f"{key} must be given")
    path = file_inside(folder, take["file"])
    record = TakeRecord(path=path, line=line, sha256=sha256, **take)
    if not _EFFECT.fullmatch(record.effect):
        raise ValueError(f"effect must be the name of an effect, got {record.effect!r:.60}")
    if record.kind is not None and record.kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {record.kind!r:.60}")
    if not -60.0 <= record.gain_db <= 24.0:
        raise ValueError(f"gain_db must be in [-60, 24], got {record.gain_db}")
    for key in ("anchor_s", "loop_start_s", "loop_end_s", "loop_join_s", "start_s", "end_s"):
        if (value := getattr(record, key)) is not None and value < 0.0:
            raise ValueError(f"{key} must be at least 0, got {value}")
    if (record.loop_start_s is None) != (record.loop_end_s is None):
        raise ValueError("loop_start_s and loop_end_s must be given together")
    if record.loop_start_s is not None and record.loop_start_s >= (record.loop_end_s or 0.0):
        raise ValueError(f"loop_end_s must be after loop_start_s, got {record.loop_end_s}")
    _check_range(record)
    return record


def _check_range(record: TakeRecord) -> None:
    if record.loop_alike is not None and not 0.0 <= record.loop_alike <= 1.0:
        raise ValueError(f"loop_alike must be in [0, 1], got {record.loop_alike}")
    if record.end_s is not None and record.end_s <= (record.start_s or 0.0):
        raise ValueError(f"end_s must be after start_s, got {record.end_s}")
    for key in ("anchor_s", "loop_start_s"):
        if (value := getattr(record, key)) is not None and value < (record.start_s or 0.0):
            raise ValueError(f"{key} must not be before start_s, got {value}")
    for key in ("anchor_s", "loop_end_s"):
        value = getattr(record, key)
        if None not in (value, record.end_s) and value > record.end_s:
            raise ValueError(f"{key} must not be after end_s, got {value}")


def file_inside(folder: Path, file: str) -> Path:
    """Return the regular file inside the folder that a record names; nothing else is opened.

    Raises:
        ValueError: The name leads elsewhere, or there is no such file.
    """
    parts = PurePosixPath(file)
    if "\\" in file or parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
        raise ValueError(
            f"file must be a path inside the library, with forward slashes and no .., got {file!r}"
        )
    try:
        path = (folder / parts).resolve(strict=True)
    except (OSError, RuntimeError):
        raise ValueError(f"file {file!r} is not there; bring it back, or delete its row") from None
    if not path.is_relative_to(folder):
        raise ValueError(f"file {file!r} is a link that leads out of the library")
    if not path.is_file():
        raise ValueError(f"file {file!r} is not a regular file")
    return path


def _check_against(record: TakeRecord, earlier: list[TakeRecord]) -> None:
    for other in earlier:
        if other.effect == record.effect:
            raise ValueError(f"file {record.file!r} is listed twice, first on line {other.line}")
        if other.landmarks != record.landmarks:
            raise ValueError(
                f"file {record.file!r} has another anchor or loop than on line {other.line}"
            )


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key} must be a finite number, got {value!r:.60}")
    if abs(value) > 1e6:
        raise ValueError(f"{key} is out of range, got {value!r:.60}")
    return float(value)


def _is_plain_text(value: Any) -> bool:
    return isinstance(value, str) and not _CONTROL.search(value) and len(value) <= 1000


def _line_of(message: str, lines: list[str], start: int, end: int) -> int:
    """Find the line of the record that sets the key an error speaks of."""
    key = re.match(r"[a-z_]+", message)
    for number in range(start, end):
        if key and re.match(rf"\s*{key.group()}\s*=", lines[number - 1]):
            return number
    return start
