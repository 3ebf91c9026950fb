"""Read and write the catalogue of a library, a table of its sounds that people may correct.

`library.tsv` is tab-separated text with a header, which any spreadsheet opens. A table written by
hand needs only the columns `file`, `effect` and `licence`; one for `library add --table` needs
`file` and any column to correct.
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
from temporal_foley.files.records import RecordError, read_record
from temporal_foley.sound.takes.digital_source import read_digital_source
from temporal_foley.sound.takes.manifest import TakeRecord, file_inside

CATALOGUE_NAME = "library.tsv"
_LARGEST_BYTES = 256 << 20
_YES_OR_NO = {
    "yes": True,
    "true": True,
    "1": True,
    "no": False,
    "false": False,
    "0": False,
    "": False,
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CatalogueRow:
    """One sound of a library; the columns that people may correct come first."""

    file: str
    effect: str = ""
    """Empty if it is none of the vocabulary."""
    use: bool = False
    confidence: float = 0.0
    by: str = ""
    """The method of recognition; `table` for a correction by a person."""
    licence: str = ""
    credit: str = ""
    digital_source: str = ""
    """Recorded if empty, or as `read_digital_source` reads it."""
    kind: str = ""
    gain_db: float = 0.0
    marks: str = ""
    """Faults: clipped, noisy, quiet."""
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
    """Times separated by spaces."""
    origin: str = ""
    """The source that it was added from."""
    sha256: str = ""
    content: str = ""
    """SHA-256 of its samples."""
    check: str = ""
    """Two hashes of the row as it was written: of measured columns, and of correctable ones."""


COLUMNS = tuple(field.name for field in dataclasses.fields(CatalogueRow))
CORRECTABLE = COLUMNS[1 : COLUMNS.index("loop_alike") + 1]
"""The columns that `library add --table` reads."""
_MEASURED = COLUMNS[len(CORRECTABLE) + 1 : -1]
_CHECK_PART = 9


def read_catalogue(path: Path) -> list[CatalogueRow]:
    """Read a catalogue, in which a file may be listed only once.

    Raises:
        LibraryError: It cannot be read, or a cell is wrong; the text names the line.
    """
    rows: list[CatalogueRow] = []
    seen: dict[str, int] = {}
    for line, cells in read_table(path):
        try:
            if not rows:
                _check_columns(cells)
            # Without that column the table was written by hand, to be used.
            row = CatalogueRow(**_typed({"use": "yes"} | cells))
            if _is_checked(row) and not row.check.startswith(_check(row)[:_CHECK_PART]):
                raise RecordError(
                    "check",
                    f"shows that the measurements of {row.file!r:.80} were changed; delete the "
                    "line and run `library add` on the library itself",
                )
        except RecordError as error:
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
    """Return whether a row was changed since the program wrote it, by hand or by damage."""
    return _is_checked(row) and row.check != _check(row)


def read_table(path: Path, *, by_hand: bool = False) -> list[tuple[int, dict[str, str]]]:
    """Read a table with a header that has a column `file`; return line numbers and cells.

    Args:
        path: The table, separated by tabs or commas.
        by_hand: Also accept column names in capitals and in American spelling.

    Raises:
        LibraryError: It is not such a table; the text states the problem.
    """
    try:
        text = read_whole(path, _LARGEST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(
            f"cannot be read as UTF-8 text ({file_cause(error)})",
            path=path,
            remedy="save it as UTF-8, or restore a copy",
        ) from None
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        # Lines end where a spreadsheet ends them, not at every Unicode line separator.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise LibraryError(f"not a table ({error})", path=path) from None
    if not lines:
        raise LibraryError(
            "is empty", path=path, remedy="delete it, and run `library add` on the library"
        )
    head = [cell.strip() for cell in lines[0][1]]
    if by_hand:
        head = [cell.lower().replace("license", "licence") for cell in head]
    if "file" not in head:
        raise LibraryError("the first line must name the columns, `file` among them", path=path)
    if len(set(head)) != len(head):
        raise LibraryError("a column is listed twice", path=path)
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
    """Read a person's table of corrections: the values given for each file.

    Raises:
        LibraryError: The table or a cell is wrong, or an effect is unknown.
    """
    said: dict[str, dict[str, Any]] = {}
    for line, cells in read_table(path, by_hand=True):
        try:
            values = _typed({k: v for k, v in cells.items() if k in (*CORRECTABLE, "file")})
            if values.get("effect", "") not in ("", *effects):
                raise RecordError(
                    "effect", f"{values['effect']!r} is not known; known: {', '.join(effects)}"
                )
        except RecordError as error:
            raise LibraryError(f"{path}, line {line}: {error}") from None
        said[values.pop("file")] = values
    return said


def write_catalogue(rows: Iterable[CatalogueRow], path: Path) -> None:
    """Write a catalogue, replacing an existing one only when it is complete."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in sorted(rows, key=lambda row: row.file):
                cells = {column: _cell(getattr(row, column)) for column in COLUMNS}
                # For the row as it will be read, after rounding.
                cells["check"] = _check(CatalogueRow(**_typed(cells)))
                writer.writerow(cells.values())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LibraryError(f"cannot be written ({error.strerror})", path=path) from None


