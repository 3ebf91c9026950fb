"""Read folders of pictures, sounds or videos by class.

The form is `ROOT/CLASS/FILE`, or `ROOT/CLASS/SOURCE/FILE`, where the files of one SOURCE (a series
of photos, the frames of one video) stay in one split; or either of them below `ROOT/train`,
`ROOT/validation` and `ROOT/test`. A table in ROOT with the columns `file` and `licence` gives the
licence of each file.
"""

from pathlib import Path

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import (
    AnnotatedClip,
    AnnotationError,
    Modality,
    Reading,
    Remark,
    RowError,
    clip_event,
)
from data_pipeline.annotations.rows import Row, read_rows

ORIGIN = "class_folders"
LICENCE = "not told"

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
SOUNDS = (".wav", ".ogg", ".flac", ".mp3", ".aif", ".aiff")
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")

_SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


def read_class_folders(path: Path) -> Reading:
    """Read the classes of all files below a folder by the folders' names.

    Raises:
        AnnotationError: There is no such folder, or it contains no file of a class.
    """
    if not path.is_dir():
        raise AnnotationError("no such folder", path=path, remedy="name the one above the classes")
    tables = [file for file in sorted(path.glob("*.csv")) if _is_table(file)]
    licences = {name: licence for file in tables for name, licence in _licences(file).items()}
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and file not in tables]
    rows = [Row(file=str(file), line=0, text=file.relative_to(path).as_posix()) for file in files]

    def read(row: Row) -> AnnotatedClip:
        return _clip(Path(row.file), row.text, licences.get(row.text, LICENCE))

    reading = collect(rows, read)
    if not reading.clips:
        raise AnnotationError(
            "no picture, sound or video in a class folder",
            path=path,
            remedy="put the files into a folder per effect: DIR/dog_barking/SOURCE/FILE",
        )
    there = {row.text for row in rows}
    missing = tuple(
        Remark(file=str(path), line=0, text=name, reason="is in the table, but does not exist")
        for name in licences
        if name not in there
    )
    return join([reading, Reading(rejected=missing)])


def _clip(file: Path, name: str, licence: str) -> AnnotatedClip:
    folders = name.split("/")[:-1]
    split = _SPLITS.get(folders[0].casefold()) if folders else None
    if split is not None:
        folders = folders[1:]
    if not folders:
        raise RowError("is not in a class folder")
    modality = _modality(file)
    if file.stat().st_size == 0:
        raise RowError("is empty")
    # The same source under two classes is one source: a set of cats and dogs, say.
    source = "/".join(folders[1:]) or f"{folders[0]}/{file.stem}"
    return AnnotatedClip(
        source=source,
        clip=name,
        split=split,
        events=(clip_event(folders[0], modality=modality),),
        origin=ORIGIN,
        licence=licence,
    )


def _modality(file: Path) -> Modality:
    suffix = file.suffix.casefold()
    if suffix in PICTURES:
        return "visual"
    if suffix in SOUNDS:
        return "audio"
    if suffix in VIDEOS:
        return "both"
    raise RowError("is not a picture, sound or video by its name")


def _is_table(file: Path) -> bool:
    rows = read_rows(file)
    return bool(rows) and {"file", "licence"} <= {cell.casefold() for cell in rows[0].cells}


def _licences(file: Path) -> dict[str, str]:
    header, *rows = read_rows(file)
    names = [cell.casefold() for cell in header.cells]
    licences: dict[str, str] = {}
    for row in rows:
        if row.problem or len(row.cells) != len(names):
            raise AnnotationError(f"{file}, line {row.line}: should have {len(names)} columns")
        field = dict(zip(names, row.cells, strict=True))
        licences[field["file"]] = field["licence"]
    return licences
