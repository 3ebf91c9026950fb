"""Fit the map and weights of `spotting/own_sound/audibility.py` on composed sound, judged nested.

    PYTHONPATH=.:benchmarks python benchmarks/detection/fit_audibility.py
        --sounds SOUNDS.csv --voices CLIPS.txt --clips 3600 [--rows ROWS.npz] [--write]

The sound is that of `benchmarks/fill.py`, of all sources. Those of a class are dealt into four
parts; each part is judged with a map and weights fitted on the other three, at the bias that
wrongly skips one of twenty there. Printed are the recognised and wrongly skipped parts by effect,
bed and level, beside those of the tags alone, judged in the same way. `--rows` keeps what was
measured for the next run; `--write` puts the map into the file of effect tags that ships, and
prints the digest and the weights to set.
"""

import argparse
import dataclasses
import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from fill import BEDS, LEVELS_DB, SAMPLES, Composed, compose, contents
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import temporal_foley.models.audio.effect_tags as effect_tags
from data_pipeline.distill.fit_effect_tags import Pool, is_held_out, list_sounds, list_voices
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.models.audio.effect_tags import OTHER_SOUNDS, tagged_probabilities
from temporal_foley.models.audio.geometry import count_columns
from temporal_foley.models.audio.student import load_student
from temporal_foley.spotting.own_sound.align import align_with_sound
from temporal_foley.spotting.own_sound.audibility import audibility_features
from temporal_foley.spotting.own_sound.evidence import TAG_STEP_S, SoundEvidence
from temporal_foley.spotting.own_sound.onset_strength import measure_levels
from temporal_foley.timeline import Event

PARTS = 4
WRONGLY_SKIPPED = 0.05
GIVEN = (1.0, 9.0)
SHORT_S = 2.5
RIDGE = 0.3
SHRINKAGE = 0.3
FEATURES = 384


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """What was measured in stretches: three spans each, NaN where there is no such span."""

    effect: np.ndarray
    contains: np.ndarray
    is_bed_only: np.ndarray
    bed: np.ndarray
    level_db: np.ndarray
    source: np.ndarray
    features: np.ndarray
    """(stretches, spans, features): given, around the hits that are found, and short."""
    sound: np.ndarray
    """(stretches, spans, FEATURES): the mean of the audio network's columns."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A map of columns for each effect, and the weights of the features beside it."""

    kernel: np.ndarray
    bias: np.ndarray
    weights: np.ndarray

    def odds(self, rows: Rows, effects: np.ndarray, spans: Sequence[int]) -> np.ndarray:
        """Return the log odds of stretches: those of the best of some spans."""
        likeness = np.einsum("nsf,fn->ns", rows.sound[:, spans], self.kernel[:, effects])
        odds = rows.features[:, spans] @ self.weights + likeness + self.bias[effects][:, None]
        return np.nanmax(odds, axis=1)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=3600)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(words)
    vocabulary = load_vocabulary()
    sounds = list_sounds(given.sounds)
    if given.rows and given.rows.exists():
        rows = Rows(**np.load(given.rows))
    else:
        rows = measure(vocabulary, sounds, list_voices(given.voices), given.clips)
        if given.rows:
            np.savez(given.rows, **dataclasses.asdict(rows))
    effects = np.array([vocabulary.index(str(name)) for name in rows.effect])
    parts = deal(rows.source, sounds)
    odds = nested(rows, effects, parts)
    alone = nested_tags(rows, parts)
    truth = rows.contains
    left_out = np.array([is_held_out(str(source)) for source in rows.source])
    print("what\tcontained\trecognised\tnot\twrongly_skipped\ttags alone: recognised\tskipped")
    keys = [
        ("all", np.ones(len(truth), bool)),
        ("left out of the tags' fit, too", left_out),
        ("only the bed", rows.is_bed_only),
        ("another sound", ~truth & ~rows.is_bed_only),
        *((f"bed {bed}", rows.bed == bed) for bed in BEDS),
        *((f"{db:+.0f} dB", (rows.level_db == db) & ~rows.is_bed_only) for db in LEVELS_DB),
        *((name, rows.effect == name) for name in vocabulary.names),
    ]
    for key, chosen in keys:
        cells = [key]
        for verdicts in (odds >= 0.0, alone >= 0.0):
            for part in (chosen & truth, chosen & ~truth):
                if verdicts is not alone and len(cells) in (1, 3):
                    cells.append(str(part.sum()))
                cells.append(f"{verdicts[part].mean():.2f}" if part.any() else "")
        print("\t".join(cells[:5] + cells[-2:]))
    print(f"ROC-AUC {roc_auc_score(truth, odds):.3f}, tags {roc_auc_score(truth, alone):.3f}")
    fitted = fit(rows, effects, parts)
    print("WEIGHTS =", tuple(np.round(fitted.weights, 3).tolist()))
    if given.write:
        print("SHA256 =", write(fitted, vocabulary))


