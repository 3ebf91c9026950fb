"""The catalogue of a library: what is known of each sound in its folder, as a table to correct.

`library.tsv` is tab-separated text with a header, so that any spreadsheet opens it. Of another
table (`library add --table`) only the columns `file` and one more need to be there.
"""

import csv
import dataclasses
import difflib
import hashlib
import io
import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from temporal_foley.errors import LibraryError, one_line
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.sound.takes.manifest import TakeRecord, check_record

CATALOGUE_NAME = "library.tsv"
_LARGEST_BYTES = 256 << 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CatalogueRow:
    """One sound of a library. The columns that people correct come first."""

    file: str
    effect: str = ""
    """Empty: none of the vocabulary."""
    use: bool = False
    confidence: float = 0.0
    by: str = ""
    """What it was recognised by; `table` where a person said so."""
    licence: str = ""
    credit: str = ""
    kind: str = ""
    gain_db: float = 0.0
    marks: str = ""
    """What speaks against it: clipped, noisy, quiet."""
    start_s: float | None = None
    end_s: float | None = None
    anchor_s: float | None = None
    loop_start_s: float | None = None
    loop_end_s: float | None = None
    loop_join_s: float | None = None
    loop_alike: float | None = None
    seconds: float = 0.0
    rate_hz: int = 0
    channels: int = 0
    level_lufs: float | None = None
    peak_dbfs: float | None = None
    noise_db: float | None = None
    onsets_s: str = ""
    """Times, with spaces between."""
    origin: str = ""
    """What it was added from."""
    sha256: str = ""
    content: str = ""
    fingerprint: str = ""
    check: str = ""
    """Two hashes, written with the row: over what was measured, and over what may be corrected."""


COLUMNS = tuple(field.name for field in dataclasses.fields(CatalogueRow))
CORRECTABLE = COLUMNS[1 : COLUMNS.index("loop_alike") + 1]
"""The columns of a table that `library add --table` takes over."""
_MEASURED = COLUMNS[len(CORRECTABLE) + 1 : -1]
_CHECK_PART = 9


def read_catalogue(path: Path) -> list[CatalogueRow]:
    """Read a catalogue; a file is there once only.

    Raises:
        LibraryError: It cannot be read, or a cell is wrong; the text names the line.
    """
    rows: list[CatalogueRow] = []
    seen: dict[str, int] = {}
    for line, cells in read_table(path):
        try:
            if not rows:
                _check_columns(cells)
            row = CatalogueRow(**_typed(cells))
            if row.check and not row.check.startswith(_check(row)[:_CHECK_PART]):
                raise ValueError(
                    f"what was measured of {row.file!r:.80} has changed; delete the line and run "
                    "`library add` on the library itself"
                )
        except ValueError as error:
            raise LibraryError(f"{path}, line {line}: {error}") from None
        if row.file in seen:
            raise LibraryError(
                f"{path}, line {line}: file {row.file!r} is listed twice, first on line "
                f"{seen[row.file]}"
            )
        seen[row.file] = line
        rows.append(row)
    return rows


def was_changed(row: CatalogueRow) -> bool:
    """Tell whether a row that was read is not as the program wrote it, by hand or by damage."""
    return bool(row.check) and row.check != _check(row)


