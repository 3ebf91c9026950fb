"""VGGSound, 10 s clips of 309 classes: its CSV files in, clips out.

Chen et al., VGGSound: A Large-scale Audio-Visual Dataset, ICASSP 2020. `vggsound.csv` has rows
`video, start, class, split`; `train.csv`, `test.csv` and `AStest.csv` have rows
`VIDEO_SSSSSS.mp4,class` with the start in the name. None has a line of column names. The class
holds somewhere in the clip, with its source in the picture.
"""

import re
from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import AnnotatedClip, Reading, RowError, clip_event
from data_pipeline.annotations.rows import Row, files_of, read_rows, seconds, youtube_id

ORIGIN = "vggsound"
LICENCE = "CC BY 4.0; videos belong to their authors"
CLIP_S = 10.0

_FILES = {"vggsound.csv": None, "train.csv": "train", "test.csv": "test", "astest.csv": "test"}
_CLIP = re.compile(r"(.+)_(\d{6})(?:\.mp4)?")


def read_vggsound(path: Path) -> Reading:
    """Read one file of the set, or all that a folder holds.

    Raises:
        AnnotationError: A file cannot be read.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    return path.name.casefold() in _FILES


def _read_file(path: Path) -> Reading:
    own = _FILES.get(path.name.casefold())

    def read(row: Row) -> AnnotatedClip:
        if len(row.cells) == 4:
            field = row.fields(("video", "start", "class", "split"))
            video, start_s, split = field["video"], seconds(field["start"]), field["split"]
        else:
            field = row.fields(("clip", "class"))
            match = _CLIP.fullmatch(field["clip"])
            if match is None:
                raise RowError("names no clip: should be VIDEO_SSSSSS.mp4")
            video, start_s, split = match[1], float(match[2]), own
        return make_clip(video, start_s, field["class"], split, ORIGIN, LICENCE)

    return collect(read_rows(path), read)


def make_clip(
    video: str, start_s: float, name: str, split: str | None, origin: str, licence: str
) -> AnnotatedClip:
    """Make a clip in the form that VGGSound and the sets made from it share.

    Raises:
        RowError: There can be no such clip.
    """
    if start_s < 0:
        raise RowError("begins before the video")
    return AnnotatedClip(
        source=youtube_id(video),
        clip=f"{video}_{round(start_s):06d}.mp4",
        start_s=start_s,
        end_s=start_s + CLIP_S,
        split=split or None,
        events=(clip_event(name, CLIP_S),),
        origin=origin,
        licence=licence,
    )
