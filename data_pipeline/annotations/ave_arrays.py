"""Read AVE's HDF5 files: the splits of its rows, and label arrays to check against the text.

`train_order.h5`, `val_order.h5` and `test_order.h5` hold the row numbers of each split.
`labels_closs.h5` says in which of the ten seconds the event lasts, `mil_labels.h5` which class it
is (28 in the order of their first row, then background), `labels.h5` both. They repeat
`Annotations.txt`, so they serve as a check. `labels_noisy.h5` and `audio_feature_noisy.h5` are 178
clips of background without a name: nothing to learn effects from.
"""

from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.annotations.records import AnnotationError, Remark
from data_pipeline.annotations.rows import read_rows, take_header

_COLUMNS = ("category", "videoid", "quality", "starttime", "endtime")
_ORDERS = {"train_order.h5": "train", "val_order.h5": "validation", "test_order.h5": "test"}
_SECONDS = 10


def read_row_splits(path: Path, rows: int) -> dict[int, str]:
    """Return the split of each row by its number, from the orders beside a table.

    Raises:
        AnnotationError: An order does not fit the table.
    """
    splits: dict[int, str] = {}
    for file, split in ((path.with_name(name), split) for name, split in _ORDERS.items()):
        for number in read_arrays(file)["order"].tolist() if file.is_file() else ():
            if number in splits or not 0 <= number < rows:
                raise AnnotationError(
                    f"row {number} is in two splits, or not in {path.name}", path=file
                )
            splits[number] = split
    return splits


def check_labels(path: Path) -> tuple[int, tuple[Remark, ...]]:
    """Return the number of rows of the arrays, and those that differ from the text beside them.

    Raises:
        AnnotationError: The arrays have an unknown shape.
    """
    labels = np.concatenate([np.asarray(a) for a in read_arrays(path).values()])
    expected = _expected(path.with_name("Annotations.txt"), labels.shape)
    if expected is None:
        wrong, reason = range(len(labels)), "background without a name"
    else:
        differs = (labels != expected).reshape(len(labels), -1).any(axis=1)
        wrong, reason = np.flatnonzero(differs).tolist(), "differs from Annotations.txt"
    return len(labels), tuple(
        Remark(file=str(path), line=0, text=f"row {row}", reason=reason) for row in wrong
    )


def read_arrays(path: Path) -> dict[str, Any]:
    """Read all arrays of an HDF5 file by their names.

    Raises:
        AnnotationError: The file is damaged, or h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise AnnotationError("needs h5py", path=path, remedy="run pip install h5py") from None
    try:
        with h5py.File(path, "r") as file:
            return {name: file[name][...] for name in file}  # type: ignore[index]
    except OSError as error:
        raise AnnotationError(f"is not an HDF5 file, or damaged ({error})", path=path) from None


def _expected(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Make the array that the text describes; None if the text has other rows."""
    names, rows = take_header(read_rows(path, "&", quoted=False), _COLUMNS)
    fields = [dict(zip(names or _COLUMNS, row.cells, strict=True)) for row in rows]
    if shape[0] != len(fields):
        return None
    classes = list(dict.fromkeys(field["category"] for field in fields))
    lasting = np.zeros((len(fields), _SECONDS), bool)
    labels = np.zeros((len(fields), _SECONDS, len(classes) + 1), bool)
    which = np.zeros((len(fields), len(classes) + 1), bool)
    for row, field in enumerate(fields):
        number = classes.index(field["category"])
        lasting[row, int(field["starttime"]) : int(field["endtime"])] = True
        labels[row, :, number] = lasting[row]
        which[row, number] = True
    labels[..., -1] = ~lasting
    for array in (lasting, labels, which):
        if array.shape == shape:
            return array
    raise AnnotationError(f"has labels of shape {shape}, which no release has", path=path.parent)
