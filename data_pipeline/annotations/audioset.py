"""AudioSet, 10 s clips of 527 classes of sound: its segment lists in, clips out.

Gemmeke et al., Audio Set: An ontology and human-labeled dataset for audio events, ICASSP 2017;
Hershey et al., The Benefit of Temporally-Strong Labels in Audio Event Classification, ICASSP 2021.

- `*_segments.csv`: `video, start, end, "id,id"` after comments that begin with `#`: classes of
  clips.
- `*_strong.tsv`: `segment_id start_time_seconds end_time_seconds label`: times in a clip, whose
  name is the video and its start in milliseconds.
- `groundtruth_weak_label_*.csv`: `VIDEO_START_END.wav start end name`: clips that a DCASE challenge
  used, which must not be trained on by those who take part.
- `ontology.json`: the clips that the ontology gives as examples.

Ids become names through `ontology.json` or `class_labels_indices.csv` beside the file.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.ontology import read_class_names, read_entries
from data_pipeline.annotations.records import (
    AnnotatedClip,
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
    take_header,
    youtube_id,
)

ORIGIN = "audioset"
LICENCE = "labels: CC BY 4.0; ontology: CC BY-SA 4.0; videos belong to their authors"
CLIP_S = 10.0

_STRONG = ("segment_id", "start_time_seconds", "end_time_seconds", "label")
_ID = re.compile(r"/[a-z]/[0-9a-z_]+")
_EXAMPLE = re.compile(r"youtu\.be/([^?]+)\?start=(\d+)&end=(\d+)")
_WAV = re.compile(r"(.+)_(\d+\.\d+)_(\d+\.\d+)\.wav")
_FILES = re.compile(
    r"ontology\.json|\w*_segments\.csv|audioset_\w*strong\.tsv|groundtruth_weak_label_\w+\.csv"
)
_SPLITS = (("eval", "test"), ("train", "train"), ("test", "test"))


def read_audioset(path: Path) -> Reading:
    """Read one file of the set, or all that a folder holds.

    Raises:
        AnnotationError: A file cannot be read.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    return _FILES.fullmatch(path.name) is not None


def _read_file(path: Path) -> Reading:
    if path.suffix == ".json":
        return _read_examples(path)
    if path.name.startswith("groundtruth_weak_label_"):
        return _read_weak_list(path)
    class_names = read_class_names(path.parent)
    if path.suffix == ".tsv":
        return _read_strong(path, class_names)
    split = _split_of(path)

    def read(row: Row) -> AnnotatedClip:
        video, start, end, ids = row.fields(("video", "start", "end", "ids")).values()
        names = [_name(label.strip(), class_names) for label in ids.split(",")]
        return _clip(video, seconds(start), seconds(end), names, split)

    return collect(read_rows(path, comment="#"), read)


def _read_weak_list(path: Path) -> Reading:
    # These lists are of clips to leave out of training, whatever the file's name says.
    split = "test"

    def read(row: Row) -> AnnotatedClip:
        file, start, end, name = row.fields(("file", "start", "end", "name")).values()
        match = _WAV.fullmatch(file)
        if match is None:
            raise RowError("names no clip: should be VIDEO_START_END.wav")
        start_s, end_s = seconds(start), seconds(end)
        if (start_s, end_s) != (float(match[2]), float(match[3])):
            raise RowError("has times that its file name contradicts")
        return _clip(match[1], start_s, end_s, [name], split)

    return collect(read_rows(path, "\t", quoted=False), read)


def _read_strong(path: Path, class_names: Mapping[str, str]) -> Reading:
    names, rows = take_header(read_rows(path, "\t", quoted=False), _STRONG, _STRONG)
    split = _split_of(path)

    def read(row: Row) -> AnnotatedClip:
        field = row.fields(names)
        video, _, start_ms = field["segment_id"].rpartition("_")
        if not re.fullmatch(r"[0-9]{1,12}", start_ms):
            raise RowError("names no clip: should be VIDEO_MILLISECONDS")
        event = make_event(
            _name(field["label"], class_names),
            seconds(field["start_time_seconds"]),
            seconds(field["end_time_seconds"]),
            length_s=CLIP_S,
            modality="audio",
        )
        start_s = int(start_ms) / 1000
        return _make(video, start_s, start_s + CLIP_S, (event,), split)

    return collect(rows, read)


def _read_examples(path: Path) -> Reading:
    rows = [
        Row(file=str(path), line=0, text=f"{entry['name']}: {url}", cells=(entry["name"], str(url)))
        for entry in read_entries(path)
        for url in entry["positive_examples"]
    ]

    def read(row: Row) -> AnnotatedClip:
        name, url = row.cells
        match = _EXAMPLE.fullmatch(url)
        if match is None:
            raise RowError("names no clip: should be youtu.be/VIDEO?start=..&end=..")
        return _clip(match[1], float(match[2]), float(match[3]), [name], None)

    return collect(rows, read)


def _name(label: str, class_names: Mapping[str, str]) -> str:
    if not _ID.fullmatch(label):
        raise RowError("names no class: an id looks like /m/09x0r")
    if label not in class_names:
        raise RowError(
            "has a class id that ontology.json or class_labels_indices.csv beside it does not tell"
        )
    return class_names[label]


def _clip(
    video: str, start_s: float, end_s: float, names: list[str], split: str | None
) -> AnnotatedClip:
    if start_s < 0:
        raise RowError("begins before the video")
    if end_s <= start_s:
        raise RowError("ends where it begins or before")
    events = tuple(
        clip_event(name, end_s - start_s, modality="audio") for name in dict.fromkeys(names)
    )
    return _make(video, start_s, end_s, events, split)


def _make(
    video: str,
    start_s: float,
    end_s: float,
    events: tuple[LabelledEvent, ...],
    split: str | None,
) -> AnnotatedClip:
    return AnnotatedClip(
        source=youtube_id(video),
        clip=f"{video}_{start_s:.3f}_{end_s:.3f}",
        start_s=start_s,
        end_s=end_s,
        split=split,
        events=events,
        origin=ORIGIN,
        licence=LICENCE,
    )


def _split_of(path: Path) -> str | None:
    return next((split for word, split in _SPLITS if word in path.stem.casefold()), None)
