"""ESC-50 and ESC-10, 5 s recordings of single sounds: file names or `esc50.csv` in, clips out.

Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015. A file is
`FOLD-RECORDING-TAKE-CLASS.wav`; ESC-10's first release has `FOLD-RECORDING-TAKE.ogg` in folders
such as `001 - Dog bark`. Takes of one recording are in one fold, and the recording is the source.
"""

import re
from pathlib import Path

from data_pipeline.annotations.collect import collect
from data_pipeline.annotations.records import (
    AnnotatedClip,
    AnnotationError,
    Reading,
    RowError,
    clip_event,
)
from data_pipeline.annotations.rows import Row, read_rows, take_header

ORIGIN = "esc"
LICENCE_50 = "CC BY-NC 3.0, per clip in LICENSE"
LICENCE_10 = "CC BY 3.0 or CC0, per clip in README.md"
CLIP_S = 5.0
_CATEGORIES = """
    dog rooster pig cow frog cat hen insects sheep crow
    rain sea_waves crackling_fire crickets chirping_birds
    water_drops wind pouring_water toilet_flush thunderstorm
    crying_baby sneezing clapping breathing coughing
    footsteps laughing brushing_teeth snoring drinking_sipping
    door_wood_knock mouse_click keyboard_typing door_wood_creaks can_opening
    washing_machine vacuum_cleaner clock_alarm clock_tick glass_breaking
    helicopter chainsaw siren car_horn engine train church_bells airplane fireworks hand_saw
"""
CATEGORIES = tuple(_CATEGORIES.split())
"""The 50 classes, in the order of the numbers in the file names."""

_COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
_SOUNDS = (".wav", ".ogg", ".flac", ".mp3")
_FILE = re.compile(r"(\d)-(\d+)-([A-Z])(?:-(\d+))?")
_FOLDER = re.compile(r"\d{3} - (.+)")


def read_esc(path: Path) -> Reading:
    """Read `esc50.csv`, one sound, or all sounds in a folder by their names.

    Raises:
        AnnotationError: There is nothing at the path, or no sound in it.
    """
    if path.suffix == ".csv":
        names, rows = take_header(read_rows(path), _COLUMNS)
        return collect(rows, lambda row: _from_table(row.fields(names)))
    if not path.exists():
        raise AnnotationError(f"{path}: no such file or folder")
    root = path.parent if path.is_file() else path
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    rows = [
        Row(file=str(file), line=0, text=str(file.relative_to(root)))
        for file in found
        if file.suffix.casefold() in _SOUNDS
    ]
    if not rows:
        raise AnnotationError(f"{path}: holds no sound ({', '.join(_SOUNDS)})")
    return collect(rows, lambda row: _from_name(Path(row.file), row.text))


def _from_table(field: dict[str, str]) -> AnnotatedClip:
    clip = _from_name(Path(field["filename"]), field["filename"])
    if clip.events[0].name != field["category"]:
        raise RowError("has a category that its file name contradicts")
    return clip


def _from_name(file: Path, clip: str) -> AnnotatedClip:
    match = _FILE.fullmatch(file.stem)
    if match is None:
        raise RowError("is not named FOLD-RECORDING-TAKE-CLASS")
    folder = _FOLDER.fullmatch(file.parent.name)
    if match[4] is not None:
        if int(match[4]) >= len(CATEGORIES):
            raise RowError("has a class number above 49")
        name, licence = CATEGORIES[int(match[4])], LICENCE_50
    elif folder is not None:
        name, licence = folder[1], LICENCE_10
    else:
        raise RowError("has its class neither in its name nor in its folder's")
    return AnnotatedClip(
        source=match[2],
        clip=clip,
        end_s=CLIP_S,
        split=f"fold{match[1]}",
        events=(clip_event(name, CLIP_S, modality="audio"),),
        origin=ORIGIN,
        licence=licence,
    )