def read_table(path: Path, *, by_hand: bool = False) -> list[tuple[int, dict[str, str]]]:
    """Read a table with a header that has a column `file`: line numbers and cells.

    One written `by_hand` may name its columns in capitals, and in American spelling.

    Raises:
        LibraryError: It is no such table; the text says what is wrong.
    """
    try:
        text = read_whole(path, _LARGEST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(
            f"{path}: cannot be read as UTF-8 text ({file_cause(error)}); save it as that, or "
            "bring back a copy"
        ) from None
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        # Lines end where a spreadsheet ends them, not wherever Unicode knows a break.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise LibraryError(f"{path}: not a table ({error})") from None
    if not lines:
        raise LibraryError(f"{path}: is empty; delete it, and run `library add` on the library")
    head = [cell.strip() for cell in lines[0][1]]
    if by_hand:
        head = [cell.lower().replace("license", "licence") for cell in head]
    if "file" not in head:
        raise LibraryError(f"{path}: the first line must name the columns, `file` among them")
    if len(set(head)) != len(head):
        raise LibraryError(f"{path}: a column is there twice")
    found = []
    for line, cells in lines[1:]:
        if len(cells) > len(head):
            raise LibraryError(f"{path}, line {line}: has {len(cells)} cells, not {len(head)}")
        padded = [*cells, *[""] * (len(head) - len(cells))]
        found.append(
            (line, {name: cell.strip(" ") for name, cell in zip(head, padded, strict=True)})
        )
    return found


def corrections(path: Path, effects: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read what a person's table says of each file: the columns that are there, of the right type.

    Raises:
        LibraryError: The table or a cell is wrong, or an effect is none of those there are.
    """
    said: dict[str, dict[str, Any]] = {}
    for line, cells in read_table(path, by_hand=True):
        try:
            values = _typed({k: v for k, v in cells.items() if k in (*CORRECTABLE, "file")})
            if values.get("effect", "") not in ("", *effects):
                raise ValueError(
                    f"effect {values['effect']!r} is not known; there are: {', '.join(effects)}"
                )
        except ValueError as error:
            raise LibraryError(f"{path}, line {line}: {error}") from None
        said[values.pop("file")] = values
    return said


def write_catalogue(rows: Iterable[CatalogueRow], path: Path) -> None:
    """Write a catalogue over the one that stands there, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in sorted(rows, key=lambda row: row.file):
                cells = {column: _cell(getattr(row, column)) for column in COLUMNS}
                # Of the row as it will be read, after rounding.
                cells["check"] = _check(CatalogueRow(**_typed(cells)))
                writer.writerow(cells.values())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LibraryError(f"{path}: cannot be written ({error.strerror})") from None


def take_records(path: Path) -> tuple[TakeRecord, ...]:
    """Return the takes that a catalogue offers: rows with an effect that are in use.

    Raises:
        LibraryError: A row is wrong; the text names the line.
    """
    folder = path.resolve().parent
    records: list[TakeRecord] = []
    for line, row in enumerate(read_catalogue(path), 2):
        if not (row.use and row.effect):
            continue
        said = {
            key: getattr(row, key)
            for key in ("effect", "file", "licence", "credit", "kind", "gain_db", *_PLACES)
            if getattr(row, key) not in ("", None)
        }
        said.setdefault("licence", "unknown")
        try:
            records.append(check_record(said, folder, line, row.sha256 or None))
        except ValueError as error:
            raise LibraryError(f"{path}, row of {row.file!r}: {error}") from None
    return tuple(records)


_PLACES = (
    *("start_s", "end_s", "anchor_s"),
    *("loop_start_s", "loop_end_s", "loop_join_s", "loop_alike"),
)
_HINTS = get_type_hints(CatalogueRow)


def _check_columns(cells: dict[str, str]) -> None:
    """Refuse a head in which a column may have lost its name; further columns are left alone."""
    missing = [name for name in COLUMNS if name not in cells]
    unknown = [name for name in cells if name not in COLUMNS]
    if missing and unknown:
        near = difflib.get_close_matches(unknown[0], missing, 1) or missing
        raise ValueError(f"column {unknown[0]!r} is not known; should it be {near[0]!r}?")


def _check(row: CatalogueRow) -> str:
    # Letters before the digits: a spreadsheet would take 12e34567 for a number.
    parts = (("m", _MEASURED), ("c", ("file", *CORRECTABLE)))
    return "".join(
        (letter + hashlib.sha256(repr([getattr(row, n) for n in names]).encode()).hexdigest())[
            :_CHECK_PART
        ]
        for letter, names in parts
    )


def _typed(cells: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, text in cells.items():
        if key not in _HINTS:
            continue
        if _CONTROL.search(text):
            raise ValueError(f"{key} must be text on one line, got {text!r:.60}")
        kind = _HINTS[key]
        if kind is str:
            values[key] = text
        elif kind is bool:
            if text.lower() not in ("yes", "no", "true", "false", "1", "0", ""):
                raise ValueError(f"{key} must be yes or no, got {text!r:.60}")
            values[key] = text.lower() in ("yes", "true", "1")
        elif text:
            values[key] = _number(key, text, int if kind is int else float)
    if not values.get("file"):
        raise ValueError("file must be given")
    return values


def _number(key: str, text: str, kind: type) -> float | int:
    try:
        # Some spreadsheets write a comma where others write a point.
        value = kind(text.replace(",", ".")) if kind is float else int(float(text))
    except (ValueError, OverflowError):
        raise ValueError(f"{key} must be a number, got {text!r:.60}") from None
    if not math.isfinite(value) or abs(value) > 1e9:
        raise ValueError(f"{key} must be a finite number, got {text!r:.60}")
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(round(value, 4)).removesuffix(".0")
    return one_line(value)
