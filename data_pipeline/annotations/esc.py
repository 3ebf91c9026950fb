"""Read ESC-50 and ESC-10, 5 s recordings of single sounds, by file names or `esc50.csv`.

Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015. A file is
`FOLD-RECORDING-TAKE-CLASS.wav`; ESC-10's first release has `FOLD-RECORDING-TAKE.ogg` in folders
such as `001 - Dog bark`. Takes of one recording are in one fold, and the recording is the source.
"""

import re
from pathlib import Path

from data_pipeline.annotations.collect import collect
from data_pipeline.annotations.records import AnnotationError, Reading, RowError
from data_pipeline.annotations.rows import Row
from data_pipeline.annotations.tables import Format, clip_of, read_table_formats

LICENCE_50 = "CC BY-NC 3.0, per clip in LICENSE"
LICENCE_10 = "CC BY 3.0 or CC0, per clip in README.md"
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

_SOUNDS = (".wav", ".ogg", ".flac", ".mp3")
_FOLDER = re.compile(r"\d{3} - (.+)")


def _name_class(field: dict[str, str]) -> None:
    """Find the class by its number in the file's name, or by the folder's name."""
    folder = _FOLDER.fullmatch(field.get("folder", ""))
    if "number" in field:
        if int(field["number"]) >= len(CATEGORIES):
            raise RowError("has a class number above 49")
        field["label"] = CATEGORIES[int(field["number"])]
    elif folder is not None:
        field["label"], field["licence"] = folder[1], LICENCE_10
    else:
        raise RowError("has no class in its name or its folder's")
    if field.get("category", field["label"]) != field["label"]:
        raise RowError("has a category that its file name contradicts")
    field["split"] = f"fold{field['fold_number']}"


ESC = Format(
    origin="esc",
    licence=LICENCE_50,
    files=r"esc50\.csv",
    columns=("filename=clip fold target category esc10 src_file take",),
    clip_s=5.0,
    clip_pattern=r"(?:.*/)?(?P<fold_number>\d)-(?P<source>\d+)-[A-Z](?:-(?P<number>\d+))?\.\w+",
    clip_form="FOLD-RECORDING-TAKE-CLASS",
    modality="audio",
    prepare=_name_class,
)


def read_esc(path: Path) -> Reading:
    """Read `esc50.csv`, one sound, or all sounds in a folder by their names.

    Raises:
        AnnotationError: The path does not exist, or contains no sound.
    """
    if path.suffix == ".csv":
        return read_table_formats(path, (ESC,))
    if not path.exists():
        raise AnnotationError("no such file or folder", path=path)
    root = path.parent if path.is_file() else path
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    rows = [
        Row(file=str(file), line=0, text=file.relative_to(root).as_posix())
        for file in found
        if file.suffix.casefold() in _SOUNDS
    ]
    if not rows:
        raise AnnotationError(f"contains no sound ({', '.join(_SOUNDS)})", path=path)
    return collect(
        rows, lambda row: clip_of(ESC, {"clip": row.text, "folder": Path(row.file).parent.name})
    )
