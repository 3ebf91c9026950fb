"""Read the rows of text tables, numbered, with none lost to a stray quote or byte.

Each line is parsed by itself, because an unclosed quote would otherwise swallow the lines after it.
"""

import csv
import dataclasses
import json
import math
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from data_pipeline.annotations.records import AnnotationError, RowError
from temporal_foley.files.reading import read_whole

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LARGEST_BYTES = 2 << 30
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a file; `problem` says why it could not be split into cells."""

    file: str
    line: int
    text: str
    cells: tuple[str, ...] = ()
    problem: str = ""


def read_content(path: Path) -> bytes:
    """Return the bytes of a text file as UTF-8, decoded by its byte order mark.

    Raises:
        AnnotationError: The file cannot be read, is binary, or is a pointer of Git LFS.
    """
    try:
        content = read_whole(path, _LARGEST_BYTES)
    except OSError as error:
        raise AnnotationError(f"cannot be read ({error.strerror})", path=path) from None
    if content.startswith(_LFS_POINTER):
        raise AnnotationError(
            "is a pointer of Git LFS, not the file", path=path, remedy="run git lfs pull"
        )
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            # Broken UTF-8 is reported with its line; of broken UTF-16 the rest is read.
            errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
            text = content[len(mark) :].decode(encoding, errors=errors)
            return text.encode("utf-8", errors="surrogateescape")
    if b"\x00" in content[:4096]:
        raise AnnotationError("is not a text file", path=path)
    return content


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        AnnotationError: The file cannot be read, or is not JSON.
    """
    try:
        return json.loads(read_content(path))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"is not JSON ({error})", path=path) from None


def read_rows(
    path: Path, delimiter: str = ",", *, quoted: bool = True, comment: str = ""
) -> list[Row]:
    """Read the rows of a table, except blank lines and those that begin with `comment`."""
    rows: list[Row] = []
    for number, raw in enumerate(read_content(path).splitlines(), 1):
        text = raw.decode("utf-8", errors="replace")
        if not text.strip() or (comment and text.startswith(comment)):
            continue
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            problem = "is not UTF-8 text"
            rows.append(Row(file=str(path), line=number, text=text, problem=problem))
            continue
        if not quoted or '"' not in text:
            cells = text.split() if delimiter == " " else text.split(delimiter)
        else:
            try:
                cells = next(
                    csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True)
                )
            except csv.Error:
                problem = "has a quote that is not closed"
                rows.append(Row(file=str(path), line=number, text=text, problem=problem))
                continue
        stripped = tuple(cell.strip() for cell in cells)
        rows.append(Row(file=str(path), line=number, text=text, cells=stripped))
    return rows


def take_header(rows: Sequence[Row], known: Collection[str]) -> tuple[tuple[str, ...], list[Row]]:
    """Return the names of the columns, and the rows below the line that has them.

    A first row whose cells are not all `known` is not a header; the names are then empty.
    """
    allowed = {name.casefold() for name in known}
    if rows and rows[0].cells and all(cell.casefold() in allowed for cell in rows[0].cells):
        return tuple(cell.casefold() for cell in rows[0].cells), list(rows[1:])
    return (), list(rows)


def guess_delimiter(path: Path) -> str:
    """Return a tab if the first line has one, else a comma."""
    first = read_content(path).split(b"\n", 1)[0]
    return "\t" if b"\t" in first else ","


def seconds(text: str) -> float:
    """Read a number of seconds.

    Raises:
        RowError: It is not a finite number.
    """
    try:
        value = float(text)
    except ValueError:
        raise RowError("has a time that is not a number") from None
    if not math.isfinite(value):
        raise RowError("has a time that is not a number")
    return value


def clock_seconds(text: str) -> float:
    """Read a time of day such as `01:02:03.456`.

    Raises:
        RowError: It is written in another way.
    """
    match = re.fullmatch(r"(\d{1,4}):([0-5]\d):([0-5]\d(?:\.\d+)?)", text)
    if match is None:
        raise RowError("has a time that is not hours:minutes:seconds")
    hours, minutes, rest = match.groups()
    return round(int(hours) * 3600 + int(minutes) * 60 + float(rest), 6)


def youtube_id(text: str) -> str:
    """Check the name of a video on YouTube.

    Raises:
        RowError: It does not have the 11 characters of such names, so there is no such video.
    """
    if not _YOUTUBE_ID.fullmatch(text):
        raise RowError("names no video: YouTube's names have 11 letters")
    return text


def files_of(path: Path, belongs: Callable[[Path], bool]) -> list[Path]:
    """Return a file itself, or those in a folder and below that belong to a set.

    Raises:
        AnnotationError: There is nothing at the path, or nothing of the set in the folder.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise AnnotationError("no such file or folder", path=path)
    found = [file for file in sorted(path.rglob("*")) if file.is_file() and belongs(file)]
    if not found:
        raise AnnotationError(
            "holds no file that this reader knows", path=path, remedy="name the file itself"
        )
    return found
