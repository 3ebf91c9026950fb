"""Train the frozen phase of the stills baseline alone, on cached features of stills.

    python -m baselines.stills.top FEATURES/stills --out DIR

`python -m data_pipeline features` has made the features of pictures of full size, without
augmentation, so only a small matrix is trained: Adam at 1e-3, batches of 32, a softmax over effects
and `other`.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float, Int
from scipy.special import softmax

from baselines.stills.classifier import apply_top
from baselines.stills.phases import train_phase
from baselines.stills.results import draw_confusion, measure, write_table
from baselines.stills.run import feature_batches, top_phase
from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import FeatureStore
from data_pipeline.input.batch_plan import BatchPlan
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.runner import run
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.errors import UsageError

Features = Float[np.ndarray, "pictures features"]
Classes = Int[np.ndarray, " pictures"]

_LEARNING_RATE = 1e-3
_BATCH = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Top:
    """Train the top of the stills baseline on cached features of stills."""

    features: Annotated[Path, Arg(positional=True, metavar="FEATURES")]
    """Folder with the features of train and test."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for metrics and confusion matrix."""
    epochs: int = 20
    """Training epochs."""
    seed: int = 0
    """Seed of weights and batches."""

    def run(self, console: Console) -> None:
        """Train the top, and write its metrics."""
        vocabulary = load_vocabulary()
        names = [*vocabulary.names, "other"]
        train, test = (
            read_stills(self.features / split, vocabulary) for split in ("train", "test")
        )
        logits = fit_top(train, test, len(names), epochs=self.epochs, seed=self.seed)
        measured = measure(softmax(logits, axis=1), test[1], names, len(vocabulary))
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
        draw_confusion(self.out / "confusion.png", measured, names)
        console.print(f"{len(train[1])} pictures to train on")
        print(write_table("transfer, top alone", measured), end="")


def read_stills(folder: Path, vocabulary: Vocabulary) -> tuple[Features, Classes]:
    """Read the features of pictures that show one effect, or certainly none.

    Raises:
        FoleyError: There are no features, or none of such pictures.
    """
    if not (folder / "manifest.json").is_file():
        raise UsageError(
            "has no finished features", path=folder, remedy="see docs/how-to/build_datasets.md"
        )
    store = FeatureStore(folder)
    found = [
        (record.visual[0], class_)
        for record in (store[place] for place in range(len(store)))
        if (class_ := _class_of(record, vocabulary)) is not None
    ]
    if not found:
        raise UsageError(
            "has no picture of one effect", path=folder, remedy="give features of stills"
        )
    rows, classes = zip(*found, strict=True)
    return np.array(rows, np.float32), np.array(classes, np.int32)


def _class_of(record: FeatureRecord, vocabulary: Vocabulary) -> int | None:
    if not record.has_picture or record.has_sound or record.frames != 1:
        return None
    effects = {event.effect for event in record.events}
    if len(effects) == 1 and effects <= set(vocabulary.names):
        return vocabulary.index(effects.pop())
    is_other = not effects and set(vocabulary.names) <= set(record.labelled)
    return len(vocabulary) if is_other else None


def fit_top(
    train: tuple[Features, Classes],
    test: tuple[Features, Classes],
    classes: int,
    *,
    epochs: int,
    seed: int,
) -> Float[np.ndarray, "pictures classes"]:
    """Train a fully connected layer on features; return its logits of the test features."""
    init_key, step_key = jax.random.split(jax.random.key(seed))
    glorot = nnx.initializers.glorot_uniform()
    top = {
        "kernel": glorot(init_key, (train[0].shape[1], classes)),
        "bias": jax.numpy.zeros(classes),
    }
    plan = BatchPlan(
        [1] * len(train[1]),
        lengths=(1,),
        batch_size=_BATCH,
        epochs=epochs,
        seed=seed,
        is_training=True,
    )
    phase, state = top_phase(
        plan,
        lambda first: feature_batches(plan, [train[0]], train[1], first),
        lambda state: np.asarray(apply_top(state.params, test[0])),
        test[1],
        top=top,
        learning_rate=_LEARNING_RATE,
        key=step_key,
    )
    state, _ = train_phase(phase, state, None, {})
    return phase.logits(state)


if __name__ == "__main__":
    sys.exit(run("python -m baselines.stills.top", Top))
