"""Measure how far labels made from the sound of real clips are right.

    python benchmarks/detection/self_labels.py CLIPS_DIR --weights FILE [--share A] [--near-s S]
        [--wide-s S]

CLIPS_DIR holds `clips.tsv` (columns part, file, class, audio) and a folder for each part. Only
clips whose `audio` begins with `real` are truth for sound. An effect counts as found if it is
labelled anywhere in a clip that has it; ROC-AUC is that of its highest probability in each clip.
"""

import argparse
import csv
import dataclasses
from pathlib import Path

import numpy as np

from data_pipeline.self_label.cross_check import CrossCheckConfig, sigmoid
from data_pipeline.self_label.file_labels import (
    SelfLabelConfig,
    SilentError,
    decide_labels,
    gather_evidence,
)
from temporal_foley.effects import load_vocabulary
from temporal_foley.models.audio.teacher import load_teacher
from temporal_foley.models.imagenet_detector import load_imagenet_detector


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--weights", type=Path, help="the audio network's")
    parser.add_argument("--share", type=float, default=CrossCheckConfig().picture_share)
    parser.add_argument("--near-s", type=float, default=SelfLabelConfig().near_s)
    parser.add_argument("--wide-s", type=float, default=SelfLabelConfig().wide_s)
    args = parser.parse_args()
    with (args.clips / "clips.tsv").open(encoding="utf-8", newline="") as text:
        rows = [r for r in csv.DictReader(text, delimiter="\t") if r["audio"].startswith("real")]
    vocabulary = load_vocabulary()
    teacher, detector = load_teacher(args.weights), load_imagenet_detector(vocabulary)
    config = SelfLabelConfig(near_s=args.near_s, wide_s=args.wide_s)
    check = dataclasses.replace(config.check, picture_share=args.share)
    config = dataclasses.replace(config, check=check)

    present, found, doubtful, likely, heard = [], [], [], [], []
    seconds = 0.0
    for row in rows:
        try:
            evidence = gather_evidence(
                args.clips / row["part"] / row["file"], teacher, detector, config
            )
        except SilentError as error:
            print(f"left out: {error}")
            continue
        labels = decide_labels(evidence, vocabulary, config)
        seconds += float(evidence.grid.end)
        effects = {event.effect for event, _ in labels.events}
        present.append([name in row["class"].split("|") for name in vocabulary.names])
        found.append([name in effects for name in vocabulary.names])
        doubtful.append([name in labels.doubtful for name in vocabulary.names])
        likely.append(evidence.likely.max(axis=0))
        heard.append(sigmoid(evidence.heard).max(axis=0))
    truth, labelled, doubt = np.array(present), np.array(found), np.array(doubtful)
    weighed, sound = np.array(likely), np.array(heard)

    print(f"{len(truth)} clips with real sound, {seconds:.0f} s, {truth.sum()} effects in them")
    print("effect | in clips | labelled in | of these right | ROC-AUC weighed | of sound alone")
    aucs = []
    for column, name in enumerate(vocabulary.names):
        wanted, given = truth[:, column], labelled[:, column]
        if wanted.any() or given.any():
            pair = (roc_auc(wanted, weighed[:, column]), roc_auc(wanted, sound[:, column]))
            aucs += [pair] if wanted.any() else []
            print(
                f"{name} | {wanted.sum()} | {given.sum()} | {(wanted & given).sum()} | "
                f"{pair[0]:.3f} | {pair[1]:.3f}"
            )
    right = (truth & labelled).sum()
    print(f"precision {right}/{labelled.sum()}, recall {right}/{truth.sum()}")
    print(f"macro ROC-AUC over {len(aucs)} effects: weighed, sound alone {np.mean(aucs, axis=0)}")
    print(f"micro ROC-AUC: {roc_auc(truth, weighed):.4f}, {roc_auc(truth, sound):.4f}")
    absent = ~labelled & ~doubt
    print(f"held for absent: {absent.sum()} of {absent.size}, wrongly {(absent & truth).sum()}")
    for doubt_at in (0.01, 0.02, 0.05, 0.1, 0.2):
        absent = ~labelled & (weighed < doubt_at)
        print(f"  with doubt {doubt_at}: {absent.sum()}, wrongly {(absent & truth).sum()}")


def roc_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Return how often a positive scores above a negative; ties count half."""
    positive, negative = scores[truth], scores[~truth]
    if not positive.size or not negative.size:
        return float("nan")
    above = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
    return float(above)


if __name__ == "__main__":
    main()
