"""Report 000's frozen phase alone: cached features of stills in, its table and confusion out.

    python -m baselines.stills.top FEATURES/stills --out DIR

The backbone has looked already (`data_pipeline.features.command`), at pictures of full size and
without
augmentation, so all that is left is a small matrix. It is trained as there: Adam at 1e-3, batches
of 32, a softmax over effects and `other`; numpy is enough for it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from baselines.stills.results import draw_confusion, measure, write_table
from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import FeatureStore
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.errors import FoleyError, UsageError

Features = Float[np.ndarray, "pictures features"]
Classes = Int[np.ndarray, " pictures"]

_RATE, _DECAYS, _EPSILON = 1e-3, (0.9, 0.999), 1e-8
_BATCH = 32


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m baselines.stills.top",
        description="Train report 000's new top on cached features of stills.",
    )
    parser.add_argument("features", type=Path, help="folder with features of train and test")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args(argv)
    vocabulary = load_vocabulary()
    names = [*vocabulary.names, "other"]
    try:
        train, test = (
            read_stills(words.features / split, vocabulary) for split in ("train", "test")
        )
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    top = fit_top(*train, len(names), epochs=words.epochs, seed=words.seed)
    measured = measure(softmax(_widened(test[0]) @ top, axis=1), test[1], names, len(vocabulary))
    words.out.mkdir(parents=True, exist_ok=True)
    (words.out / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    draw_confusion(words.out / "confusion.png", measured, names)
    print(f"{len(train[1])} pictures to train on")
    print(write_table("transfer, top alone", measured), end="")
    return 0


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
    sys.exit(main())
