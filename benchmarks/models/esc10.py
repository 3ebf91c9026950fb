"""How much the audio networks' embeddings know: a linear probe on ESC-10 in five folds.

    python benchmarks/models/esc10.py PATH/TO/ESC-10 [--weights FILE] [--seen FILE] [--json FILE]

The folder holds one folder for each class, with sounds whose names begin with their fold. A
logistic regression is fitted on four folds and tested on the fifth, with the embeddings of whole
clips, of the loudest half second of each clip, and of all half seconds that are not digital silence
(ESC-10 pads short clips with it). Each half second is listened to alone. The student is measured
beside the teacher, or alone where the teacher's weights are not there; of both together it is told
how far the teacher's tag layer agrees on their embeddings. `--seen` names the list of recordings
that a student was distilled on (`seen.json`): recordings that it never heard
are then told apart.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from temporal_foley.errors import WeightsError
from temporal_foley.models.audio import SAMPLE_RATE_HZ, AudioTeacher, load_teacher
from temporal_foley.models.audio.student import AudioStudent, load_student

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
    encoder: AudioTeacher | AudioStudent, waves: Float[np.ndarray, "batch samples"]
) -> Float[np.ndarray, "batch features"]:
    """Listen to waves, some at a time."""
    parts = [waves[i : i + CLIPS_AT_ONCE] for i in range(0, len(waves), CLIPS_AT_ONCE)]
    if isinstance(encoder, AudioStudent):
        return np.concatenate([encoder.clip_embeddings(part) for part in parts])
    return np.concatenate([encoder(part).embedding for part in parts])


def probe(
    features: Float[np.ndarray, "items features"],
    classes: Int[np.ndarray, " items"],
    folds: Int[np.ndarray, " items"],
) -> Bool[np.ndarray, " items"]:
    """Tell of each item whether a linear probe that was fitted on the other folds is right."""
    is_right = np.zeros(len(classes), bool)
    for fold in np.unique(folds):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2_000))
        model.fit(features[folds != fold], classes[folds != fold])
        is_right[folds == fold] = model.predict(features[folds == fold]) == classes[folds == fold]
    return is_right


def agreement(
    teacher: AudioTeacher,
    found: Float[np.ndarray, "items features"],
    wanted: Float[np.ndarray, "items features"],
) -> dict[str, float]:
    """Compare two embeddings of the same items, and what the teacher's tag layer says of them."""
    found_tags, wanted_tags = teacher.tag(found), teacher.tag(wanted)
    cosine = (found * wanted).sum(axis=1)
    cosine /= np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    first = np.argsort(-wanted_tags, axis=1)[:, 0]
    three = np.argsort(-found_tags, axis=1)[:, :3]
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(found_tags, wanted_tags, strict=True)]
    return {
        "embedding_cosine": float(np.mean(cosine)),
        "logit_correlation": float(np.mean(correlation)),
        "logit_difference": float(np.abs(found_tags - wanted_tags).mean()),
        "same_first_tag": float(np.mean(three[:, 0] == first)),
        "first_tag_in_three": float(np.mean((three == first[:, None]).any(axis=1))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, help="of the teacher")
    parser.add_argument("--student", type=Path, help="weights of another student")
    parser.add_argument("--seen", type=Path, help="what the student was distilled on")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    encoders: dict[str, AudioTeacher | AudioStudent] = {"student": load_student(options.student)}
    try:
        encoders["teacher"] = load_teacher(options.weights)
    except WeightsError as error:
        print(f"skipped teacher: {error}")
    names = sorted(path.name for path in options.folder.iterdir() if path.is_dir())
    paths = [path for name in names for path in sorted((options.folder / name).glob("[1-5]-*"))]
    waves = np.stack([read_clip(path) for path in paths])
    classes = np.array([names.index(path.parent.name) for path in paths])
    folds = np.array([int(path.name[0]) for path in paths])
    seen = set(json.loads(options.seen.read_text("utf-8"))["sources"]) if options.seen else set()
    is_new = np.array([f"esc/{'-'.join(path.name.split('-')[:2])}" not in seen for path in paths])
    pieces = waves.reshape(-1, PIECE_SAMPLES)
    per_clip = CLIP_SAMPLES // PIECE_SAMPLES
    heard = np.flatnonzero(np.abs(pieces).max(axis=1) > SILENCE)
    energy = np.square(pieces).sum(axis=1).reshape(-1, per_clip)
    loudest = np.arange(len(waves)) * per_clip + energy.argmax(axis=1)
    results: dict[str, dict] = {}
    embeddings: dict[str, tuple] = {}
    for encoder_name, encoder in encoders.items():
        whole, piece = embed(encoder, waves), embed(encoder, pieces)
        embeddings[encoder_name] = (whole, piece)
        kinds = {
            "clips": (whole, np.arange(len(waves))),
            "loudest_half_seconds": (piece[loudest], np.arange(len(waves))),
            "half_seconds": (piece[heard], heard // per_clip),
        }
        for kind, (features, clip) in kinds.items():
            is_right = probe(features, classes[clip], folds[clip])
            by_fold = [float(is_right[folds[clip] == fold].mean()) for fold in np.unique(folds)]
            row = {"items": len(clip), "by_fold": by_fold, "accuracy": float(np.mean(by_fold))}
            shown = " ".join(f"{100 * accuracy:.1f}" for accuracy in by_fold)
            print(f"{encoder_name} {kind}: {len(clip)} items, accuracy by fold {shown} %")
            print(f"accuracy {encoder_name} {kind} {row['accuracy']:.4f}")
            if not is_new.all() and is_new.any():
                row["never_heard"] = float(is_right[is_new[clip]].mean())
                row["items_never_heard"] = int(is_new[clip].sum())
                print(f"  {row['items_never_heard']} never heard: {row['never_heard']:.4f}")
            results[f"{encoder_name} {kind}"] = row
    if isinstance(teacher := encoders.get("teacher"), AudioTeacher):
        for at, (kind, items) in enumerate({"clips": slice(None), "half_seconds": heard}.items()):
            found, wanted = (embeddings[name][at][items] for name in ("student", "teacher"))
            results[f"agreement {kind}"] = row = agreement(teacher, found, wanted)
            for name, value in row.items():
                print(f"agreement {kind} {name} {value:.4f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
