"""EPIC-SOUNDS, sounds of kitchens filmed from the head: its CSV files in, recordings out.

Huh et al., EPIC-SOUNDS: A Large-Scale Dataset of Actions That Sound, ICASSP 2023. Rows have a class
of 44, or (`sound_events_not_categorised.csv`) the words of the person who listened. The test split
is published without classes: its rows are rejected. Times are checked against the sample numbers
beside them.
"""

from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import AnnotatedClip, Reading, RowError, make_event
from data_pipeline.annotations.rows import (
    Row,
    clock_seconds,
    files_of,
    read_rows,
    seconds,
    take_header,
)
from data_pipeline.annotations.visualsound import NO_CLASS

ORIGIN = "epic_sounds"
LICENCE = "CC BY-NC 4.0"

_COLUMNS = (
    "annotation_id",
    "participant_id",
    "video_id",
    "start_timestamp",
    "stop_timestamp",
    "start_sample",
    "stop_sample",
    "description",
    "class",
    "class_id",
)
_SPLITS = {"epic_sounds_train": "train", "epic_sounds_validation": "validation"}
_SAMPLE_RATE_HZ = 24_000
# Timestamps are written to the millisecond.
_ROUNDING_S = 0.001


def read_epic_sounds(path: Path) -> Reading:
    """Read one file of the set, or all that a folder holds.

    Raises:
        AnnotationError: A file cannot be read, or has no line of column names.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    name = path.name.casefold()
    return (name.startswith("epic_sounds_") or name.startswith("sound_events_")) and (
        path.suffix == ".csv"
    )


def _read_file(path: Path) -> Reading:
    names, rows = take_header(read_rows(path), _COLUMNS)
    split = _SPLITS.get(path.stem.casefold())

    def read(row: Row) -> AnnotatedClip:
        field = row.fields(names)
        name = field.get("class", field.get("description"))
        if name is None:
            raise RowError(NO_CLASS)
        if not name:
            raise RowError("has an empty description")
        onset_s = _time(field["start_timestamp"], field["start_sample"])
        offset_s = _time(field["stop_timestamp"], field["stop_sample"])
        return AnnotatedClip(
            source=field["video_id"],
            clip=field["video_id"],
            split=split,
            events=(make_event(name, onset_s, offset_s, modality="audio"),),
            origin=ORIGIN,
            licence=LICENCE,
        )

    return collect(rows, read)


def _time(timestamp: str, sample: str) -> float:
    time_s = clock_seconds(timestamp)
    if abs(seconds(sample) / _SAMPLE_RATE_HZ - time_s) > _ROUNDING_S:
        raise RowError("has a timestamp that its sample number contradicts")
    return time_s
