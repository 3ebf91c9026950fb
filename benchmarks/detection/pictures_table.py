"""Measure how well the ImageNet detector distinguishes effects in pictures with known classes.

    python benchmarks/detection/pictures_table.py PICTURES [--aspect ASPECT] [--per-source N]
        [--quick]

PICTURES holds `images.csv` (columns file, class, source). For each effect that the detector can see
and that has pictures: ROC-AUC against the pictures of class `other`, the share of its own pictures
and of the others that reach its `threshold_on`, and the sources of most false alarms.
"""

import argparse
import collections
import csv
import json
from pathlib import Path

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from temporal_foley.effects import load_vocabulary
from temporal_foley.models.detector import detect_all
from temporal_foley.models.image.backbone import DEFAULT_ASPECT
from temporal_foley.models.image.preparation import ASPECTS
from temporal_foley.models.imagenet_detector import load_imagenet_detector


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--aspect", choices=ASPECTS, default=DEFAULT_ASPECT)
    parser.add_argument("--per-source", type=int, default=100, help="pictures of each source")
    parser.add_argument("--quick", action="store_true", help="5 pictures of each source")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    most = 5 if args.quick else args.per_source

    with (args.pictures / "images.csv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    taken: collections.Counter[tuple[str, str]] = collections.Counter()
    chosen = []
    for row in rows:
        taken[row["class"], row["source"]] += 1
        if taken[row["class"], row["source"]] <= most:
            chosen.append(row)
    classes = np.array([row["class"] for row in chosen])
    sources = np.array([row["source"] for row in chosen])

    detector = load_imagenet_detector(load_vocabulary(), aspect=args.aspect)
    pictures = (cv2.imread(str(args.pictures / row["file"])) for row in chosen)
    frames = (detector.prepare(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)) for image in pictures)
    table = detect_all(detector, frames).probabilities

    other = classes == "other"
    results: dict[str, dict[str, float | int | str]] = {}
    print(f"{detector.name}, {args.aspect}: {len(chosen)} pictures, {other.sum()} of them other")
    for effect in detector.seen_effects():
        mine = classes == effect
        if not mine.any():
            continue
        column = table[:, detector.vocabulary.index(effect)]
        alarms = column >= detector.vocabulary[effect].threshold_on
        both = mine | other
        worst = collections.Counter(sources[other & alarms]).most_common(2)
        results[effect] = {
            "pictures": int(mine.sum()),
            "auc": round(float(roc_auc_score(mine[both], column[both])), 3),
            "found": round(float(alarms[mine].mean()), 2),
            "false alarms": round(float(alarms[other].mean()), 3),
            "from": ", ".join(f"{source} {count}" for source, count in worst),
        }
        print(" | ".join([effect, *map(str, results[effect].values())]), flush=True)
    macro = round(float(np.mean([result["auc"] for result in results.values()])), 4)
    print(f"ratio macro_auc {macro}")
    if args.json:
        summary = {"macro auc": macro, "effects": results}
        args.json.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
