"""DCASE tables of sound events: TSV in, clips out; also what this package writes itself.

The form of the DCASE challenges and of DESED (Turpault et al., Sound event detection in domestic
environments, DCASE 2019): `filename onset offset event_label`, or for whole clips `filename
event_labels` with commas between classes. A row with a file name and nothing else says that the
file was listened to and holds no event. Further columns (`COLUMNS`) are read where they are there.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import (
    MODALITIES,
    STRENGTHS,
    AnnotatedClip,
    AnnotationError,
    LabelledEvent,
    Reading,
    RowError,
    clip_event,
    make_event,
)
from data_pipeline.annotations.rows import (
    Row,
    files_of,
    read_rows,
    seconds,
    split_at,
    take_header,
)

ORIGIN = "dcase"
LICENCE = "as the publisher of the table says"

COLUMNS = (
    "filename",
    "onset",
    "offset",
    "event_label",
    "source",
    "start",
    "end",
    "split",
    "modality",
    "strength",
    "origin",
    "licence",
)
_DEFAULT = COLUMNS[:4]
_WEAK = ("filename", "event_labels")
_NOTHING = ("", "nan", "none")
# DESED and DCASE 2017 cut from YouTube and say from where to where in the name.
_YOUTUBE_CUT = re.compile(r"Y?([A-Za-z0-9_-]{11})_(\d+\.\d+)_(\d+\.\d+)")


def read_dcase(path: Path) -> Reading:
    """Read one table, or all `.tsv` of a folder; without column names it is the form of four.

    Raises:
        AnnotationError: A file cannot be read.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    return path.suffix.casefold() == ".tsv"


def _read_file(path: Path) -> Reading:
    rows = read_rows(path, split_at(path))
    names, rows = take_header(rows, (*COLUMNS, "event_labels", "confidence"), _DEFAULT)
    needed = _WEAK if "event_labels" in names else _DEFAULT
    if missing := [name for name in needed if name not in names]:
        raise AnnotationError(f"{path}: its first line must name the column {missing[0]}")

    def read(row: Row) -> AnnotatedClip:
        # Many programs leave out the cells after the file name where there is no event.
        cells = row.cells + ("",) * (len(names) - len(row.cells))
        if len(cells) != len(names):
            raise RowError("has the wrong number of columns")
        return _clip(dict(zip(names, cells, strict=True)))

    return collect(rows, read)


def _clip(field: Mapping[str, str]) -> AnnotatedClip:
    file = field["filename"]
    if not file:
        raise RowError("names no file")
    source, start_s, end_s = _place(field)
    length_s = None if end_s is None else end_s - start_s
    return AnnotatedClip(
        source=source,
        clip=file,
        start_s=start_s,
        end_s=end_s,
        split=field.get("split") or None,
        events=_events(field, length_s),
        origin=field.get("origin") or ORIGIN,
        licence=field.get("licence") or LICENCE,
    )


def _place(field: Mapping[str, str]) -> tuple[str, float, float | None]:
    """Tell which recording a clip is of, and from where to where."""
    stem = Path(field["filename"].replace("\\", "/")).stem
    if "source" in field:
        start_s = seconds(field.get("start") or "0")
        end_s = seconds(field["end"]) if field.get("end") else None
        if start_s < 0 or (end_s is not None and end_s <= start_s):
            raise RowError("has a clip that ends where it begins or before")
        return field["source"] or stem, start_s, end_s
    match = _YOUTUBE_CUT.fullmatch(stem)
    if match is not None and float(match[3]) > float(match[2]):
        return match[1], float(match[2]), float(match[3])
    return stem, 0.0, None


def _events(field: Mapping[str, str], length_s: float | None) -> tuple[LabelledEvent, ...]:
    modality, strength = field.get("modality") or "audio", field.get("strength") or "frame"
    if modality not in MODALITIES or strength not in STRENGTHS:
        raise RowError(f"should have a modality of {MODALITIES} and a strength of {STRENGTHS}")
    if "event_labels" in field:
        labels = [label.strip() for label in field["event_labels"].split(",")]
        return tuple(
            clip_event(label, length_s, modality="audio")
            for label in dict.fromkeys(labels)
            if label.casefold() not in _NOTHING
        )
    onset, offset, label = field["onset"], field["offset"], field["event_label"]
    if all(cell.casefold() in _NOTHING for cell in (onset, offset, label)):
        return ()
    offset_s = None if offset == "" else seconds(offset)
    event = make_event(
        label,
        seconds(onset),
        offset_s,
        length_s=length_s,
        modality=modality,  # type: ignore[arg-type]
        strength=strength,  # type: ignore[arg-type]
    )
    return (event,)
