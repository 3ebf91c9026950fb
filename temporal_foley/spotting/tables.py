"""Write and read the tables for other programs: `scores.tsv` and `events.tsv`.

`scores.tsv` has one row per grid frame, `onset offset <effect> ...`, in seconds and probabilities;
each row begins where the one before ends. `events.tsv` has the form of the DCASE challenges,
`filename onset offset event_label`, and a column `modality` where it is known. Both are
tab-separated UTF-8 with one header line.
"""

import dataclasses
import math
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from temporal_foley.errors import FoleyError
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.timegrid import Seconds, TimeGrid
from temporal_foley.timeline import Event

_EVENT_COLUMNS = ("filename", "onset", "offset", "event_label")
_MODALITY = "modality"
_TIME_DECIMALS = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """The content of a `scores.tsv`: row `i` covers `[bounds_s[i], bounds_s[i + 1])`."""

    effects: tuple[str, ...]
    bounds_s: tuple[float, ...]
    probabilities: Float[np.ndarray, "frames effects"]


class EventRow(NamedTuple):
    """A line of an `events.tsv`."""

    filename: str
    onset: float
    offset: float
    event_label: str
    modality: str = ""


def clean_cell(name: str) -> str:
    """Make a name safe for a row of a table: NFC, without control characters or line breaks."""
    kept = (
        # Cc holds tab and newline, Zl and Zp further line breaks, Cs halves of broken file names.
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs") else letter
        for letter in unicodedata.normalize("NFC", name)
    )
    return "".join(kept).strip() or "unnamed"


def write_scores(
    path: Path,
    probabilities: Float[np.ndarray, "frames effects"],
    grid: TimeGrid,
    effects: Sequence[str],
) -> None:
    """Write `scores.tsv`; an existing file is replaced."""
    if probabilities.shape != (grid.frames, len(effects)):
        raise ValueError(
            f"probabilities must be ({grid.frames} frames, {len(effects)} effects), "
            f"got {probabilities.shape}"
        )

    def lines() -> Iterable[str]:
        yield "\t".join(["onset", "offset", *map(clean_cell, effects)])
        onset = _time(grid.start)
        for frame, row in enumerate(probabilities):
            # Times are rounded once each, so that rows meet exactly at any frame rate.
            offset = _time(grid.time(frame + 1))
            yield "\t".join([onset, offset, *(f"{value:.6f}" for value in row)])
            onset = offset

    _write_lines(path, lines())


def write_events(path: Path, events: Mapping[str, Iterable[Event]]) -> None:
    """Write `events.tsv`: the events of each file, by its name; an existing file is replaced."""
    rows = [
        [
            *(clean_cell(name), _time(event.onset), _time(event.offset)),
            *(clean_cell(event.effect), event.modality or ""),
        ]
        for name, found in events.items()
        for event in found
    ]
    columns = [*_EVENT_COLUMNS, _MODALITY]
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    _write_lines(path, ("\t".join(row) for row in (columns, *rows)))


def read_scores(path: Path) -> ScoreTable:
    """Read a `scores.tsv`.

    Raises:
        FoleyError: The file cannot be read, or a row is wrong; the message names the line.
    """
    header, rows = _read_rows(path)
    if header[:2] != ["onset", "offset"] or len(header) < 3:
        raise FoleyError(f"{path}, line 1: must read onset, offset and one name an effect")
    effects = tuple(header[2:])
    if len(set(effects)) != len(effects):
        raise FoleyError(f"{path}, line 1: names an effect twice")
    bounds: list[float] = []
    values: list[list[float]] = []
    for line, row in rows:
        onset, offset, *chances = _numbers(path, line, row)
        if bounds and onset != bounds[-1]:
            raise FoleyError(f"{path}, line {line}: begins at {onset}, not where the last row ends")
        if onset >= offset:
            raise FoleyError(f"{path}, line {line}: offset must be after {onset}, got {offset}")
        if not all(0.0 <= chance <= 1.0 for chance in chances):
            raise FoleyError(f"{path}, line {line}: probabilities must be in [0, 1]")
        bounds.extend([offset] if bounds else [onset, offset])
        values.append(chances)
    table = np.array(values, np.float32).reshape(len(values), len(effects))
    return ScoreTable(effects=effects, bounds_s=tuple(bounds), probabilities=table)


def read_events(path: Path) -> list[EventRow]:
    """Read an `events.tsv`; a row with only a file name marks a file without events and is skipped.

    Raises:
        FoleyError: The file cannot be read, or a row is wrong; the message names the line.
    """
    header, rows = _read_rows(path)
    if header not in (list(_EVENT_COLUMNS), [*_EVENT_COLUMNS, _MODALITY]):
        raise FoleyError(f"{path}, line 1: must read {', '.join(_EVENT_COLUMNS)}")
    events: list[EventRow] = []
    for line, (name, *times, label, modality) in ((n, (*row, "")[:5]) for n, row in rows):
        if not any([*times, label]):
            continue
        onset, offset = _numbers(path, line, times)
        if not 0.0 <= onset < offset:
            raise FoleyError(f"{path}, line {line}: offset must be after {onset}, got {offset}")
        if not name or not label:
            raise FoleyError(f"{path}, line {line}: filename and event_label must not be empty")
        events.append(EventRow(name, onset, offset, label, modality))
    return events


def _time(seconds: Seconds) -> str:
    text = f"{float(seconds):.{_TIME_DECIMALS}f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", errors="replace", newline="\n") as out:
            out.writelines(f"{line}\n" for line in lines)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FoleyError(f"cannot be written ({error.strerror})", path=path) from None


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns, and each further row with its line number."""
    try:
        text = read_whole(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FoleyError(f"cannot be read as a table ({file_cause(error)})", path=path) from None
    # Not splitlines: a name may hold letters that it takes for line breaks.
    lines = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    header = lines[0]
    for number, row in enumerate(lines[1:], 2):
        if len(row) != len(header):
            raise FoleyError(
                f"{path}, line {number}: must have {len(header)} columns, got {len(row)}"
            )
    return header, list(enumerate(lines[1:], 2))


def _numbers(path: Path, line: int, row: list[str]) -> list[float]:
    try:
        numbers = [float(value) for value in row]
    except ValueError:
        raise FoleyError(f"{path}, line {line}: must hold numbers, got {row!r:.60}") from None
    if not all(map(math.isfinite, numbers)):
        raise FoleyError(f"{path}, line {line}: must hold finite numbers, got {row!r:.60}")
    return numbers
