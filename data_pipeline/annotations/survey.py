"""Read every file below a folder of published annotations, and say what became of each."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from data_pipeline.annotations.ave_arrays import check_labels, read_arrays
from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.ontology import read_index
from data_pipeline.annotations.records import AnnotationError, Reading
from data_pipeline.annotations.rows import read_json, read_rows

# The sets whose files are recognized by their names alone.
_SETS = ("ave", "avvp", "visualsound", "greatest_hits", "audioset", "epic_sounds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surveyed:
    """What became of one file."""

    file: str
    kind: str
    read: int = 0
    rejected: int = 0
    clips: int = 0
    why: str = ""


def survey(folder: Path) -> list[Surveyed]:
    """Read every file below a folder with the reader for its name.

    Raises:
        AnnotationError: There is no such folder.
    """
    if not folder.is_dir():
        raise AnnotationError("no such folder", path=folder)
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return [_survey_file(file, file.relative_to(folder).as_posix()) for file in files]


def format_survey(surveyed: list[Surveyed]) -> str:
    """Write the table as Markdown, with a line of totals."""
    lines = [
        "| file | what | rows | read | rejected | clips | why |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for row in surveyed:
        total = row.read + row.rejected
        counts = f"{total} | {row.read} | {row.rejected} | {row.clips or ''}"
        lines.append(f"| {row.file} | {row.kind} | {counts} | {row.why} |")
    read, rejected = sum(row.read for row in surveyed), sum(row.rejected for row in surveyed)
    lines.append(f"| {len(surveyed)} files | | {read + rejected} | {read} | {rejected} | | |")
    return "\n".join(lines)


def _survey_file(path: Path, name: str) -> Surveyed:
    for pattern, kind, read in _kinds():
        if re.search(pattern, name, re.IGNORECASE):
            try:
                surveyed = read(path)
                return dataclasses.replace(surveyed, file=name, kind=kind or surveyed.kind)
            except AnnotationError as error:
                why = f"whole file: {str(error).removeprefix(f'{path}: ')}"
                return Surveyed(file=name, kind=kind or "labels", rejected=1, why=why)
    return Surveyed(file=name, kind="unknown", rejected=1, why="whole file: no reader knows it")


def _read_annotations(read: Callable[[Path], Reading], path: Path) -> Surveyed:
    reading = read(path)
    changed = Counter(remark.reason for remark in reading.remarks)
    strengths = {event.strength for clip in reading.clips for event in clip.events}
    kinds = {"frame": "events", "clip": "classes of clips"}
    return _surveyed(
        reading.rows_read,
        kind=kinds[max(strengths)] if strengths else "names of clips",
        rejected=len(reading.rejected),
        clips=len(reading.clips),
        why="; ".join(filter(None, (_format_counts(reading.reasons), _format_counts(changed)))),
    )


def _format_counts(counts: Counter[str]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{number} {text}" for text, number in ordered)


def _surveyed(read: int, **fields: Any) -> Surveyed:
    named: dict[str, Any] = {"file": "", "kind": ""} | fields
    return Surveyed(**named, read=read)


def _check_arrays(path: Path) -> Surveyed:
    rows, remarks = check_labels(path)
    why = _format_counts(Counter(remark.reason for remark in remarks))
    return _surveyed(
        rows - len(remarks), rejected=len(remarks), why=why or "says the same as Annotations.txt"
    )


def _count_orders(path: Path) -> Surveyed:
    rows = sum(len(array) for array in read_arrays(path).values())
    why = "another order, not used" if "_match" in path.name else "read with Annotations.txt"
    return _surveyed(rows, why=why)


def _skip_features(path: Path) -> Surveyed:
    rows = sum(len(array) for array in read_arrays(path).values())
    return _surveyed(0, rejected=rows, why=f"{rows} features, not labels")


def _count_rows(path: Path) -> Surveyed:
    problems = [bool(row.problem) for row in read_rows(path)]
    return _surveyed(problems.count(False), rejected=problems.count(True))


def _skip(path: Path) -> Surveyed:
    return _surveyed(0, why="" if path.stat().st_size else "is empty")


def _kinds() -> Iterator[tuple[str, str, Callable[[Path], Surveyed]]]:
    """Yield patterns of paths, what such files contain, and how to survey them; the first wins."""
    yield r"(^|/)(README|LICEN[CS]E|SOURCE)[^/]*$|\.(md|rst)$", "text for people", _skip
    yield r"_order(_match)?\.h5$", "split", _count_orders
    yield r"(^|/)(labels\w*|mil_labels)\.h5$", "labels as arrays", _check_arrays
    yield r"(^|/)\w*feature\w*\.h5$", "features of sound", _skip_features
    yield r"(^|/)(stat\.csv|Common\.txt)$", "names of classes", _count_rows
    for pattern, read in (
        (r"(class_labels_indices|audioset_labels)\.csv", read_index),
        (r"ucs/json/\w+\.json", read_json),
    ):
        count = lambda path, read=read: _surveyed(len(read(path)))  # noqa: E731
        yield rf"(^|/){pattern}$", "names of classes", count
    for name, pattern in (
        ("visualsound", r"test_sets/\w+\.csv"),
        ("audioset", r"audioset\.csv"),
        ("unav100", r"unav100_annotations\.json"),
        ("vggsound", r"vggsound/(\w*test|train|vggsound)\.csv"),
        *((some, form.files) for some in _SETS for form in READERS[some].formats),
    ):
        yield rf"(^|/)({pattern})$", "", partial(_read_annotations, READERS[name].read)
