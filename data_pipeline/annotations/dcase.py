"""Read and write DCASE tables of sound events, with further columns for what clips also have.

The form of the DCASE challenges and of DESED (Turpault et al., Sound event detection in domestic
environments, DCASE 2019): `filename onset offset event_label`, or for whole clips `filename
event_labels` with commas between classes. A row with only a file name says that the file contains
no event.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from data_pipeline.annotations.records import AnnotatedClip, LabelledEvent, Reading, RowError
from data_pipeline.annotations.tables import Format, read_table_formats
from temporal_foley.errors import OutputExistsError

_WRITTEN = (
    "filename onset offset event_label source start end split modality strength origin licence"
)
_NOTHING = ("", "nan", "none")
# DESED and DCASE 2017 name clips cut from YouTube by video, start and end.
_YOUTUBE_CUT = re.compile(r"Y?([A-Za-z0-9_-]{11})_(\d+\.\d+)_(\d+\.\d+)")


def _complete(field: dict[str, str]) -> None:
    """Find the clip's source, and say if there is no event."""
    if not field["clip"]:
        raise RowError("names no file")
    stem = Path(field["clip"].replace("\\", "/")).stem
    match = _YOUTUBE_CUT.fullmatch(stem)
    if "source" in field:
        field["source"] = field["source"] or stem
    elif match is not None and float(match[3]) > float(match[2]):
        field["source"], field["start"], field["end"] = match.groups()
    else:
        field["source"] = stem
    if "labels" in field:
        labels = [label.strip() for label in field["labels"].split(",")]
        field["labels"] = ",".join(name for name in labels if name.casefold() not in _NOTHING)
        is_empty = not field["labels"]
    else:
        cells = (field["onset"], field["offset"], field["label"])
        is_empty = all(cell.casefold() in _NOTHING for cell in cells)
    if is_empty:
        field["nothing"] = ""


TABLE = Format(
    origin="dcase",
    licence="as the publisher of the table says",
    files=r".*\.tsv",
    columns=("filename=clip onset offset event_label=label",),
    more_columns=(
        "source start end split modality strength origin licence event_labels=labels confidence"
    ),
    needs="filename onset offset event_label",
    header="optional",
    delimiter=None,
    modality="audio",
    pads=True,
    prepare=_complete,
)


def read_dcase(path: Path) -> Reading:
    """Read one table, or all `.tsv` of a folder; without column names it has the first four.

    Raises:
        AnnotationError: A file cannot be read.
    """
    return read_table_formats(path, (TABLE,))


def write_table(path: Path, clips: Iterable[AnnotatedClip], *, overwrite: bool = False) -> None:
    """Write one row per event, and one for each clip without events.

    Raises:
        OutputExistsError: The path exists, and `overwrite` is not set.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(
            "already exists", path=path, remedy="give --overwrite to replace it"
        )
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.write("\t".join(_WRITTEN.split()) + "\n")
            for clip in clips:
                for event in clip.events or (None,):
                    file.write("\t".join(map(_cell, _row(clip, event))) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _row(clip: AnnotatedClip, event: LabelledEvent | None) -> tuple[str | float | None, ...]:
    times = (event.onset_s, event.offset_s, event.name) if event else (None, None, None)
    kind = (event.modality, event.strength) if event else (None, None)
    place = (clip.source, clip.start_s, clip.end_s, clip.split)
    return (clip.clip, *times, *place, *kind, clip.origin, clip.licence)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # A tab, a line break or a quote in a name would break its row.
        return " ".join(value.replace('"', "'").split())
    return f"{value:.6f}".rstrip("0").rstrip(".")
