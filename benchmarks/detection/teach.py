"""Measure how good an effect is that was taught from k examples.

    python benchmarks/detection/teach.py BUNDLE --data FEATURES

Each effect with enough pictures in the test split is held out in turn: all its pictures leave the
background, k of them (train split, a source each) are taught, and the pictures of other sources
(validation and test) are judged: ROC-AUC against all pictures surely without it, and at the
calibrated threshold how many are found and how many others are taken for it. The mean over effects
and draws follows. Seconds are of `fit_effect` alone; looking at pictures comes to it.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from data_pipeline.after_training.background import choose, read_pictures
from data_pipeline.features.split import open_split
from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.models.tagging.background import make_background
from temporal_foley.models.tagging.taught import judge_frames
from temporal_foley.teaching.few_shot import fit_effect

EXAMPLES = (1, 2, 4, 8)
LEAST_TESTED = 8


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, help="a bundle with a background")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dataset", default="stills")
    parser.add_argument("--draws", type=int, default=3)
    words = parser.parse_args()
    bundle = load_bundle(words.bundle)
    if bundle.background is None:
        parser.error("the bundle has no background; run python -m data_pipeline background")
    shown = read_pictures(
        open_split(words.data, "train", datasets=[words.dataset]), bundle.vocabulary
    )
    parts = [
        read_pictures(open_split(words.data, split, datasets=[words.dataset]), bundle.vocabulary)
        for split in ("validation", "test")
    ]
    features, present, absent = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("features", "present", "absent")
    )
    bank = choose(shown, len(bundle.background.codes))
    table: dict[int, list[tuple[float, ...]]] = {k: [] for k in EXAMPLES}
    print("effect\ttested\tk\tAUC\tfound\tmistaken")
    for column, name in enumerate(bundle.vocabulary.names):
        positive, negative = present[:, column], absent[:, column]
        if positive.sum() < LEAST_TESTED:
            continue
        lines = bundle.background.lines.astype(np.float64)
        own = make_background(
            shown.features[bank[~shown.present[bank, column]]], [tuple(line) for line in lines]
        )
        places = np.flatnonzero(shown.present[:, column])
        _, first = np.unique(shown.sources[places], return_index=True)
        for k in EXAMPLES:
            rows = []
            for draw in range(words.draws):
                chosen = np.random.default_rng(draw).permutation(places[first])[:k]
                began = time.perf_counter()
                taught = fit_effect([shown.features[[i]] for i in chosen], own)
                seconds = time.perf_counter() - began
                logits = judge_frames(taught, features, has_picture=True)[:, 0]
                slope, bias = own.line(k)
                found = slope * logits + bias >= 0.0
                known = positive | negative
                rows.append(
                    (
                        float(roc_auc_score(positive[known], logits[known])),
                        float(found[positive].mean()),
                        float(found[negative].mean()),
                        seconds,
                    )
                )
            mean = np.mean(rows, axis=0)
            table[k].append(tuple(mean))
            values = "\t".join(f"{value:.3f}" for value in mean[:3])
            print(f"{name}\t{int(positive.sum())}\t{k}\t{values}", flush=True)
    print(f"mean of {len(table[1])} effects, {words.draws} draws each")
    for k in EXAMPLES:
        mean, worst = np.mean(table[k], axis=0), np.min(table[k], axis=0)
        print(
            f"k={k}: AUC {mean[0]:.3f} (worst effect {worst[0]:.3f}), found {mean[1]:.2f}, "
            f"mistaken {mean[2]:.4f}, fitted in {mean[3]:.2f} s"
        )


if __name__ == "__main__":
    main()
