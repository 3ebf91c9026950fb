"""Pictures with classes in, one table out: how well a backbone sees them under each aspect.

    python benchmarks/media/aspect.py PICTURES [--quick] [--json FILE]

PICTURES is a folder with `images.csv` (columns file, class, source). Three measures, all macro
averages over classes, first over all pictures and then over the oblong ones alone:

- `posterior`: mean summed posterior of the ImageNet classes that name the class, on its pictures;
- `imagenet`: ROC-AUC of that posterior;
- `probe`: ROC-AUC of a logistic regression on pooled features, in folds that never share a source
  between training and test.

All aspects see the same pictures. The last lines read `ratio NAME VALUE`.
"""

import argparse
import csv
import json
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from temporal_foley.models.image.backbone import BACKBONES, DEFAULT_ASPECT, load_backbone
from temporal_foley.models.image.preparation import ASPECTS

# ImageNet classes (by output index) that a class of pictures should raise.
IMAGENET = {
    "ambulance": [407],
    "cars": [436, 468, 511, 609, 627, 656, 661, 717, 751, 817],
    "cat_meowing": [281, 282, 283, 284, 285],
    "dog_barking": list(range(151, 269)),
    "train_passing": [466, 547, 565, 705, 820],
    "typing": [508, 527, 620, 681, 810, 878],
    "wave": [460, 972, 976, 977, 978],
}
# Longer side over shorter side from which on a picture counts as oblong; 4:3 does.
OBLONG = 1.3
FOLDS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--backbone", choices=BACKBONES, default="efficientnet_lite0")
    parser.add_argument("--per-source", type=int, default=40, help="pictures taken of each source")
    parser.add_argument("--quick", action="store_true", help="5 pictures of each source")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = choose(arguments.pictures, 5 if arguments.quick else arguments.per_source)
    pictures = [read(arguments.pictures / row["file"]) for row in rows]
    classes = np.array([row["class"] for row in rows])
    sources = np.array([row["source"] for row in rows])
    ratios = np.array([max(p.shape[:2]) / min(p.shape[:2]) for p in pictures])
    is_oblong = ratios >= OBLONG
    print(f"{len(rows)} pictures, {len(set(sources))} sources, {is_oblong.sum()} oblong")
    results = {}
    for aspect in ASPECTS:
        features, logits, frame_ms = look(arguments.backbone, aspect, pictures)
        posteriors = imagenet_posteriors(logits)
        probe, probe_classes = probe_posteriors(features, classes, sources)
        known = sorted(IMAGENET)
        results[aspect] = {
            "posterior": mean_posterior(posteriors, known, classes),
            "posterior_oblong": mean_posterior(posteriors[is_oblong], known, classes[is_oblong]),
            "imagenet": macro_auc(posteriors, known, classes),
            "imagenet_oblong": macro_auc(posteriors[is_oblong], known, classes[is_oblong]),
            "probe": macro_auc(probe, probe_classes, classes),
            "probe_oblong": macro_auc(probe[is_oblong], probe_classes, classes[is_oblong]),
            "frame_ms": frame_ms,
        }
        print(aspect, {k: round(float(v), 4) for k, v in results[aspect].items()}, flush=True)
    print(f"{'aspect':10s}" + "".join(f"{name:>16s}" for name in results["stretch"]))
    for aspect, row in results.items():
        print(f"{aspect:10s}" + "".join(f"{value:16.4f}" for value in row.values()))
    if arguments.json:
        arguments.json.write_text(json.dumps({"pictures": len(rows), **results}, indent=1))
    for aspect in ASPECTS:
        for name in ("posterior_oblong", "imagenet_oblong", "probe_oblong", "frame_ms"):
            value = results[aspect][name] / results[DEFAULT_ASPECT][name]
            print(f"ratio {name}:{aspect}/{DEFAULT_ASPECT} {value:.4f}")


def choose(folder: Path, per_source: int) -> list[dict[str, str]]:
    """Take the same number of pictures of every source and class, evenly through the list."""
    with (folder / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["class"], row["source"]), []).append(row)
    chosen = []
    for group in groups.values():
        picks = np.linspace(0, len(group) - 1, min(per_source, len(group))).round().astype(int)
        chosen += [group[index] for index in picks]
    return chosen


def read(path: Path) -> np.ndarray:
    """Read a picture as RGB."""
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def look(
    name: str, aspect: str, pictures: list[np.ndarray]
) -> tuple[Float[np.ndarray, "batch features"], Float[np.ndarray, "batch classes"], float]:
    """Run the backbone over all pictures; also return milliseconds a picture, compilation aside."""
    backbone = load_backbone(name, aspect=aspect)
    prepared = [backbone.prepare(picture) for picture in pictures]
    shapes: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(prepared):
        shapes.setdefault(image.shape, []).append(index)
    features = np.empty((len(pictures), backbone.features), np.float32)
    logits = np.empty((len(pictures), 1000), np.float32)
    seconds = 0.0
    for indices in shapes.values():
        backbone(np.stack([prepared[indices[0]]] * 8))
        started = time.perf_counter()
        for first in range(0, len(indices), 64):
            batch = indices[first : first + 64]
            outputs = backbone(np.stack([prepared[index] for index in batch]))
            features[batch], logits[batch] = outputs.features, outputs.logits
        seconds += time.perf_counter() - started
    return features, logits, 1000 * seconds / len(pictures)


def imagenet_posteriors(
    logits: Float[np.ndarray, "batch classes"],
) -> Float[np.ndarray, "batch known"]:
    """Sum the posteriors of the ImageNet classes of every known class."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    posteriors = exponentials / exponentials.sum(axis=1, keepdims=True)
    return np.stack([posteriors[:, IMAGENET[name]].sum(axis=1) for name in sorted(IMAGENET)], 1)


def probe_posteriors(
    features: Float[np.ndarray, "batch features"], classes: np.ndarray, sources: np.ndarray
) -> tuple[Float[np.ndarray, "batch known"], list[str]]:
    """Fit a linear probe in folds split by source; return its posteriors on the held-out parts."""
    # A class of one source would be wholly absent from training when it is tested.
    names = [name for name in np.unique(classes) if len(set(sources[classes == name])) > 1]
    posteriors = np.zeros((len(features), len(names)), np.float32)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # Some classes have fewer pictures than there are folds.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(folds.split(features, classes, sources))
    for train, test in splits:
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300))
        probe.fit(features[train], classes[train])
        found = probe.predict_proba(features[test])
        for column, name in enumerate(names):
            if name in probe.classes_:
                posteriors[test, column] = found[:, list(probe.classes_).index(name)]
    return posteriors, names


def mean_posterior(
    posteriors: Float[np.ndarray, "batch known"], names: list[str], classes: np.ndarray
) -> float:
    """Average, over the classes that are present, what a class is given on its own pictures."""
    values = [
        posteriors[classes == name, column].mean()
        for column, name in enumerate(names)
        if (classes == name).any()
    ]
    return float(np.mean(values))


def macro_auc(
    posteriors: Float[np.ndarray, "batch known"], names: list[str], classes: np.ndarray
) -> float:
    """Average ROC-AUC over the classes that are present."""
    values = [
        roc_auc_score(classes == name, posteriors[:, column])
        for column, name in enumerate(names)
        if (classes == name).any()
    ]
    return float(np.mean(values))


if __name__ == "__main__":
    main()