def measure(vocabulary: Vocabulary, sounds: Pool, voices: Pool, clips: int) -> Rows:
    """Compose stretches and measure them."""
    rng = np.random.default_rng(7)
    student = load_student()
    names = [name for name in vocabulary.names if name in sounds]
    tagged = [(effect.name, effect.audioset) for effect in vocabulary.effects]
    composed: list[Composed] = []
    features, sound = [], []
    for number in range(clips):
        holds = contents(number // len(names))
        one = compose(rng, names[number % len(names)], sounds, voices, holds, every_source=True)
        columns = student.column_embeddings(one.sound, SAMPLES)
        columns = columns[: count_columns(SAMPLES, student.columns_each)]
        tags = tagged_probabilities(columns, [*tagged, *OTHER_SOUNDS.items()])
        evidence = SoundEvidence(
            vocabulary=vocabulary,
            levels=measure_levels(one.sound),
            tags=tags[:, : len(vocabulary)],
            speech=tags[:, -2],
            music=tags[:, -1],
        )
        own = effect_tags.column_features(columns)[:, :FEATURES]
        spans = [GIVEN, hit_span(evidence, one.effect), short_span(rng, one)]
        features.append(
            [
                audibility_features(evidence, one.effect, *span) if span else np.full(2, np.nan)
                for span in spans
            ]
        )
        sound.append(
            [
                own[evidence.columns(*span)].mean(axis=0) if span else np.full(FEATURES, np.nan)
                for span in spans
            ]
        )
        composed.append(dataclasses.replace(one, sound=np.zeros(0, np.float32)))
    return Rows(
        effect=np.array([one.effect for one in composed]),
        contains=np.array([one.contains for one in composed]),
        is_bed_only=np.array([one.is_bed_only for one in composed]),
        bed=np.array([one.bed for one in composed]),
        level_db=np.array([one.level_db for one in composed]),
        source=np.array([one.source for one in composed]),
        features=np.array(features),
        sound=np.array(sound, np.float32),
    )


def hit_span(evidence: SoundEvidence, effect: str) -> tuple[float, float] | None:
    """Return the span of the hits that an event of an effect would take, if there are any."""
    event = Event(effect=effect, onset=GIVEN[0], offset=GIVEN[1], confidence=0.7)
    for aligned in align_with_sound([event], evidence):
        if aligned.effect == effect and aligned.hits and not aligned.off_screen:
            return aligned.onset - TAG_STEP_S, aligned.offset + TAG_STEP_S
    return None


def short_span(rng: np.random.Generator, one: Composed) -> tuple[float, float] | None:
    """Return a short span, with a hit if hits are known: events may be short, too."""
    start = float(rng.uniform(2.0, 8.5 - SHORT_S))
    if one.hits:
        start = max(0.0, float(rng.choice(one.hits)) - float(rng.uniform(0.2, SHORT_S - 0.5)))
    return start, start + SHORT_S


def deal(source: np.ndarray, sounds: Pool) -> np.ndarray:
    """Deal the sources of each class into parts, as evenly as they go."""
    part: dict[str, int] = {}
    for pool in sounds.values():
        ranked = sorted(pool, key=lambda name: zlib.crc32(name.encode()))
        part |= {name: place % PARTS for place, name in enumerate(ranked)}
    return np.array([part.get(str(s), zlib.crc32(str(s).encode()) % PARTS) for s in source])


def nested(rows: Rows, effects: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return the log odds of each stretch by what was fitted on the other parts."""
    odds = np.zeros(len(parts))
    for part in range(PARTS):
        others = parts != part
        fitted = fit(subset(rows, others), effects[others], parts[others])
        odds[~others] = fitted.odds(subset(rows, ~others), effects[~others], (0, 1))
    return odds


def nested_tags(rows: Rows, parts: np.ndarray) -> np.ndarray:
    """Return the log odds of each stretch by the features alone, fitted on the other parts."""
    odds = np.zeros(len(parts))
    features, truth = rows.features[:, 0], rows.contains
    for part in range(PARTS):
        others = parts != part
        model = LogisticRegression(C=SHRINKAGE).fit(features[others], truth[others])
        scores = model.decision_function(features)
        passed = np.quantile(scores[others & ~truth], 1.0 - WRONGLY_SKIPPED)
        odds[~others] = scores[~others] - passed
    return odds


def subset(rows: Rows, chosen: np.ndarray) -> Rows:
    """Return some of the stretches."""
    fields = {field.name: getattr(rows, field.name)[chosen] for field in dataclasses.fields(rows)}
    return Rows(**fields)


def fit(rows: Rows, effects: np.ndarray, parts: np.ndarray) -> Fitted:
    """Fit map and weights; how much the map counts is seen on sources that it was not fitted on."""
    count = int(effects.max()) + 1
    likeness = np.zeros(rows.features.shape[:2])
    for part in np.unique(parts):
        others = parts != part
        kernel, bias = fit_map(subset(rows, others), effects[others], count)
        own = rows.sound[~others]
        likeness[~others] = np.einsum("nsf,fn->ns", own, kernel[:, effects[~others]])
        likeness[~others] += bias[effects[~others]][:, None]
    spans = (0, 2)
    which = np.repeat(effects, len(spans))
    inputs = np.concatenate(
        [rows.features[:, spans].reshape(-1, 2), likeness[:, spans].reshape(-1, 1)], axis=1
    )
    scale = inputs.std(axis=0) + 1e-6
    one_hot = np.eye(count)[which]
    model = LogisticRegression(C=SHRINKAGE, max_iter=600).fit(
        np.concatenate([inputs / scale, one_hot], axis=1), np.repeat(rows.contains, len(spans))
    )
    weights = model.coef_[0, :3] / scale
    bias = model.coef_[0, 3:] + float(model.intercept_[0])
    best = (
        np.nanmax(rows.features[:, :2] @ weights[:2] + likeness[:, :2] * weights[2], axis=1)
        + bias[effects]
    )
    passed = float(np.quantile(best[~rows.contains], 1.0 - WRONGLY_SKIPPED))
    kernel, own_bias = fit_map(rows, effects, count)
    return Fitted(
        kernel=kernel * weights[2], bias=own_bias * weights[2] + bias - passed, weights=weights[:2]
    )


def fit_map(rows: Rows, effects: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit a ridge regression of whether each effect is contained on the mean columns of spans."""
    spans = (0, 2)
    inputs = rows.sound[:, spans].reshape(-1, FEATURES).astype(np.float64)
    which, contains = np.repeat(effects, len(spans)), np.repeat(rows.contains, len(spans))
    centre, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    inputs = (inputs - centre) / scale
    target = np.eye(count)[which] * contains[:, None]
    penalty = RIDGE * len(inputs) * np.eye(FEATURES)
    kernel = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ (target - target.mean(axis=0)))
    kernel = kernel / (np.abs(inputs @ kernel).std(axis=0) + 1e-9) / scale[:, None]
    return kernel, -(centre @ kernel)


def write(fitted: Fitted, vocabulary: Vocabulary) -> str:
    """Put the map into the file of effect tags that ships; return its new digest."""
    path = Path(effect_tags.__file__).with_name(effect_tags.FILE)
    table = safetensors.numpy.load(path.read_bytes())
    names = bytes(table["names"]).decode().split("\n")
    kernel = np.zeros((FEATURES, len(names)))
    bias = np.full(len(names), np.nan)
    for place, name in enumerate(vocabulary.names):
        at = names.index(name)
        kernel[:, at], bias[at] = fitted.kernel[:, place], fitted.bias[place]
    table["likeness.kernel"] = kernel.astype(np.float16)
    table["likeness.bias"] = bias.astype(np.float32)
    blob = safetensors.numpy.save(table)
    path.write_bytes(blob)
    return hashlib.sha256(blob).hexdigest()


if __name__ == "__main__":
    main()
