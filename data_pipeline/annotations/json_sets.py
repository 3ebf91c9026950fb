"""Read annotations that are published as JSON: UnAV-100, and the examples of AudioSet's ontology.

Geng et al., Dense-Localizing Audio-Visual Events in Untrimmed Videos, CVPR 2023. The form of
UnAV-100 is ActivityNet's: an object `database` with, for each video, `subset`, `duration` and
`annotations`, a list of `segment` (start and end) and `label`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.ontology import read_entries
from data_pipeline.annotations.records import AnnotatedClip, AnnotationError, Reading, RowError
from data_pipeline.annotations.rows import Row, files_of, read_json
from data_pipeline.annotations.tables import Format, clip_of, read_table_formats

UNAV100 = Format(
    origin="unav100",
    licence="none stated by the publisher; videos belong to their authors",
    files=r"unav100_annotations\.json",
    columns=(),
    clip="{video}.mp4",
)
AUDIOSET_EXAMPLES = Format(
    origin="audioset",
    licence="labels: CC BY 4.0; ontology: CC BY-SA 4.0; videos belong to their authors",
    files=r"ontology\.json",
    columns=(),
    clip="{video}_{start_s:.3f}_{end_s:.3f}",
    modality="audio",
    clip_pattern=r"youtu\.be/(?P<video>[^?]+)\?start=(?P<start>\d+)&end=(?P<end>\d+)",
    clip_form="youtu.be/VIDEO?start=..&end=..",
)
_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


def read_unav100(path: Path) -> Reading:
    """Read `unav100_annotations.json`, or the one in a folder.

    Raises:
        AnnotationError: The file cannot be read, or has another form.
    """
    return join([_read_activitynet(file) for file in files_of(path, UNAV100.matches)])


def read_audioset(path: Path, *, tables: Sequence[Format]) -> Reading:
    """Read one file of AudioSet, or all files of the set in a folder.

    Raises:
        AnnotationError: A file cannot be read.
    """
    formats = (*tables, AUDIOSET_EXAMPLES)
    files = files_of(path, lambda file: any(form.matches(file) for form in formats))
    return join(
        [
            _read_examples(file) if file.suffix == ".json" else read_table_formats(file, tables)
            for file in files
        ]
    )


def _read_activitynet(path: Path) -> Reading:
    document = read_json(path)
    videos = document.get("database") if isinstance(document, dict) else None
    if not isinstance(videos, dict):
        raise AnnotationError('should be an object with a "database" of videos', path=path)
    events = [
        (video, record, event) for video, record in videos.items() for event in _events_of(record)
    ]
    rows = [
        Row(file=str(path), line=0, text=f"{video}: {event}", cells=(str(n),))
        for n, (video, _, event) in enumerate(events)
    ]

    def read(row: Row) -> AnnotatedClip:
        video, record, event = events[int(row.cells[0])]
        if not isinstance(record, dict) or not isinstance(event, dict | None):
            raise RowError("is not a record of a video with annotations")
        field = {"video": video, "end": str(record.get("duration")), **_event_fields(event)}
        split = _SPLITS.get(str(record.get("subset", "")).casefold())
        return clip_of(UNAV100, field, split=split)

    return collect(rows, read)


def _events_of(record: Any) -> list[Any]:
    """Return the events of a video, or one None for a video without events."""
    events = record.get("annotations") if isinstance(record, dict) else None
    return (events or [None]) if isinstance(events, list) else ["not a list"]


def _event_fields(event: dict[str, Any] | None) -> dict[str, str]:
    if event is None:
        return {"nothing": ""}
    segment = event.get("segment")
    if not isinstance(segment, list) or len(segment) != 2:
        raise RowError("has no segment of start and end")
    onset, offset = map(str, segment)
    return {"onset": onset, "offset": offset, "label": str(event.get("label", ""))}


def _read_examples(path: Path) -> Reading:
    rows = [
        Row(file=str(path), line=0, text=f"{entry['name']}: {url}", cells=(entry["name"], str(url)))
        for entry in read_entries(path)
        for url in entry["positive_examples"]
    ]

    def read(row: Row) -> AnnotatedClip:
        label, url = row.cells
        return clip_of(AUDIOSET_EXAMPLES, {"clip": url, "label": label})

    return collect(rows, read)
