"""AVE's label arrays against its `Annotations.txt`: an HDF5 file in, rows that disagree out.

`labels_closs.h5` tells in which of the ten seconds the event lasts, `mil_labels.h5` which class it
is (28 in the order of their first row, then background), `labels.h5` both at once. They say what
`Annotations.txt` says, so they are a check, not a source. `labels_noisy.h5` and
`audio_feature_noisy.h5` are 178 clips of background without a name: nothing to learn effects from.
"""

from pathlib import Path

import numpy as np

from data_pipeline.annotations.ave import COLUMNS, read_table
from data_pipeline.annotations.records import AnnotationError, Remark
from data_pipeline.annotations.rows import read_rows, take_header

_SECONDS = 10


def check_labels(path: Path) -> tuple[int, tuple[Remark, ...]]:
    """Return how many rows the arrays hold, and those that differ from the text beside them.

    Raises:
        AnnotationError: The arrays are of no known shape.
    """
    labels = np.concatenate([np.asarray(a) for a in read_table(path).values()])
    expected = _expected(path.with_name("Annotations.txt"), labels.shape)
    if expected is None:
        return len(labels), tuple(
            Remark(file=str(path), line=0, text=f"row {row}", reason="background without a name")
            for row in range(len(labels))
        )
    different = np.flatnonzero((labels != expected).reshape(len(labels), -1).any(axis=1))
    return len(labels), tuple(
        Remark(file=str(path), line=0, text=f"row {row}", reason="differs from Annotations.txt")
        for row in different.tolist()
    )


def _expected(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Make the array that the text stands for; None if it is not about these rows."""
    names, rows = take_header(read_rows(path, "&", quoted=False), COLUMNS, COLUMNS)
    fields = [row.fields(names) for row in rows]
    if shape[0] != len(fields):
        return None
    classes = list(dict.fromkeys(field["category"] for field in fields))
    lasting = np.zeros((len(fields), _SECONDS), bool)
    labels = np.zeros((len(fields), _SECONDS, len(classes) + 1), bool)
    for row, field in enumerate(fields):
        lasting[row, int(field["starttime"]) : int(field["endtime"])] = True
        labels[row, :, classes.index(field["category"])] = lasting[row]
    labels[..., -1] = ~lasting
    if shape == lasting.shape:
        return lasting
    if shape == labels.shape:
        return labels
    if shape == (len(fields), len(classes) + 1):
        which = np.zeros(shape, bool)
        for row, field in enumerate(fields):
            which[row, classes.index(field["category"])] = True
        return which
    raise AnnotationError(f"{path.parent}: holds labels of shape {shape}, which no release has")
