"""TAU Urban Audio-Visual Scenes 2021, 10 s clips of ten scenes in cities: its tables in, clips out.

Wang et al., A Curated Dataset of Urban Scenes for Audio-Visual Scene Analysis, ICASSP 2021; DCASE
2021 task 1B. `meta.csv` and `evaluation_setup/fold1_*.csv` have the columns `filename_audio
filename_video scene_label`, with `identifier` (city and place) in `meta.csv`; commas or tabs. One
place is one recording of some minutes cut into clips, so the place is what a split must respect.
"""

import re
from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import AnnotatedClip, Reading, RowError, clip_event
from data_pipeline.annotations.rows import Row, files_of, read_rows, split_at, take_header
from data_pipeline.annotations.visualsound import NO_CLASS

ORIGIN = "tau_scenes"
LICENCE = "free for non-commercial use, attribution required (Tampere University)"
CLIP_S = 10.0
SCENES = (
    "airport",
    "bus",
    "metro",
    "metro_station",
    "park",
    "public_square",
    "shopping_mall",
    "street_pedestrian",
    "street_traffic",
    "tram",
)

_COLUMNS = ("filename_audio", "filename_video", "scene_label", "identifier", "location_id")
_SPLITS = {
    "fold1_train": "train",
    "fold1_test": "test",
    "fold1_evaluate": "test",
    "train": "train",
    "val": "validation",
}
_CLIP = re.compile(r"[a-z_]+-([a-z]+-\d+)-\d+")


def read_tau_scenes(path: Path) -> Reading:
    """Read one table, or all that the folder of the set holds.

    Raises:
        AnnotationError: A file cannot be read, or has no line of column names.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    # fold1_test.csv is fold1_evaluate.csv without the scenes.
    return path.name == "meta.csv" or (path.suffix == ".csv" and path.stem in _SPLITS)


def _read_file(path: Path) -> Reading:
    names, rows = take_header(read_rows(path, split_at(path)), _COLUMNS)

    def read(row: Row) -> AnnotatedClip:
        field = row.fields(names)
        scene = field.get("scene_label")
        if scene is None:
            raise RowError(NO_CLASS)
        if scene not in SCENES:
            raise RowError("names none of the ten scenes")
        file = field.get("filename_video") or field.get("filename_audio", "")
        if not file:
            raise RowError("names no file")
        stem = Path(file).stem
        match = _CLIP.fullmatch(stem)
        return AnnotatedClip(
            source=field.get("identifier") or (match[1] if match else stem),
            clip=file,
            end_s=CLIP_S,
            split=_SPLITS.get(path.stem),
            events=(clip_event(scene, CLIP_S),),
            origin=ORIGIN,
            licence=LICENCE,
        )

    return collect(rows, read)
