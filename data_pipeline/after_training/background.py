"""Add the bank of image features to a bundle that new effects are taught against.

Chooses some hundred images of as many sources, half of them without any effect, and stores their
standardised features in the bundle (`models/tagging/background.py`). The calibration for a number
of examples is learnt from the known effects: each is taken out of the bank in turn, taught from a
few of its images, and evaluated on those of other sources. Where the features have too few for
that, the calibration is that of the shipped model, if it has the same backbone: it is in standard
deviations of the bank, so it holds for other effects too. The tagger is unchanged. `--without
EFFECT` leaves out all images of an effect, to try `teach` on it.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float16

from data_pipeline.after_training.options import BackgroundOptions
from temporal_foley.errors import UsageError

if TYPE_CHECKING:
    from data_pipeline.features.split import FeatureSplit
    from temporal_foley.effects import Vocabulary
    from temporal_foley.models.bundle.bundle import Bundle
    from temporal_foley.models.tagging.background import Background

EXAMPLES = (1, 2, 4, 8)
LEAST_PICTURES = 16
"""Fewer do not show how much ordinary images vary."""
LEAST_SOURCES = 16
"""Effects with fewer sources are not used for the calibration."""
MOST_JUDGED = 100
"""Images with an effect, and four times as many without, for a calibration."""
USUAL_SHARE = 0.05
"""Expected share of the time in which a new effect is present."""


class Pictures(NamedTuple):
    """One frame of each record with images, and its effects."""

    features: Float16[np.ndarray, "pictures features"]
    present: Bool[np.ndarray, "pictures effects"]
    absent: Bool[np.ndarray, "pictures effects"]
    sources: np.ndarray

    def at(self, places: np.ndarray) -> "Pictures":
        """Return some of them, by index or mask."""
        return Pictures(*(part[places] for part in self))


def read_pictures(split: "FeatureSplit", vocabulary: "Vocabulary", *, seed: int = 0) -> Pictures:
    """Read one frame of each record with images."""
    from data_pipeline.features.record import record_labels

    generator = np.random.default_rng(seed)
    features, present, absent, sources = [], [], [], []
    for index in range(len(split)):
        record = split[index]
        frame = int(generator.integers(record.frames))
        if not record.has_picture:
            continue
        labels = record_labels(record, vocabulary)
        positive = labels.labels[frame] > 0
        features.append(record.visual[frame])
        present.append(positive)
        absent.append(labels.known[frame].astype(bool) & ~positive)
        sources.append(record.source)
    if not features:
        raise UsageError("the features have no images; extract them from images or videos")
    return Pictures(np.stack(features), np.stack(present), np.stack(absent), np.array(sources))


def choose(pictures: Pictures, count: int, *, seed: int = 0) -> np.ndarray:
    """Choose images of as many sources and effects as possible; return their indices."""
    order = np.random.default_rng(seed).permutation(len(pictures.features))
    # One image of each source before the second of any.
    turns: dict[str, int] = {}
    turn = []
    for place in order:
        source = str(pictures.sources[place])
        turn.append(turns.setdefault(source, 0))
        turns[source] += 1
    order = order[np.argsort(turn, kind="stable")]
    has_any = pictures.present[order].any(axis=1)
    plain = list(order[~has_any][: max(count // 2, count - int(has_any.sum()))])
    queues = [
        list(order[pictures.present[order, effect]]) for effect in range(pictures.present.shape[1])
    ]
    chosen = dict.fromkeys(int(place) for place in plain)
    while any(queues) and len(chosen) < count:
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.setdefault(int(queue.pop(0)))
    return np.array(list(chosen), np.int64)


Lines = Sequence[tuple[int, float, float]]


def learn_background(
    pictures: Pictures, *, count: int = 512, seed: int = 0, usual: Lines = ()
) -> "Background":
    """Choose the bank, and learn the calibration for each number of examples.

    Args:
        pictures: To choose from.
        count: Size of the bank.
        seed: Of the choice.
        usual: Calibration to use if the pictures are too few to learn one.

    Raises:
        UsageError: The pictures are too few.
    """
    from temporal_foley.models.tagging.background import make_background

    available = len(pictures.features)
    if available < LEAST_PICTURES:
        raise UsageError(
            f"{available} images are too few for a background",
            remedy=f"give at least {LEAST_PICTURES}, half of them of none of the effects",
        )
    # Of a small set half is the bank, and half is there to learn from.
    bank = choose(pictures, min(count, available // 2), seed=seed)
    lines = _learn_lines(pictures, bank, seed=seed)
    if not lines and usual:
        lines, bank = usual, choose(pictures, count, seed=seed)
        print("the calibration for the number of examples is that of the shipped model")
    if not lines:
        raise UsageError(
            f"no effect has images of {LEAST_SOURCES} sources: too few to calibrate the number of "
            "examples",
            remedy="add images of other sources, or use the default backbone, whose calibration "
            "is known",
        )
    return make_background(pictures.features[bank], lines)


def _learn_lines(pictures: Pictures, bank: np.ndarray, *, seed: int) -> Lines:
    """Learn the calibration from the images outside the bank; empty if they are too few."""
    from temporal_foley.evaluation.fit_calibration import CalibrationLine
    from temporal_foley.models.tagging.background import make_background
    from temporal_foley.models.tagging.taught import judge_frames
    from temporal_foley.teaching.few_shot import fit_effect

    others = np.setdiff1d(np.arange(len(pictures.features)), bank)
    generator = np.random.default_rng(seed)
    judged: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {k: [] for k in EXAMPLES}
    for effect in range(pictures.present.shape[1]):
        shown = others[pictures.present[others, effect]]
        _, first = np.unique(pictures.sources[shown], return_index=True)
        shown = generator.permutation(shown[first])
        plain = generator.permutation(others[pictures.absent[others, effect]])
        kept = bank[~pictures.present[bank, effect]]
        if len(shown) < LEAST_SOURCES or not len(plain) or len(kept) < 2:
            continue
        without = make_background(pictures.features[kept])
        for k in EXAMPLES:
            taught = fit_effect([pictures.features[[i]] for i in shown[:k]], without)
            logits = [
                judge_frames(taught, pictures.features[places], has_picture=True)[:, 0]
                for places in (shown[max(EXAMPLES) :][:MOST_JUDGED], plain[: 4 * MOST_JUDGED])
            ]
            judged[k].append((logits[0], logits[1]))
    lines = [(k, *_line(judged[k])) for k in EXAMPLES if judged[k]]
    for k, *line in lines:
        fitted = CalibrationLine(*line)
        print(f"{k} examples: slope {fitted.slope:.2f}, bias {fitted.bias:.2f}")
    return lines


def shipped_lines(bundle: "Bundle") -> Lines:
    """Return the calibration of the shipped model, if it has the same backbone as a bundle."""
    from temporal_foley.models.bundle.bundle import load_bundle
    from temporal_foley.models.by_name import BEST, SHIPPED, shipped_models

    if BEST not in shipped_models():
        return ()
    shipped = load_bundle(SHIPPED / BEST)
    keys = ("backbone", "backbone_sha256", "aspect")
    same = all(getattr(shipped.inputs, key) == getattr(bundle.inputs, key) for key in keys)
    if shipped.background is None or not same:
        return ()
    return [(int(k), float(a), float(b)) for k, a, b in shipped.background.lines]


def _line(judged: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Fit a slope and a bias to all effects together, with equal weights."""
    from scipy import optimize

    values = np.concatenate([np.concatenate(pair) for pair in judged]).astype(np.float64)
    truth = np.concatenate([np.repeat([1.0, 0.0], [len(p), len(n)]) for p, n in judged])
    weight = np.concatenate(
        [
            np.concatenate(
                [np.full(len(p), USUAL_SHARE / len(p)), np.full(len(n), (1 - USUAL_SHARE) / len(n))]
            )
            for p, n in judged
        ]
    )

    def loss(line: np.ndarray) -> float:
        wrong = (1.0 - 2.0 * truth) * (np.exp(line[0]) * values + line[1])
        return float((weight * np.logaddexp(0.0, wrong)).sum() + 1e-3 * line[0] ** 2)

    found = optimize.minimize(loss, np.array([0.0, -3.0]), method="L-BFGS-B")
    return float(np.exp(found.x[0])), float(found.x[1])


def run(options: BackgroundOptions) -> None:
    """Learn the background of a bundle, and write the bundle with it."""
    from data_pipeline.features.split import open_split
    from temporal_foley.models.bundle.bundle import load_bundle, save_bundle

    bundle = load_bundle(options.bundle)
    split = open_split(options.data, options.split, datasets=options.datasets)
    if (split.settings["backbone"], split.settings["weights"]["backbone"]) != (
        bundle.inputs.backbone,
        bundle.inputs.backbone_sha256,
    ):
        raise UsageError(
            f"not features of the backbone of {options.bundle}",
            path=options.data,
            remedy="extract them again",
        )
    pictures = read_pictures(split, bundle.vocabulary)
    for name in options.without:
        column = bundle.vocabulary.index(name)
        pictures = pictures.at(pictures.absent[:, column])
    background = learn_background(pictures, count=options.pictures, usual=shipped_lines(bundle))
    info = {**bundle.training_info, "background": split.facts()}
    changed = dataclasses.replace(bundle, background=background, training_info=info)
    sha256 = save_bundle(options.out, changed, overwrite=options.overwrite)
    print(
        f"wrote {options.out} ({sha256[:12]}), with {len(background.codes)} pictures of background"
    )
