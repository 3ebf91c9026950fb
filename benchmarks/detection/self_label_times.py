"""Labelled recordings in, how far labels made by ear alone are right frame by frame out.

    python benchmarks/detection/self_label_times.py SOUNDS_DIR --weights FILE [--clips 200]

SOUNDS_DIR holds `sounds.csv` (columns file, class, seconds). Each recording of an effect is put,
1.5 to 5 s of it, at a random time into ten seconds of a background (`x_rain`, `x_wind`, `x_birds`)
that is 20 to 40 dB softer; the frames it covers are the truth. There is no picture, so the
threshold is that of effects that are not seen. Beside it: the same with other windows.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from data_pipeline.self_label.cross_check import mean_around, weigh
from data_pipeline.self_label.file_labels import SelfLabelConfig, effect_logits
from temporal_foley.effects import load_vocabulary
from temporal_foley.media.audio import read_sound_file
from temporal_foley.models.audio import SAMPLE_RATE_HZ, load_teacher
from temporal_foley.timegrid import TimeGrid

SECONDS = 10
BACKGROUNDS = ("x_rain", "x_wind", "x_birds")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sounds", type=Path)
    parser.add_argument("--weights", type=Path, help="the audio network's")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    vocabulary, teacher = load_vocabulary(), load_teacher(args.weights)
    with (args.sounds / "sounds.csv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    rng = np.random.default_rng(args.seed)
    takes = {
        name: [r for r in rows if r["class"] == name and float(r["seconds"]) > 1]
        for name in vocabulary.names
    }
    beds = [r for r in rows if r["class"] in BACKGROUNDS and float(r["seconds"]) > 4]
    config = SelfLabelConfig()
    grid = TimeGrid.covering(SECONDS, config.frame_rate)

    def load(row: dict[str, str]) -> np.ndarray:
        return read_sound_file(args.sounds / row["file"], SAMPLE_RATE_HZ).mean(axis=1)

    truth, embeddings = [], []
    for number in range(args.clips):
        column = number % len(vocabulary)
        choices = takes[vocabulary.names[column]]
        if not choices:
            continue
        take = load(choices[rng.integers(len(choices))])
        sound, first, end = lay(take, load(beds[rng.integers(len(beds))]), rng)
        active = np.zeros((grid.frames, len(vocabulary)), bool)
        covered = grid.frame_range(first / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ)
        active[slice(*covered), column] = True
        truth.append(active)
        embeddings.append(teacher.frame_embeddings(sound, grid))
    wanted = np.concatenate(truth)
    print(f"{len(truth)} clips, {wanted.sum()} frames of effects of {wanted.size} cells")
    blind = np.zeros(len(vocabulary), bool)

    def judged(*windows_s: float) -> np.ndarray:
        views = [
            effect_logits(
                teacher.tag(np.concatenate([mean_around(e, grid, w) for e in embeddings])),
                vocabulary,
            )
            for w in windows_s
        ]
        heard = np.minimum.reduce(views)
        return weigh(heard, np.zeros_like(heard), blind, config.check)

    for name, windows_s in (
        ("near and wide", (config.near_s, config.wide_s)),
        ("near alone", (config.near_s,)),
        ("wide alone", (config.wide_s,)),
        ("single frames", (0.25,)),
    ):
        on = judged(*windows_s) >= config.threshold_on
        right = (on & wanted).sum()
        print(
            f"{name}: frames right {right} of {on.sum()} labelled "
            f"({right / max(on.sum(), 1):.3f}), of {wanted.sum()} ({right / wanted.sum():.3f})"
        )
    likely = judged(config.near_s, config.wide_s)
    print("effect | clips | of recordings | frames | labelled | right | ROC-AUC, near and wide")
    for column, name in enumerate(vocabulary.names):
        there, on = wanted[:, column], likely[:, column] >= config.threshold_on
        if there.any():
            clips = sum(active[:, column].any() for active in truth)
            print(
                f"{name} | {clips} | {len(takes[name])} | {there.sum()} | {on.sum()} | "
                f"{(on & there).sum()} | {roc_auc_score(there, likely[:, column]):.3f}"
            )


def lay(take: np.ndarray, bed: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """Put a recording somewhere over a softer background; return where it begins and ends."""
    length = SECONDS * SAMPLE_RATE_HZ
    take = take[: int(rng.uniform(1.5, 5.0) * SAMPLE_RATE_HZ)]
    take = take * (0.5 / max(np.abs(take).max(), 1e-9))
    bed = np.resize(bed, length)
    level = np.sqrt((take**2).mean()) * 10 ** (rng.uniform(-40.0, -20.0) / 20)
    sound = bed * (level / max(np.sqrt((bed**2).mean()), 1e-9))
    first = int(rng.integers(0, length - len(take)))
    sound[first : first + len(take)] += take
    return sound.astype(np.float32), first, first + len(take)


if __name__ == "__main__":
    main()
