"""Open the data of a run of the stills baseline, and write its scores, charts and weights."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from flax import traverse_util
from jaxtyping import Array, Float, PyTree
from safetensors.numpy import save_file
from scipy.special import softmax

from baselines.stills.config import Run
from baselines.stills.input import StillPictures, open_stills
from baselines.stills.results import (
    Check,
    draw_confusion,
    draw_curve,
    draw_roc,
    find_dip,
    measure,
    write_table,
)
from data_pipeline.prepare.built import open_splits
from temporal_foley.effects import load_vocabulary

METRICS = "metrics.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stills:
    """The pictures of a run."""

    train: StillPictures
    validation: StillPictures
    test: StillPictures
    effects: int


def open_data(config: Run) -> Stills:
    """Open the splits; without a validation split the test pictures are used for it."""
    vocabulary = load_vocabulary(config.vocabulary)
    # The report holds 20 % out once, for both.
    validation = "validation" if "validation" in open_splits(config.data) else "test"
    train, validation, test = (
        open_stills(config.data, split, vocabulary, has_other=config.other)
        for split in ("train", validation, "test")
    )
    return Stills(train=train, validation=validation, test=test, effects=len(vocabulary))


def judge(
    logits: Float[np.ndarray, "pictures classes"], stills: Stills
) -> tuple[Float[np.ndarray, "pictures classes"], dict[str, Any]]:
    """Return probabilities of the test pictures, and their scores."""
    probabilities = softmax(logits.astype(np.float64), axis=1)
    return probabilities, measure(
        probabilities, stills.test.classes, stills.test.names, stills.effects
    )


def write_results(
    out: Path,
    model: str,
    stills: Stills,
    logits: Float[np.ndarray, "pictures classes"],
    checks: Sequence[Check],
    *,
    before: Mapping[str, Any] | None = None,
) -> str:
    """Write scores and charts; return the table.

    Args:
        out: Folder of the run.
        model: `scratch` or `transfer`.
        stills: The dataset.
        logits: Of the test pictures.
        checks: The course of training.
        before: Scores on the test pictures before fine-tuning.
    """
    names = stills.test.names
    probabilities, measured = judge(logits, stills)
    dip = find_dip(checks)
    table = write_table(model, measured)
    draw_confusion(out / "confusion.png", measured, names)
    draw_curve(out / "curve.png", checks, dip)
    if measured["any_effect_auc"] is not None:
        draw_roc(out / "roc.png", probabilities, stills.test.classes, measured["any_effect_auc"])
    (out / "table.txt").write_text(table, "utf-8")
    document = {
        "schema": 1,
        "model": model,
        "test": measured,
        "test_before_fine_tuning": before,
        "dip": dip,
        "train_pictures": dict(zip(names, stills.train.counts.tolist(), strict=True)),
        "left_out": {"train": dict(stills.train.left_out), "test": dict(stills.test.left_out)},
    }
    # Written last: a run with it is finished.
    unfinished = out / f"{METRICS}.part"
    unfinished.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    unfinished.replace(out / METRICS)
    return table


def save_weights(path: Path, params: PyTree[Array | np.ndarray]) -> None:
    """Write all arrays as safetensors, named by their place."""

    def named(tree: Any) -> Any:
        return {str(k): named(v) for k, v in tree.items()} if isinstance(tree, dict) else tree

    flat = traverse_util.flatten_dict(named(params), sep="/")
    unfinished = path.with_suffix(".part")
    save_file({name: np.ascontiguousarray(leaf) for name, leaf in flat.items()}, unfinished)
    unfinished.replace(path)
