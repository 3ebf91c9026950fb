"""The Greatest Hits, a drumstick that hits and scratches things: its tables in, recordings out.

Owens et al., Visually Indicated Sounds, CVPR 2016. The publisher has one `RECORDING_times.txt` a
recording, with rows `time material action reaction`; V-AURA has them all in one `greatesthit.csv`.
Each event is a moment. Its name is the action and the material, such as `hit wood`.
"""

import re
from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import AnnotatedClip, Reading, RowError, make_event
from data_pipeline.annotations.rows import Row, files_of, read_rows, seconds, take_header

ORIGIN = "greatest_hits"
LICENCE = "none stated by the publisher; V-AURA's table: MIT"

_COLUMNS = (
    "filename",
    "start_time",
    "occurring_time",
    "end_time",
    "material",
    "action_type",
    "effect",
)
_TIMES = "_times.txt"
_PART = re.compile(r"(.+)_(denoised|mic)_\d+\.mp4")


def read_greatest_hits(path: Path) -> Reading:
    """Read `greatesthit.csv`, a `*_times.txt`, or all of them that a folder holds.

    Raises:
        AnnotationError: A file cannot be read.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    return path.name.casefold() == "greatesthit.csv" or path.name.endswith(_TIMES)


def _read_file(path: Path) -> Reading:
    if path.name.endswith(_TIMES):
        return _read_times(path)
    names, rows = take_header(read_rows(path), _COLUMNS, _COLUMNS)

    def read(row: Row) -> AnnotatedClip:
        field = row.fields(names)
        match = _PART.fullmatch(field["filename"])
        if match is None:
            raise RowError("names no recording: should be RECORDING_denoised_NUMBER.mp4")
        start_s, end_s = seconds(field["start_time"]), seconds(field["end_time"])
        time_s = seconds(field["occurring_time"])
        if not start_s <= time_s <= end_s:
            raise RowError("has a moment outside its own window")
        return _recording(
            match[1], f"{match[1]}_{match[2]}.mp4", time_s, field["action_type"], field["material"]
        )

    # The windows overlap, so a clip a row would hold hits that its row does not tell of: the whole
    # recording is the clip.
    return collect(rows, read)


def _read_times(path: Path) -> Reading:
    recording = path.name.removesuffix(_TIMES)

    def read(row: Row) -> AnnotatedClip:
        cells = row.text.split()
        if len(cells) != 4:
            raise RowError("has the wrong number of columns")
        time_s = seconds(cells[0])
        return _recording(recording, f"{recording}_denoised.mp4", time_s, cells[2], cells[1])

    return collect(read_rows(path, "\t", quoted=False), read)


def _recording(source: str, clip: str, time_s: float, action: str, material: str) -> AnnotatedClip:
    if action in ("", "None"):
        raise RowError("names no action")
    # "None" is the publisher's word for what nobody could tell; the action is known all the same.
    name = action if material in ("", "None") else f"{action} {material}"
    return AnnotatedClip(
        source=source,
        clip=clip,
        events=(make_event(name, time_s),),
        origin=ORIGIN,
        licence=LICENCE,
    )
