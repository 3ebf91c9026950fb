"""Judge clips by bundles that were not trained on them: how well are effects found at all.

    python benchmarks/detection/out_of_fold.py FEATURES A:fold_1 B:fold_0 [--no-sound]
        [--thresholds .1 .5]

Prints the ROC-AUC of any effect against none by the mean of the upper half of a clip's frames and
by frame, the macro ROC-AUC of clips, and how many quiet clips are above the level at which nine of
ten others are found; with `--thresholds`, which needs bundles with a decision, the true and false
cues at each threshold for all effects.
"""

import argparse
from pathlib import Path

import numpy as np

from data_pipeline.after_training.decide import with_common_threshold
from data_pipeline.features.scoring import clips_and_logits
from data_pipeline.features.split import open_split
from temporal_foley.evaluation.curves import roc_auc
from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.spotting.decision import apply_decision, calibrate, decision_from_json


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folds", nargs="+", metavar="BUNDLE:SPLIT")
    parser.add_argument("--dataset", default="clips")
    parser.add_argument("--no-sound", action="store_true")
    parser.add_argument("--thresholds", nargs="*", type=float, default=[])
    words = parser.parse_args()
    judged = []
    for fold in words.folds:
        path, _, split = fold.rpartition(":")
        bundle = load_bundle(Path(path))
        features = open_split(words.data, split, datasets=(words.dataset,))
        clips, logits = clips_and_logits(features, bundle, with_sound=not words.no_sound)
        judged += [(bundle, clip, rows) for clip, rows in zip(clips, logits, strict=True)]
    tell_ranking(judged)
    for threshold in words.thresholds:
        print_threshold(judged, threshold)


def tell_ranking(judged: list) -> None:
    """Print how well logits rank clips and frames."""
    there, level, frames_there, frames_level = [], [], [], []
    effects: dict[int, list[tuple[bool, float]]] = {}
    for _, clip, logits in judged:
        probabilities = 1.0 / (1.0 + np.exp(-logits))
        upper = np.sort(probabilities, axis=0)[-max(1, len(logits) // 2) :].mean(axis=0)
        shown = clip.clip_labels > 0
        if not (clip.clip_known.all() or shown.any()):
            continue
        there.append(bool(shown.any()))
        level.append(upper.max())
        any_there = ((clip.labels > 0) & clip.known).any(axis=1)
        sure = any_there | clip.known.all(axis=1)
        frames_there += list(any_there[sure])
        frames_level += list(probabilities.max(axis=1)[sure])
        for effect in np.flatnonzero(clip.clip_known):
            effects.setdefault(int(effect), []).append((bool(shown[effect]), upper[effect]))
    areas = [roc_auc(*map(np.array, zip(*rows, strict=True))) for rows in effects.values()]
    defined = [area for area in areas if area == area]
    present, levels = np.array(there), np.array(level)
    nine_in_ten = np.sort(levels[present])[int(0.1 * present.sum())]
    print(
        f"any effect: clips {roc_auc(present, levels):.3f}, "
        f"frames {roc_auc(np.array(frames_there), np.array(frames_level)):.3f}; macro of clips "
        f"{np.mean(defined):.3f} ({len(defined)} effects); at nine of ten heard "
        f"{(levels[~present] >= nine_in_ten).sum()} of {(~present).sum()} quiet clips too"
    )


def print_threshold(judged: list, threshold: float) -> None:
    """Print the true and false cues with one threshold for all effects."""
    heard = shown = false = 0
    minutes = 0.0
    for bundle, clip, logits in judged:
        decision = decision_from_json(bundle.decision, bundle.vocabulary)
        decision = with_common_threshold(decision, threshold)
        events = apply_decision(calibrate(logits, decision), clip.grid, bundle.vocabulary, decision)
        present = {bundle.vocabulary.names[k] for k in np.flatnonzero(clip.clip_labels > 0)}
        if present:
            shown += 1
            heard += any(event.effect in present for event in events)
        elif clip.clip_known.all():
            false += len(events)
            minutes += clip.grid.frames / float(bundle.frame_rate) / 60.0
    per_minute = false / minutes if minutes else 0.0
    print(f"{threshold:g}: heard {heard} of {shown}, {false} false ({per_minute:.2f} a minute)")


if __name__ == "__main__":
    main()
