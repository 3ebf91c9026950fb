"""LLP (Look, Listen and Parse), 10 s clips of 25 classes: AVVP's TSV files in, clips out.

Tian et al., Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video Parsing, ECCV
2020. `AVVP_train.csv`, `AVVP_val_pd.csv` and `AVVP_test_pd.csv` tell which classes a clip holds, in
sound or picture; `AVVP_eval_audio.csv` and `AVVP_eval_visual.csv` tell from when to when they are
heard and seen, for clips of validation and test. All are tab-separated in spite of their names.
"""

import re
from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import (
    AnnotatedClip,
    LabelledEvent,
    Modality,
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

ORIGIN = "avvp"
LICENCE = "none stated by the publisher; videos belong to their authors"
CLIP_S = 10.0

_SPLITS = {"train": "train", "val_pd": "validation", "test_pd": "test"}
_STRONG = ("filename", "onset", "offset", "event_labels")
_WEAK = ("filename", "event_labels")
_CLIP = re.compile(r"(.+)_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)")


def read_avvp(path: Path) -> Reading:
    """Read one file of the set, or all that a folder holds.

    Raises:
        AnnotationError: A file cannot be read.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    if path.name.casefold() == "avvp_dataset_full.csv":
        # The three splits in one, without telling which is which.
        return not path.with_name("AVVP_train.csv").is_file()
    return re.fullmatch(r"AVVP_\w+\.csv", path.name) is not None


def _read_file(path: Path) -> Reading:
    names, rows = take_header(read_rows(path, "\t", quoted=False), _STRONG)
    stem = path.stem.casefold().removeprefix("avvp_")
    modality: Modality = {"eval_audio": "audio", "eval_visual": "visual"}.get(stem, "both")  # type: ignore[assignment]

    def read(row: Row) -> AnnotatedClip:
        field = row.fields(names)
        video, start_s, end_s = _clip(field["filename"])
        events: tuple[LabelledEvent, ...]
        if "onset" in field:
            onset, offset = seconds(field["onset"]), seconds(field["offset"])
            label = field["event_labels"]
            events = (make_event(label, onset, offset, length_s=CLIP_S, modality=modality),)
        else:
            labels = dict.fromkeys(field["event_labels"].split(","))
            events = tuple(clip_event(label, CLIP_S, modality=modality) for label in labels)
        return AnnotatedClip(
            source=video,
            clip=field["filename"],
            start_s=start_s,
            end_s=end_s,
            split=_SPLITS.get(stem),
            events=events,
            origin=ORIGIN,
            licence=LICENCE,
        )

    return collect(rows, read)


def _clip(name: str) -> tuple[str, float, float]:
    """Take apart a clip's name: the video, and from where to where it was cut."""
    match = _CLIP.fullmatch(name)
    if match is None:
        raise RowError("names no clip: should be VIDEO_START_END")
    video, start_s, end_s = youtube_id(match[1]), float(match[2]), float(match[3])
    if abs(end_s - start_s - CLIP_S) > 1e-3:
        raise RowError("names a clip that is not 10 s long")
    return video, start_s, end_s
