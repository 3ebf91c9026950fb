r"""Audacity's label tracks: a text file of labels in, one recording's events out.

`START<tab>END<tab>TEXT` in seconds; a label whose start is its end is a moment; a line that begins
with `\` tells the frequencies of the label above it. See "Importing and Exporting Labels" in
Audacity's manual. The recording is taken to be named as the file.
"""

from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import AnnotatedClip, Reading, RowError, make_event
from data_pipeline.annotations.rows import Row, files_of, read_rows, seconds

ORIGIN = "audacity"
LICENCE = "yours"


def read_audacity(path: Path) -> Reading:
    """Read a file of labels, or each `.txt` of a folder as one recording.

    Raises:
        AnnotationError: A file cannot be read.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    return path.suffix.casefold() == ".txt"


def _read_file(path: Path) -> Reading:
    def read(row: Row) -> AnnotatedClip:
        if len(row.cells) not in (2, 3):
            raise RowError("has the wrong number of columns")
        start_s, end_s = _time(row.cells[0]), _time(row.cells[1])
        name = row.cells[2] if len(row.cells) == 3 else ""
        event = make_event(name, start_s, None if end_s == start_s else end_s, modality="audio")
        return AnnotatedClip(
            source=path.stem, clip=path.stem, events=(event,), origin=ORIGIN, licence=LICENCE
        )

    return collect(read_rows(path, "\t", quoted=False, comment="\\"), read)


def _time(text: str) -> float:
    # Some versions write the comma of the language they run in.
    return seconds(text.replace(",", "."))
