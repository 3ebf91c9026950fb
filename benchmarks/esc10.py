"""How much the audio network's embeddings know: a linear probe on ESC-10 in five folds.

    python benchmarks/esc10.py PATH/TO/ESC-10 [--weights FILE] [--json FILE]

The folder holds one folder for each class, with sounds whose names begin with their fold. A
logistic regression is fitted on four folds and tested on the fifth, with the embeddings of whole
clips, of the loudest half second of each clip, and of all half seconds that are not digital silence
(ESC-10 pads short clips with it). Each half second is listened to alone.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from temporal_foley.models.audio import SAMPLE_RATE_HZ, AudioTeacher, load_teacher

CLIP_SAMPLES = 5 * SAMPLE_RATE_HZ
PIECE_SAMPLES = SAMPLE_RATE_HZ // 2
SILENCE = 1e-4
CLIPS_AT_ONCE = 40


def read_clip(path: Path) -> Float[np.ndarray, " samples"]:
    """Read a sound as five seconds of mono at 32 kHz."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    wave = soxr.resample(sound.mean(axis=1), rate, SAMPLE_RATE_HZ)[:CLIP_SAMPLES]
    return np.pad(wave, (0, CLIP_SAMPLES - len(wave)))


def embed(
    teacher: AudioTeacher, waves: Float[np.ndarray, "batch samples"]
) -> Float[np.ndarray, "batch features"]:
    """Listen to waves, some at a time."""
    parts = [waves[i : i + CLIPS_AT_ONCE] for i in range(0, len(waves), CLIPS_AT_ONCE)]
    return np.concatenate([teacher(part).embedding for part in parts])


def probe(
    features: Float[np.ndarray, "items features"],
    classes: Int[np.ndarray, " items"],
    folds: Int[np.ndarray, " items"],
) -> list[float]:
    """Return the accuracy in each fold of a linear probe fitted on the others."""
    accuracies = []
    for fold in np.unique(folds):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2_000))
        model.fit(features[folds != fold], classes[folds != fold])
        accuracies.append(model.score(features[folds == fold], classes[folds == fold]))
    return accuracies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    teacher = load_teacher(options.weights)
    names = sorted(path.name for path in options.folder.iterdir() if path.is_dir())
    paths = [path for name in names for path in sorted((options.folder / name).glob("[1-5]-*"))]
    waves = np.stack([read_clip(path) for path in paths])
    classes = np.array([names.index(path.parent.name) for path in paths])
    folds = np.array([int(path.name[0]) for path in paths])
    pieces = waves.reshape(-1, PIECE_SAMPLES)
    per_clip = CLIP_SAMPLES // PIECE_SAMPLES
    heard = np.abs(pieces).max(axis=1) > SILENCE
    energy = np.square(pieces).sum(axis=1).reshape(-1, per_clip)
    loudest = np.arange(len(waves)) * per_clip + energy.argmax(axis=1)
    piece_features = embed(teacher, pieces)
    results = {
        "clips": probe(embed(teacher, waves), classes, folds),
        "loudest_half_seconds": probe(piece_features[loudest], classes, folds),
        "half_seconds": probe(
            piece_features[heard],
            np.repeat(classes, per_clip)[heard],
            np.repeat(folds, per_clip)[heard],
        ),
    }
    counts = {
        "clips": len(waves),
        "loudest_half_seconds": len(waves),
        "half_seconds": int(heard.sum()),
    }
    for name, accuracies in results.items():
        shown = " ".join(f"{100 * accuracy:.1f}" for accuracy in accuracies)
        print(f"{name}: {counts[name]} items, accuracy by fold {shown} %")
        print(f"accuracy {name} {np.mean(accuracies):.4f}")
    if options.json:
        options.json.write_text(json.dumps({"items": counts, "accuracy": results}, indent=1))


if __name__ == "__main__":
    main()
