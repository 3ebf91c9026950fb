"""Fit the regressions of `models/image/sights.py` to pictures.

    python -m data_pipeline.after_training.fit_sights FEATURES
        --out temporal_foley/models/image/sights.safetensors

FEATURES has `train`, `validation` and `test` of pictures; `sights.tsv` names those that show an
effect, by file or folder, and those that do not decide. Every other picture shows none. Printed for
each effect: ROC-AUC on the pictures of `validation` and `test`, fitted to `train`; what is written
is fitted to all.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression

from data_pipeline.features.store import FeatureStore
from temporal_foley.evaluation.curves import roc_auc

UNDECIDED = "-"
STRENGTH = 0.003
"""As of `RegressionConfig`."""
SHOWN_WEIGHT, OTHER_WEIGHT = 200.0, 2500.0
LEAST_DEVIATION = 0.05

Rows = Float[np.ndarray, "pictures features"]


def fit_sight(rows: Rows, shown: Bool[np.ndarray, " pictures"]) -> tuple[np.ndarray, float]:
    """Fit the log likelihood ratio of one effect; return its kernel and bias."""
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + LEAST_DEVIATION
    totals = np.where(shown, SHOWN_WEIGHT / shown.sum(), OTHER_WEIGHT / (~shown).sum())
    model = LogisticRegression(C=STRENGTH, max_iter=100)
    model.fit((rows - mean) / deviation, shown, sample_weight=totals)
    kernel = np.asarray(model.coef_)[0] / deviation
    # The odds of the weights are no evidence.
    bias = np.asarray(model.intercept_)[0] - kernel @ mean - np.log(SHOWN_WEIGHT / OTHER_WEIGHT)
    return kernel, float(bias)


def read_marks(path: Path) -> list[tuple[str, str]]:
    """Read which effect the pictures of a file or folder show."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["effect"], row["pictures"]) for row in csv.DictReader(file, delimiter="\t")]


def mark(names: Sequence[str], marks: Sequence[tuple[str, str]], effect: str) -> np.ndarray:
    """Return 1 for the pictures that show an effect, 0 for those that do not, -1 for undecided."""
    found = np.zeros(len(names), int)
    for shown, pictures in marks:
        value = {effect: 1, UNDECIDED: -1}.get(shown)
        if value is not None:
            found[[name == pictures or name.startswith(f"{pictures}/") for name in names]] = value
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("features", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    marks = read_marks(Path(__file__).with_name("sights.tsv"))
    effects = sorted({effect for effect, _ in marks} - {UNDECIDED})
    rows, names, is_train, backbone = [], [], [], ""
    for split in ("train", "validation", "test"):
        store = FeatureStore(given.features / split)
        backbone = store.settings["weights"]["backbone"]
        for number in range(len(store)):
            record = store[number]
            if record.is_still and record.has_picture:
                rows.append(record.visual[0].astype(np.float32))
                names.append(record.id.removeprefix("picture/"))
                is_train.append(split == "train")
    pictures, train = np.stack(rows), np.array(is_train)
    kernels, biases = [], []
    for effect in effects:
        truth = mark(names, marks, effect)
        known, held = truth >= 0, (truth >= 0) & ~train
        kernel, bias = fit_sight(pictures[known & train], truth[known & train] == 1)
        area = roc_auc(truth[held] == 1, pictures[held] @ kernel + bias)
        shown = truth == 1
        print(
            f"{effect}: {shown.sum()} pictures; {(shown & held).sum()} held out, ROC-AUC {area:.3f}"
        )
        kernel, bias = fit_sight(pictures[known], truth[known] == 1)
        kernels.append(kernel)
        biases.append(bias)
    arrays = {
        "names": np.frombuffer("\n".join(effects).encode(), np.uint8),
        "backbone": np.frombuffer(backbone.encode(), np.uint8),
        "kernel": np.stack(kernels, axis=1).astype(np.float16),
        "bias": np.array(biases, np.float32),
    }
    given.out.write_bytes(safetensors.numpy.save(arrays))


if __name__ == "__main__":
    main()
