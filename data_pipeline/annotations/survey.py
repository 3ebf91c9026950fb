"""Every file of a folder of published annotations: a folder in, a table of what was read out."""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from data_pipeline.annotations.audioset import read_audioset
from data_pipeline.annotations.ave import read_ave, read_table
from data_pipeline.annotations.ave_labels import check_labels
from data_pipeline.annotations.avvp import read_avvp
from data_pipeline.annotations.epic_sounds import read_epic_sounds
from data_pipeline.annotations.greatest_hits import read_greatest_hits
from data_pipeline.annotations.ontology import read_index
from data_pipeline.annotations.records import AnnotationError, Reading
from data_pipeline.annotations.rows import read_content, read_rows
from data_pipeline.annotations.unav100 import read_unav100
from data_pipeline.annotations.vggsound import read_vggsound
from data_pipeline.annotations.visualsound import read_visualsound


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
    """Read every file below a folder with the reader that its name asks for.

    Raises:
        AnnotationError: There is no such folder.
    """
    if not folder.is_dir():
        raise AnnotationError(f"{folder}: no such folder")
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return [_read(file, file.relative_to(folder).as_posix()) for file in files]


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


def format_counts(counts: Counter[str]) -> str:
    """Write counts in one line, the greatest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{number} {text}" for text, number in ordered)


def _read(path: Path, name: str) -> Surveyed:
    for pattern, kind, read in _KINDS:
        if re.search(pattern, name):
            try:
                return read(path, name, kind)
            except AnnotationError as error:
                why = str(error).removeprefix(f"{path}: ")
                return Surveyed(file=name, kind=kind, rejected=1, why=f"whole file: {why}")
    return Surveyed(file=name, kind="unknown", rejected=1, why="whole file: no reader knows it")


def _annotations(reader: Callable[[Path], Reading]) -> "Kind":
    def read(path: Path, name: str, kind: str) -> Surveyed:
        reading = reader(path)
        changed = Counter(remark.reason for remark in reading.remarks)
        why = [format_counts(reading.reasons), format_counts(changed)]
        return Surveyed(
            file=name,
            kind=kind,
            read=reading.rows_read,
            rejected=len(reading.rejected),
            clips=len(reading.clips),
            why="; ".join(text for text in why if text),
        )

    return read


def _check_ave(path: Path, name: str, kind: str) -> Surveyed:
    rows, remarks = check_labels(path)
    why = format_counts(Counter(remark.reason for remark in remarks))
    return Surveyed(
        file=name,
        kind=kind,
        read=rows - len(remarks),
        rejected=len(remarks),
        why=why or "says the same as Annotations.txt",
    )


def _count_order(path: Path, name: str, kind: str) -> Surveyed:
    rows = sum(len(array) for array in read_table(path).values())
    why = "another order, not used" if "_match" in name else "read with Annotations.txt"
    return Surveyed(file=name, kind=kind, read=rows, why=why)


def _count_names(path: Path, name: str, kind: str) -> Surveyed:
    rows = read_rows(path)
    bad = [row for row in rows if row.problem]
    return Surveyed(file=name, kind=kind, read=len(rows) - len(bad), rejected=len(bad))


def _count_index(path: Path, name: str, kind: str) -> Surveyed:
    return Surveyed(file=name, kind=kind, read=len(read_index(path)))


def _count_records(path: Path, name: str, kind: str) -> Surveyed:
    try:
        records = json.loads(read_content(path))
    except ValueError as error:
        raise AnnotationError(f"{path}: is not JSON ({error})") from None
    return Surveyed(file=name, kind=kind, read=len(records))


def _leave_features(path: Path, name: str, kind: str) -> Surveyed:
    rows = sum(len(array) for array in read_table(path).values())
    return Surveyed(file=name, kind=kind, rejected=rows, why=f"{rows} features, not labels")


def _leave(path: Path, name: str, kind: str) -> Surveyed:
    return Surveyed(file=name, kind=kind, why="" if path.stat().st_size else "is empty")


Kind = Callable[[Path, str, str], Surveyed]

# The first pattern that a path holds decides.
_KINDS: tuple[tuple[str, str, Kind], ...] = (
    (r"(^|/)(README|LICEN[CS]E|SOURCE)[^/]*$|\.(md|rst)$", "text for people", _leave),
    (r"(^|/)Annotations\.txt$", "events", _annotations(read_ave)),
    (r"_order(_match)?\.h5$", "split", _count_order),
    (r"(^|/)(labels\w*|mil_labels)\.h5$", "labels as arrays", _check_ave),
    (r"(^|/)\w*feature\w*\.h5$", "features of sound", _leave_features),
    (r"(^|/)AVVP_eval_\w+\.csv$", "events", _annotations(read_avvp)),
    (r"(^|/)AVVP_\w+\.csv$", "classes of clips", _annotations(read_avvp)),
    (
        r"(^|/)vggsound/(\w*test|train|vggsound)\.csv$",
        "classes of clips",
        _annotations(read_vggsound),
    ),
    (r"(^|/)(stat\.csv|Common\.txt)$", "names of classes", _count_names),
    (r"(^|/)test_sets/\w+\.csv$", "names of clips", _annotations(read_visualsound)),
    (r"(^|/)visualsound\.csv$", "classes of clips", _annotations(read_visualsound)),
    (r"(^|/)greatesthit\.csv$", "events", _annotations(read_greatest_hits)),
    (r"(^|/)(class_labels_indices|audioset_labels)\.csv$", "names of classes", _count_index),
    (r"(^|/)ontology\.json$", "examples of classes", _annotations(read_audioset)),
    (
        r"(^|/)(groundtruth_weak_label_\w+|\w*_segments|audioset)\.csv$",
        "classes of clips",
        _annotations(read_audioset),
    ),
    (r"(^|/)EPIC_Sounds_\w*test\w*\.csv$", "times or videos only", _annotations(read_epic_sounds)),
    (r"(^|/)(EPIC_Sounds|sound_events)_\w+\.csv$", "events", _annotations(read_epic_sounds)),
    (r"(^|/)unav100_annotations\.json$", "events", _annotations(read_unav100)),
    (r"(^|/)ucs/json/\w+\.json$", "names of classes", _count_records),
)
