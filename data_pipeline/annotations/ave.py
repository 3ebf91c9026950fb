"""AVE, audio-visual events in 10 s clips of 28 classes: `Annotations.txt` in, clips out.

Tian et al., Audio-Visual Event Localization in Unconstrained Videos, ECCV 2018. A row is
`Category&VideoID&Quality&StartTime&EndTime`, in whole seconds. The splits are row numbers in
`train_order.h5`, `val_order.h5` and `test_order.h5`, or files `trainSet.txt` and so on of the same
form as the whole.
"""

from pathlib import Path
from typing import Any

from data_pipeline.annotations.collect import collect, join
from data_pipeline.annotations.records import (
    AnnotatedClip,
    AnnotationError,
    Reading,
    RowError,
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

ORIGIN = "ave"
LICENCE = "none stated by the publisher; videos belong to their authors"
CLIP_S = 10.0
COLUMNS = ("category", "videoid", "quality", "starttime", "endtime")

_ORDERS = {"train_order.h5": "train", "val_order.h5": "validation", "test_order.h5": "test"}
_SPLIT_FILES = {"trainset.txt": "train", "valset.txt": "validation", "testset.txt": "test"}


def read_ave(path: Path) -> Reading:
    """Read `Annotations.txt`, a split's file, or a folder of them.

    Raises:
        AnnotationError: A file cannot be read, or the orders beside it do not fit it.
    """
    return join([_read_file(file) for file in files_of(path, _belongs)])


def _belongs(path: Path) -> bool:
    name = path.name.casefold()
    whole = path.with_name("Annotations.txt").is_file()
    # Beside the whole, the splits' files would only say everything again.
    return name == "annotations.txt" or (name in _SPLIT_FILES and not whole)


def _read_file(path: Path) -> Reading:
    names, rows = take_header(read_rows(path, "&", quoted=False), COLUMNS, COLUMNS)
    own = _SPLIT_FILES.get(path.name.casefold())
    splits = {} if own else _read_orders(path.parent, len(rows))
    numbers = {row.line: number for number, row in enumerate(rows)}

    def read(row: Row) -> AnnotatedClip:
        field = row.fields(names)
        if field["quality"] != "good":
            raise RowError("is not marked as good")
        video = youtube_id(field["videoid"])
        onset, offset = seconds(field["starttime"]), seconds(field["endtime"])
        event = make_event(field["category"], onset, offset, length_s=CLIP_S)
        return AnnotatedClip(
            source=video,
            clip=f"{video}.mp4",
            end_s=CLIP_S,
            split=own or splits.get(numbers[row.line]),
            events=(event,),
            origin=ORIGIN,
            licence=LICENCE,
        )

    return collect(rows, read)


def _read_orders(folder: Path, rows: int) -> dict[int, str]:
    """Read which row is in which split; nothing if the orders are not there."""
    splits: dict[int, str] = {}
    for name, split in _ORDERS.items():
        if not (folder / name).is_file():
            continue
        for number in read_table(folder / name)["order"].tolist():
            if number in splits or not 0 <= number < rows:
                raise AnnotationError(
                    f"{folder / name}: row {number} is in two splits, or not in Annotations.txt"
                )
            splits[number] = split
    return splits


def read_table(path: Path) -> dict[str, Any]:
    """Read all arrays of an HDF5 file by their names.

    Raises:
        AnnotationError: The file is damaged, or h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise AnnotationError(f"{path}: needs h5py; run pip install h5py") from None
    try:
        with h5py.File(path, "r") as file:
            return {name: file[name][...] for name in file}  # type: ignore[index]
    except OSError as error:
        raise AnnotationError(f"{path}: is not an HDF5 file, or damaged ({error})") from None
