"""Read exports of Label Studio, JSON or JSON-MIN: one clip per task.

Audio regions are in seconds (`start`, `end`, `labels`); video timelines are in frames
(`ranges`, `timelinelabels`), which count from 1 and include the last; `choices` apply to all.
See "Task format" and the tags Audio, TimelineLabels and Choices in Label Studio's documentation. A
task that was finished without marking anything is a clip without events; predictions are ignored.
"""

import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import (
    AnnotatedClip,
    AnnotationError,
    LabelledEvent,
    Modality,
    Reading,
    RowError,
    clip_event,
    make_event,
)
from data_pipeline.annotations.rows import Row, files_of, read_json, seconds

ORIGIN = "label_studio"
LICENCE = "yours"

_MEDIA = re.compile(r"\.(wav|ogg|flac|mp3|m4a|aiff?|mp4|mov|mkv|webm|avi|m4v|jpe?g|png|webp|gif)$")
_NO_EVENT: dict[str, Any] = {}


def read_label_studio(path: Path, frame_rate_hz: float | None = None) -> Reading:
    """Read an export, or each `.json` of a folder.

    Args:
        path: The file or folder.
        frame_rate_hz: Frames per second of the videos, for exports of timelines that lack it.

    Raises:
        AnnotationError: A file cannot be read, or is not an export of Label Studio.
    """
    found = files_of(path, lambda file: file.suffix.casefold() == ".json")
    return join([_read_file(file, frame_rate_hz) for file in found])


def _read_file(path: Path, frame_rate_hz: float | None) -> Reading:
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise AnnotationError("is not an export of Label Studio, a list of tasks", path=path)
    regions = [(task, region) for task in tasks for region in _regions(task)]
    rows = [
        Row(file=str(path), line=0, text=f"task {task.get('id', '?')}: {region}", cells=(str(n),))
        for n, (task, region) in enumerate(regions)
    ]

    def read(row: Row) -> AnnotatedClip:
        task, region = regions[int(row.cells[0])]
        if "problem" in region:
            raise RowError(region["problem"])
        media = _media(task)
        return AnnotatedClip(
            source=Path(media).stem,
            clip=media,
            events=tuple(_events(region, task, frame_rate_hz)),
            origin=ORIGIN,
            licence=LICENCE,
        )

    return collect(rows, read)


def _regions(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the marked regions of a task; one empty region if nothing was marked."""
    annotations = task.get("annotations", task.get("completions"))
    if annotations is None:
        yield from _regions_of_min(task)
        return
    if not annotations:
        yield {"problem": "is not annotated yet"}
    for annotation in annotations if isinstance(annotations, list) else []:
        results = annotation.get("result") if isinstance(annotation, dict) else None
        if not isinstance(results, list):
            yield {"problem": "is not an annotation"}
        elif annotation.get("was_cancelled"):
            yield {"problem": "was skipped by the labeller"}
        elif not results:
            yield _NO_EVENT
        else:
            for result in results:
                value = result.get("value") if isinstance(result, dict) else None
                yield value if isinstance(value, dict) else {"problem": "is not a region"}


def _regions_of_min(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the regions of JSON-MIN, which are fields of the task itself."""
    found = [
        item
        for value in task.values()
        if isinstance(value, list)
        for item in value
        if isinstance(item, dict) and {"start", "ranges", "choices"} & set(item)
    ]
    choices = task.get("choice", task.get("choices"))
    if isinstance(choices, str):
        found.append({"choices": [choices]})
    elif isinstance(choices, dict):
        found.append(choices)
    yield from found or [_NO_EVENT]


def _events(
    region: dict[str, Any], task: dict[str, Any], frame_rate_hz: float | None
) -> Iterator[LabelledEvent]:
    if not region:
        return
    if "choices" in region:
        if not isinstance(region["choices"], list):
            raise RowError("has choices that are not a list")
        yield from (clip_event(str(name)) for name in region["choices"])
        return
    timeline = region.get("timelinelabels")
    names = (
        timeline if timeline is not None else region.get("labels", region.get("paragraphlabels"))
    )
    if not isinstance(names, list) or not names:
        raise RowError("marks a region without a label")
    modality: Modality = "both" if timeline is not None else "audio"
    for onset_s, offset_s in _times(region, task, frame_rate_hz):
        for name in names:
            offset = None if offset_s == onset_s else offset_s
            yield make_event(str(name), onset_s, offset, modality=modality)


def _times(
    region: dict[str, Any], task: dict[str, Any], frame_rate_hz: float | None
) -> list[tuple[float, float]]:
    if "ranges" not in region:
        return [(_number(region.get("start")), _number(region.get("end")))]
    rate = _rate(region, task) or frame_rate_hz
    if not rate or rate < 0:
        raise RowError("is in frames of a video of unknown frame rate; give --frame-rate")
    ranges = region["ranges"]
    if not isinstance(ranges, list) or not all(isinstance(item, dict) for item in ranges):
        raise RowError("has ranges without start and end")
    # Frames count from 1; some tools that write this form count from 0.
    return [
        (max(0.0, _number(item.get("start")) - 1) / rate, _number(item.get("end")) / rate)
        for item in ranges
    ]


def _rate(region: dict[str, Any], task: dict[str, Any]) -> float | None:
    """Return the frame rate, if the export has it."""
    if region.get("framesCount") and region.get("duration"):
        return _number(region["framesCount"]) / _number(region["duration"])
    data = task.get("data", task)
    for place in (region, data, task.get("meta")):
        for word in ("frameRate", "framerate", "frame_rate", "fps"):
            if isinstance(place, dict) and place.get(word):
                return _number(place[word])
    return None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RowError("has a time that is not a number")
    return seconds(str(value))


def _media(task: dict[str, Any]) -> str:
    """Return the file's name, without the address that serves it."""
    data = task.get("data", task)
    for value in data.values() if isinstance(data, dict) else ():
        if not isinstance(value, str):
            continue
        address = urllib.parse.urlsplit(value)
        served = urllib.parse.parse_qs(address.query).get("d", [address.path])[0]
        name = Path(urllib.parse.unquote(served)).name
        if _MEDIA.search(name.casefold()):
            return name
    raise RowError("names no media file")
