"""UnAV-100, untrimmed videos with events of 100 classes seen and heard: its JSON in, clips out.

Geng et al., Dense-Localizing Audio-Visual Events in Untrimmed Videos, CVPR 2023. The form is
ActivityNet's: an object `database` with, for each video, `subset`, `duration` and `annotations`, a
list of `segment` (start and end) and `label`.
"""

import json
from pathlib import Path
from typing import Any

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import (
    AnnotatedClip,
    AnnotationError,
    LabelledEvent,
    Reading,
    RowError,
    make_event,
)
from data_pipeline.annotations.rows import Row, files_of, read_content, seconds, youtube_id

ORIGIN = "unav100"
LICENCE = "none stated by the publisher; videos belong to their authors"

_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


def read_unav100(path: Path) -> Reading:
    """Read `unav100_annotations.json`, or the one that a folder holds.

    Raises:
        AnnotationError: The file cannot be read, or has another form.
    """
    found = files_of(path, lambda file: file.name == "unav100_annotations.json")
    return join([_read_file(file) for file in found])


def _read_file(path: Path) -> Reading:
    try:
        document = json.loads(read_content(path))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: is not JSON ({error})") from None
    videos = document.get("database") if isinstance(document, dict) else None
    if not isinstance(videos, dict):
        raise AnnotationError(f'{path}: should be an object with a "database" of videos')
    events = [
        (video, record, event) for video, record in videos.items() for event in _events_of(record)
    ]
    rows = [
        Row(file=str(path), line=0, text=f"{video}: {event}", cells=(str(n),))
        for n, (video, _, event) in enumerate(events)
    ]

    def read(row: Row) -> AnnotatedClip:
        return _clip(*events[int(row.cells[0])])

    return collect(rows, read)


def _events_of(record: Any) -> list[Any]:
    """Return the events of a video; one that is None for a video in which nobody found any."""
    events = record.get("annotations") if isinstance(record, dict) else None
    return (events or [None]) if isinstance(events, list) else ["no list"]


def _clip(video: str, record: Any, event: Any) -> AnnotatedClip:
    if not isinstance(record, dict) or not isinstance(event, dict | None):
        raise RowError("is no record of a video with annotations")
    end_s = seconds(str(record.get("duration")))
    if end_s <= 0:
        raise RowError("has a video without length")
    return AnnotatedClip(
        source=youtube_id(video),
        clip=f"{video}.mp4",
        end_s=end_s,
        split=_SPLITS.get(str(record.get("subset", "")).casefold()),
        events=() if event is None else (_event(event, end_s),),
        origin=ORIGIN,
        licence=LICENCE,
    )


def _event(event: dict[str, Any], length_s: float) -> LabelledEvent:
    segment = event.get("segment")
    if not isinstance(segment, list) or len(segment) != 2:
        raise RowError("has no segment of start and end")
    onset_s, offset_s = (seconds(str(time)) for time in segment)
    return make_event(str(event.get("label", "")), onset_s, offset_s, length_s=length_s)
