"""Define what a library says of a take, and read a hand-written `library.toml`."""

import dataclasses
import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from temporal_foley.errors import LibraryError
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.files.records import RecordError, read_record
from temporal_foley.sound.takes.digital_source import read_digital_source

MANIFEST_NAME = "library.toml"

_EFFECT = re.compile(r"[a-z][a-z0-9_]{0,47}")
_RECORD = re.compile(r"^\s*\[\[\s*take\s*\]\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LARGEST_BYTES = 16 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakeRecord:
    """A take as a catalogue or manifest describes it; times are in seconds of its file."""

    effect: str
    file: str
    licence: str
    credit: str = ""
    digital_source: str | None = None
    kind: Literal["one_shot", "repeated", "loop", "ambience"] | None = None
    anchor_s: float | None = None
    loop_start_s: float | None = None
    loop_end_s: float | None = None
    loop_join_s: float | None = None
    loop_alike: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    gain_db: float = 0.0
    sha256: str | None = None
    """Of the file when it was catalogued; None in a manifest."""

    def __post_init__(self) -> None:
        for key in ("effect", "file", "licence", "credit"):
            text = getattr(self, key)
            if not text and key != "credit":
                raise RecordError(key, "must be given")
            if _CONTROL.search(text) or len(text) > 1000:
                raise RecordError(key, f"must be text on one line, got {text!r:.60}")
        if self.digital_source is not None:
            read_digital_source(self.digital_source)
        if not _EFFECT.fullmatch(self.effect):
            raise RecordError("effect", f"must be the name of an effect, got {self.effect!r:.60}")
        if not -60.0 <= self.gain_db <= 24.0:
            raise RecordError("gain_db", f"must be in [-60, 24], got {self.gain_db}")
        if self.loop_alike is not None and not 0.0 <= self.loop_alike <= 1.0:
            raise RecordError("loop_alike", f"must be in [0, 1], got {self.loop_alike}")
        if (self.loop_start_s is None) != (self.loop_end_s is None):
            raise RecordError("loop_start_s", "and loop_end_s must be given together")
        begin, end = self.start_s or 0.0, 1e6 if self.end_s is None else self.end_s
        ranges = {
            "start_s": (0.0, end),
            "end_s": (begin, 1e6),
            "anchor_s": (begin, end),
            "loop_start_s": (begin, 1e6),
            "loop_end_s": (self.loop_start_s or 0.0, end),
            "loop_join_s": (0.0, 1e6),
        }
        for key, (low, high) in ranges.items():
            value = getattr(self, key)
            if value is not None and not low <= value <= high:
                raise RecordError(key, f"must be in [{low:g}, {high:g}], got {value}")
        if self.loop_start_s is not None and self.loop_start_s == self.loop_end_s:
            raise RecordError("loop_end_s", f"must be after loop_start_s, got {self.loop_end_s}")
        if self.end_s == begin:
            raise RecordError("end_s", f"must be after start_s, got {self.end_s}")

    def same_places(self, other: "TakeRecord") -> bool:
        """Return whether two records name the same times of a file."""
        keys = [f.name for f in dataclasses.fields(self) if f.name.endswith(("_s", "_alike"))]
        return all(getattr(self, key) == getattr(other, key) for key in keys)


def read_manifest(manifest: Path) -> tuple[str, tuple[TakeRecord, ...]]:
    """Return a library's name and its records; their files exist in its folder.

    Raises:
        LibraryError: The manifest cannot be read or a record is wrong; the text names the line.
    """
    try:
        text = read_whole(manifest, _LARGEST_BYTES).decode("utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError:
        raise LibraryError(
            "no such file",
            path=manifest,
            remedy=f"give a folder with a {MANIFEST_NAME}, or one that `library add` made",
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise LibraryError(f"{error}", path=manifest) from None
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(
            f"cannot be read as UTF-8 text ({file_cause(error)})", path=manifest
        ) from None
    unknown = sorted(set(document) - {"name", "take"})
    if unknown:
        raise LibraryError(
            f"unknown key {unknown[0]!r}", path=manifest, remedy="known: name, [[take]]"
        )
    name = document.get("name", manifest.resolve().parent.name)
    if not isinstance(name, str) or not name or _CONTROL.search(name) or len(name) > 1000:
        raise LibraryError(f"name must be text on one line, got {name!r:.60}", path=manifest)
    return name, tuple(_records(document, text, manifest))


def _records(document: dict[str, Any], text: str, manifest: Path) -> list[TakeRecord]:
    takes = document.get("take", [])
    if not isinstance(takes, list) or not takes:
        raise LibraryError("holds no [[take]] record", path=manifest)
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines, 1) if _RECORD.match(line)]
    if len(starts) != len(takes):
        raise LibraryError("write every record as [[take]] on a line of its own", path=manifest)
    folder = manifest.resolve().parent
    records: list[TakeRecord] = []
    first_of: dict[tuple[str, str], int] = {}
    by_file: dict[str, TakeRecord] = {}
    for take, start, end in zip(takes, starts, [*starts[1:], len(lines) + 1], strict=True):
        try:
            record = read_record(TakeRecord, take)
            file_inside(folder, record.file)
            line = first_of.setdefault((record.file, record.effect), start)
            if line != start:
                raise RecordError("file", f"{record.file!r} is listed twice, first on line {line}")
            if not by_file.setdefault(record.file, record).same_places(record):
                raise RecordError(
                    "file", f"{record.file!r} has another anchor or loop in an earlier record"
                )
        except RecordError as error:
            key = re.compile(rf"\s*{re.escape(error.field or ' ')}\s*=")
            line = next((n for n in range(start, end) if key.match(lines[n - 1])), start)
            raise LibraryError(f"{manifest}, line {line}: {error}") from None
        records.append(record)
    return records


def file_inside(folder: Path, file: str) -> Path:
    """Return the regular file inside the folder that a record names; no other file is opened.

    Raises:
        RecordError: The name leads out of the folder, or there is no such file.
    """
    parts = PurePosixPath(file)
    if "\\" in file or parts.is_absolute() or ".." in parts.parts or ":" in file.split("/")[0]:
        raise RecordError(
            "file",
            f"must be a path inside the library, with forward slashes and without .., got {file!r}",
        )
    try:
        path = (folder / parts).resolve(strict=True)
    except (OSError, RuntimeError):
        raise RecordError(
            "file", f"{file!r} does not exist; restore it, or delete its row"
        ) from None
    if not path.is_relative_to(folder):
        raise RecordError("file", f"{file!r} is a link that leads out of the library")
    if not path.is_file():
        raise RecordError("file", f"{file!r} is not a regular file")
    return path
