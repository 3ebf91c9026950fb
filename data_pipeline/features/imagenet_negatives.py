"""What an ImageNet network knows of its thousand classes in, made-up features of them out.

    python -m data_pipeline.features.imagenet_negatives FEATURES/stills/train --out
        FEATURES/imagenet/train

Pictures of what is *not* to be heard are scarce: tools, instruments, food, beasts, rooms. The
classifier of the backbone knows a thousand such things. If the features of a class are normally
distributed about their mean, with one covariance for all, then the best classifier is linear, and
its weights are the inverse covariance times the means (linear discriminant analysis, Fisher 1936).
Turned round: the mean of a class is the common mean plus the covariance times its weights. Rows are
drawn about that mean and cut at zero, as the network's features are. The covariance is that of real
features within the same class; how far class means lie from the common one is set so that the
classifier is as sure of drawn rows as of real pictures. No picture of ImageNet is needed.

Where a class shows an effect, or may (the vocabulary's own rules say so), nothing is said of that
effect; all others are absent.
"""

import argparse
import dataclasses
import hashlib
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import FeatureStore, begin, finish, shard_name, write_shard
from temporal_foley.effects import DEFAULT_VOCABULARY, Vocabulary, load_vocabulary
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.imagenet_classes import CLASSES, class_weights

SHRINKAGE = 0.1
"""Part of the covariance that is made even: fewer pictures than squares of features."""
SPREAD = (0.6, 1.4)
"""Clear and less clear examples: so many times the usual distance from the common mean."""
_HALVINGS, _FARTHEST = 12, 64.0
PER_SHARD = 1000

Rows = Float[np.ndarray, "rows features"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """How features are distributed."""

    mean: Float[np.ndarray, " features"]
    spread: Float[np.ndarray, "features features"]
    """Lower triangle whose square is the covariance."""

    @property
    def covariance(self) -> Float[np.ndarray, "features features"]:
        """Of rows of one class."""
        return self.spread @ self.spread.T


def measure_shape(rows: Rows, groups: Int[np.ndarray, " rows"]) -> Shape:
    """Measure mean, and covariance within groups, of real features."""
    wide = rows.astype(np.float64)
    means = np.stack([wide[groups == g].mean(axis=0) for g in np.unique(groups)])
    places = np.searchsorted(np.unique(groups), groups)
    rest = wide - means[places]
    covariance = rest.T @ rest / len(wide)
    even = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    covariance = (1.0 - SHRINKAGE) * covariance + SHRINKAGE * even
    return Shape(mean=means.mean(axis=0), spread=np.linalg.cholesky(covariance))


def draw_classes(
    shape: Shape,
    kernel: Float[np.ndarray, "features classes"],
    bias: Float[np.ndarray, " classes"],
    classes: Int[np.ndarray, " rows"],
    generator: np.random.Generator,
    *,
    sureness: float,
) -> Rows:
    """Draw a row of features for each of the classes.

    Args:
        shape: How real features are distributed.
        kernel: The classifier's weights.
        bias: And its biases.
        classes: Of the rows.
        generator: For the noise.
        sureness: The mean of the largest logit that is wanted; that of real pictures.
    """
    directions = ((kernel - kernel.mean(axis=1, keepdims=True)).T @ shape.covariance)[classes]
    scales = generator.uniform(*SPREAD, size=(len(classes), 1))
    noise = generator.normal(size=(len(classes), len(shape.mean))) @ shape.spread.T

    def draw(distance: float) -> Rows:
        return np.maximum(shape.mean + distance * scales * directions + noise, 0.0)

    low, high = 0.0, _FARTHEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        logits = draw(middle) @ kernel + bias
        low, high = (middle, high) if logits.max(axis=1).mean() < sureness else (low, middle)
    return draw(high)


def make_records(
    rows: Rows,
    classes: Int[np.ndarray, " rows"],
    vocabulary: Vocabulary,
    frame_rate: Fraction,
    audio_features: int,
) -> Iterator[FeatureRecord]:
    """Yield stills of classes, with what is known to be absent in them."""
    weights = class_weights(vocabulary)
    for number, (row, kind) in enumerate(zip(rows.astype(np.float16), classes, strict=True)):
        absent = np.flatnonzero(weights[kind] == 0)
        yield FeatureRecord(
            id=f"imagenet/{kind}/{number}",
            source=f"imagenet/{kind}",
            origin="made up from the classifier of the backbone",
            sha256=hashlib.sha256(row.tobytes()).hexdigest(),
            frame_rate=frame_rate,
            times_s=np.zeros(1),
            visual=row[None],
            audio=np.zeros((1, audio_features), np.float16),
            has_picture=True,
            has_sound=False,
            is_still=True,
            labelled=tuple(vocabulary.names[k] for k in absent),
        )


def run(words: argparse.Namespace) -> None:
    """Measure, draw, write."""
    store = FeatureStore(words.features)
    vocabulary = load_vocabulary(words.vocabulary)
    rows, groups, kinds = [], [], {}
    for number in range(len(store)):
        record = store[number]
        if record.has_picture and record.is_still:
            effects = tuple(sorted({event.effect for event in record.events}))
            # Of nothing-to-hear a class is not known; the collection stands for it.
            group = effects or (record.source.split("#")[0].split("/")[0],)
            groups.append(kinds.setdefault(group, len(kinds)))
            rows.append(record.visual[0])
    if len(rows) < 100:
        raise UsageError(f"{words.features}: {len(rows)} stills are too few to learn from")
    shape = measure_shape(np.stack(rows), np.array(groups))
    network = load_backbone(store.settings["backbone"]).network
    kernel = np.asarray(network.params["readout"]["kernel"], np.float64)
    bias = np.asarray(network.params["readout"]["bias"], np.float64)
    generator = np.random.default_rng(words.seed)
    classes = np.repeat(np.arange(CLASSES), words.per_class)
    real = np.stack(rows).astype(np.float64) @ kernel + bias
    sureness = float(real.max(axis=1).mean())
    made = draw_classes(shape, kernel, bias, classes, generator, sureness=sureness)
    taken = np.argmax(made @ kernel + bias, axis=1)
    shards = -(-len(made) // PER_SHARD)
    settings = {
        **store.settings,
        "source": f"imagenet negatives {words.per_class} {words.seed} of {store.sha256}",
        "items": len(made),
        "shards": shards,
        "items_per_shard": PER_SHARD,
    }
    begin(words.out, settings, overwrite=words.overwrite)
    audio = store[0].audio.shape[1]
    records = make_records(made, classes, vocabulary, store[0].frame_rate, audio)
    notes = []
    for number in range(shards):
        part = [next(records) for _ in range(min(PER_SHARD, len(made) - number * PER_SHARD))]
        notes.append(write_shard(words.out, shard_name(number, shards), part))
    finish(words.out, settings, notes)
    share = float(np.mean(taken == classes))
    print(f"{len(made)} rows; the classifier takes {share:.3f} of them for their class")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m data_pipeline.features.imagenet_negatives",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("features", type=Path, help="features of real stills")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", default=DEFAULT_VOCABULARY, metavar="NAME|FILE")
    parser.add_argument("--per-class", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--overwrite", action="store_true")
    words = parser.parse_args(argv)
    try:
        run(words)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
