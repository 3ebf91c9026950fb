"""Fit the weights of `spotting/own_sound/audibility.py` on composed sound, and judge them nested.

    PYTHONPATH=.:benchmarks python benchmarks/detection/fit_audibility.py
        --sounds SOUNDS.csv --voices CLIPS.txt --clips 1200

The sound is that of `benchmarks/fill.py`. Sources are dealt into four parts; each part is judged
with weights fitted on the other three, at the bias that wrongly skips one of twenty there. Printed
are the recognised and wrongly skipped parts by effect, bed and level, beside those of the tag alone
(the mean of its best fifth, judged in the same way), then the weights fitted on everything.
"""

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fill import SAMPLES, Composed, compose
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from data_pipeline.distill.fit_effect_tags import list_sounds, list_voices
from temporal_foley.effects import load_vocabulary
from temporal_foley.models.audio.sound_evidence import analyse_sound
from temporal_foley.spotting.own_sound.audibility import FEATURES, audibility_features

PARTS = 4
WRONGLY_SKIPPED = 0.05


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=1200)
    given = parser.parse_args(words)
    vocabulary = load_vocabulary()
    sounds, voices = list_sounds(given.sounds), list_voices(given.voices)
    rng = np.random.default_rng(1)
    names = [name for name in vocabulary.names if name in sounds]
    composed: list[Composed] = []
    rows = []
    for number in range(given.clips):
        effect = names[number % len(names)]
        contains = number // len(names) % 2 == 0
        one = compose(rng, effect, sounds, voices, contains=contains)
        evidence = analyse_sound(iter(np.split(one.sound, 10)), vocabulary, SAMPLES)
        if evidence is not None:
            composed.append(one)
            rows.append(audibility_features(evidence, effect, 1.0, 9.0))
    features = np.array(rows)
    truth = np.array([one.contains for one in composed])
    parts = np.array([zlib.crc32(one.source.encode()) % PARTS for one in composed])
    print("what\tcontained\trecognised\tnot\twrongly_skipped\tbest tag alone: recognised\tskipped")
    nested = judge(features, truth, parts)
    alone = judge(features[:, :1], truth, parts)
    keys = [
        ("all", np.ones(len(truth), bool)),
        *((f"bed {bed}", np.array([one.bed == bed for one in composed])) for bed in BEDS),
        *((f"{db:+.0f} dB", np.array([one.level_db == db for one in composed])) for db in LEVELS),
        *((name, np.array([one.effect == name for one in composed])) for name in names),
    ]
    for key, chosen in keys:
        inside, outside = chosen & truth, chosen & ~truth
        cells = [key, inside.sum(), f"{nested[inside].mean():.2f}"]
        cells += [outside.sum(), f"{nested[outside].mean():.2f}"]
        cells += [f"{alone[inside].mean():.2f}", f"{alone[outside].mean():.2f}"]
        print("\t".join(map(str, cells)))
    weights, bias, scores = fit(features, truth)
    print(f"ROC-AUC in sample {roc_auc_score(truth, scores):.3f}")
    print(dict(zip(FEATURES, np.round(weights, 3).tolist(), strict=True)), "bias", round(bias, 3))


BEDS = ("nothing", "noise", "speech", "music")
LEVELS = (20.0, 10.0, 3.0, -3.0)


def judge(features: np.ndarray, truth: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return whether each stretch counts as audible, by weights fitted on the other parts."""
    verdicts = np.zeros(len(truth), bool)
    for part in range(PARTS):
        weights, bias, _ = fit(features[parts != part], truth[parts != part])
        verdicts[parts == part] = features[parts == part] @ weights + bias >= 0.0
    return verdicts


def fit(features: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Return weights, the bias that wrongly skips one of twenty, and scores without the bias."""
    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=0.3, max_iter=800).fit((features - centre) / spread, truth)
    weights = model.coef_[0] / spread
    scores = features @ weights
    return weights, -float(np.quantile(scores[~truth], 1.0 - WRONGLY_SKIPPED)), scores


if __name__ == "__main__":
    main()
