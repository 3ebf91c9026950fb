"""VisualSound, the clips of VGGSound whose sound fits the picture: its CSV files in, clips out.

Viertola et al., Temporally Aligned Audio for Video with Autoregression (V-AURA), 2024.
`visualsound.csv` has the columns `filename,start,desc,split`. The lists of test clips (`file,
start_sec`) name no class, so their rows are rejected.
"""

from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import AnnotatedClip, Reading, RowError
from data_pipeline.annotations.rows import Row, files_of, read_rows, seconds, take_header
from data_pipeline.annotations.vggsound import make_clip

ORIGIN = "visualsound"
LICENCE = "table: MIT; classes from VGGSound: CC BY 4.0; videos belong to their authors"

_COLUMNS = ("filename", "start", "desc", "split")
_TEST_COLUMNS = ("file", "start_sec")
NO_CLASS = "is published without a class"


def read_visualsound(path: Path) -> Reading:
    """Read `visualsound.csv`, or those that a folder holds.

    Raises:
        AnnotationError: A file cannot be read.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    return path.name.casefold() == "visualsound.csv"


def _read_file(path: Path) -> Reading:
    names, rows = take_header(read_rows(path), (*_COLUMNS, *_TEST_COLUMNS), _COLUMNS)

    def read(row: Row) -> AnnotatedClip:
        field = row.fields(names)
        if "desc" not in field:
            raise RowError(NO_CLASS)
        return make_clip(
            field["filename"],
            seconds(field["start"]),
            field["desc"],
            field["split"],
            ORIGIN,
            LICENCE,
        )

    return collect(rows, read)
