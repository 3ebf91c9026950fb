"""Train the frozen phase of the stills baseline alone, on cached features of stills.

    python -m baselines.stills.top FEATURES/stills --out DIR

`python -m data_pipeline features` has made the features of pictures of full size, without
augmentation, so only a small matrix is trained: Adam at 1e-3, batches of 32, a softmax over effects
and `other`. numpy is enough for it.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from baselines.stills.results import draw_confusion, measure, write_table
from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import FeatureStore
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.runner import run
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.errors import UsageError

Features = Float[np.ndarray, "pictures features"]
Classes = Int[np.ndarray, " pictures"]

_RATE, _DECAYS, _EPSILON = 1e-3, (0.9, 0.999), 1e-8
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
        top = fit_top(*train, len(names), epochs=self.epochs, seed=self.seed)
        probabilities = softmax(_widened(test[0]) @ top, axis=1)
        measured = measure(probabilities, test[1], names, len(vocabulary))
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
        draw_confusion(self.out / "confusion.png", measured, names)
        console.print(f"{len(train[1])} pictures to train on")
        print(write_table("transfer, top alone", measured), end="")


def read_stills(folder: Path, vocabulary: Vocabulary) -> tuple[Features, Classes]:
    """Read the features of pictures that show one effect, or surely none.

    Raises:
        FoleyError: There are no features, or none of such pictures.
    """
    if not (folder / "manifest.json").is_file():
        raise UsageError(f"{folder}: no finished features there; see docs/how-to/build_datasets.md")
    store = FeatureStore(folder)
    found = [
        (record.visual[0], class_)
        for record in (store[place] for place in range(len(store)))
        if (class_ := _class_of(record, vocabulary)) is not None
    ]
    if not found:
        raise UsageError(f"{folder}: has no picture of one effect; give features of stills")
    rows, classes = zip(*found, strict=True)
    return np.array(rows, np.float32), np.array(classes)


def _class_of(record: FeatureRecord, vocabulary: Vocabulary) -> int | None:
    if not record.has_picture or record.has_sound or record.frames != 1:
        return None
    effects = {event.effect for event in record.events}
    if len(effects) == 1 and effects <= set(vocabulary.names):
        return vocabulary.index(effects.pop())
    is_other = not effects and set(vocabulary.names) <= set(record.labelled)
    return len(vocabulary) if is_other else None


def fit_top(
    features: Features, classes: Classes, count: int, *, epochs: int, seed: int
) -> Float[np.ndarray, "features_and_one classes"]:
    """Train a fully connected layer by Adam (Kingma and Ba, 2015); its last row is the bias."""
    generator = np.random.default_rng(seed)
    rows = _widened(features)
    # Glorot's rule for the kernel, as Keras draws it.
    bound = (6.0 / (features.shape[1] + count)) ** 0.5
    top = generator.uniform(-bound, bound, (rows.shape[1], count)).astype(np.float32)
    top[-1] = 0.0
    mean, square = np.zeros_like(top), np.zeros_like(top)
    step = 0
    for _ in range(epochs):
        order = generator.permutation(len(rows))
        for first in range(0, len(rows), _BATCH):
            chosen = order[first : first + _BATCH]
            error = softmax(rows[chosen] @ top, axis=1)
            error[np.arange(len(chosen)), classes[chosen]] -= 1.0
            gradient = rows[chosen].T @ error / len(chosen)
            step += 1
            mean = _DECAYS[0] * mean + (1.0 - _DECAYS[0]) * gradient
            square = _DECAYS[1] * square + (1.0 - _DECAYS[1]) * gradient**2
            spread = np.sqrt(square / (1.0 - _DECAYS[1] ** step)) + _EPSILON
            top -= _RATE * mean / (1.0 - _DECAYS[0] ** step) / spread
    return top


def _widened(features: Features) -> Features:
    return np.pad(features, ((0, 0), (0, 1)), constant_values=1.0)


if __name__ == "__main__":
    sys.exit(run("python -m baselines.stills.top", Top))