def take_records(path: Path) -> tuple[TakeRecord, ...]:
    """Return the takes of a catalogue: the rows in use that have an effect.

    Raises:
        LibraryError: A row is wrong; the text names the line.
    """
    folder = path.resolve().parent
    records: list[TakeRecord] = []
    for row in read_catalogue(path):
        if not (row.use and row.effect):
            continue
        said = {
            key: getattr(row, key)
            for key in (f.name for f in dataclasses.fields(TakeRecord))
            if getattr(row, key) not in ("", None)
        }
        said.setdefault("licence", "unknown")
        try:
            records.append(read_record(TakeRecord, said))
            file_inside(folder, row.file)
        except RecordError as error:
            raise LibraryError(f"{path}, row of {row.file!r}: {error}") from None
    return tuple(records)


_HINTS = get_type_hints(CatalogueRow)


def _check_columns(cells: dict[str, str]) -> None:
    """Refuse a header in which a column seems to be misspelt; other extra columns are ignored."""
    missing = [name for name in COLUMNS if name not in cells]
    unknown = [name for name in cells if name not in COLUMNS]
    if missing and unknown:
        near = difflib.get_close_matches(unknown[0], missing, 1) or missing
        raise RecordError("column", f"{unknown[0]!r} is not known; did you mean {near[0]!r}?")


def _is_checked(row: CatalogueRow) -> bool:
    # Hashes of earlier releases begin with another letter; their rows had other columns.
    return row.check.startswith("n")


def _check(row: CatalogueRow) -> str:
    # Tables of earlier releases have no such column, and their hashes stay valid.
    later = () if row.digital_source else ("digital_source",)
    # Letters before the digits, or a spreadsheet would read 12e34567 as a number.
    parts = (("n", _MEASURED), ("c", ("file", *CORRECTABLE)))
    hashed = ""
    for letter, names in parts:
        cells = repr([getattr(row, name) for name in names if name not in later])
        hashed += (letter + hashlib.sha256(cells.encode()).hexdigest())[:_CHECK_PART]
    return hashed


def _typed(cells: dict[str, str]) -> dict[str, Any]:
    """Convert the cells of known columns; empty numbers are left out."""
    values: dict[str, Any] = {}
    for key, text in cells.items():
        if key not in _HINTS:
            continue
        if _CONTROL.search(text):
            raise RecordError(key, f"must be text on one line, got {text!r:.60}")
        kind = _HINTS[key]
        if key == "digital_source":
            values[key] = read_digital_source(text) or ""
        elif kind is str:
            values[key] = text
        elif kind is bool:
            if text.lower() not in _YES_OR_NO:
                raise RecordError(key, f"must be yes or no, got {text!r:.60}")
            values[key] = _YES_OR_NO[text.lower()]
        elif text:
            try:
                # Some spreadsheets write a decimal comma.
                value = float(text.replace(",", "."))
            except ValueError:
                value = math.nan
            if not abs(value) <= 1e9:
                raise RecordError(key, f"must be a finite number, got {text!r:.60}")
            values[key] = int(value) if kind is int else value
    if not values.get("file"):
        raise RecordError("file", "must be given")
    return values


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(round(value, 4)).removesuffix(".0")
    return one_line(value)
