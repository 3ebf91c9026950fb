"""Judge the recipe of a model on real clips that neither trained it nor chose anything about it.

    python benchmarks/detection/nested.py FEATURES --clips CLIPS --work WORK [--folds 6]
        [--steps 200] [--bundle RUN/bundle --out BUNDLE]

FEATURES has the features of pictures (`*/train`), CLIPS is one folder of features of real clips.
Clips are divided into folds by source. For each fold one model is trained without it, and for each
pair of folds one without both: the second kind judges the clips of one fold for all choices that
the first kind is then judged with on the other (nested cross-validation). Chosen in this way, for
each fold: the weights of the ImageNet map and of the tags, whether the recurrent correction is
used, the calibration, and the one threshold of all effects. WORK keeps the models' outputs, so the
command can be stopped and repeated.

Printed, with and without sound: ROC-AUC of any effect against none, macro over effects and whether
the strongest effect is right, by clip; and clips with a correct cue, and false cues a minute in
clips without any effect. Beside it: the ImageNet map, the regression on single frames, and their
average in log odds, each with its own threshold chosen in the same way.

With `--bundle`, a model that was trained on all clips gets the calibration and the threshold that
are chosen on the outputs of the models without each fold.
"""

import argparse
import dataclasses
import fnmatch
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import roc_auc_score

from configs import foley20
from data_pipeline.features.folds import write_folds
from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.scoring import unscored_clip
from data_pipeline.features.split import FeatureSplit
from data_pipeline.features.store import FeatureStore
from data_pipeline.train.tagger import train_tagger
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.evaluation.fit_calibration import fit_lines
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.models.tagging.judging import pad_clip
from temporal_foley.models.tagging.tagger import TaggerInputs
from temporal_foley.spotting.decision import (
    Decision,
    apply_decision,
    calibrate,
    default_decision,
    with_usual_durations,
)

PARTS = ("regression", "map", "tags", "alone", "sighted", "sounded")
"""Log odds by frame: of single frames, of the ImageNet map and of the tags, each at a weight of 1,
of what the sound alone shows, and the recurrent correction without and with sound."""
MAP_WEIGHTS = (0.25, 0.5, 1.0)
TAG_WEIGHTS = (0.3, 0.5, 0.8)
CORRECTIONS = (0.0, 1.0)
THRESHOLDS = tuple(1.0 / (1.0 + np.exp(-x)) for x in np.arange(-3.0, 0.01, 0.25))
MOST_FALSE = 0.7
"""False cues a minute that a threshold may give on the clips that choose it."""

Logits = Float[np.ndarray, "frames effects"]
Parts = dict[str, Logits]


@dataclasses.dataclass(frozen=True)
class Weights:
    """How the parts are added."""

    regression: float = 1.0
    map: float = 0.5
    tags: float = 0.5
    correction: float = 1.0

    def logits(self, parts: Parts, has_sound: bool) -> Logits:
        """Add the parts of a clip."""
        logits = self.regression * parts["regression"] + self.map * parts["map"]
        if self.tags and has_sound:
            logits = np.logaddexp(logits + self.tags * parts["tags"], parts["alone"])
        if self.correction:
            logits = logits + self.correction * parts["sounded" if has_sound else "sighted"]
        return logits


def run_models(
    features: FeatureSplit, folds: Sequence[FeatureStore], work: Path, steps: int
) -> dict[frozenset[int], list[list[Parts]]]:
    """Train a model without each fold and each pair; return the parts by left-out fold."""
    numbers = range(len(folds))
    pairs = [frozenset(p) for p in itertools.combinations(numbers, 2)]
    wanted = [frozenset([k]) for k in numbers] + pairs
    found = {}
    for left_out in wanted:
        path = work / f"without_{'_'.join(map(str, sorted(left_out)))}.npz"
        if not path.exists():
            outputs = train_without(features, folds, left_out, work, steps)
            with path.with_suffix(".part").open("wb") as file:
                np.savez_compressed(file, **outputs)
            path.with_suffix(".part").replace(path)
            print(f"trained without {sorted(left_out)}", flush=True)
        with np.load(path) as arrays:
            found[left_out] = {
                fold: [
                    {name: arrays[f"{fold}/{number}/{name}"] for name in PARTS}
                    for number in range(len(folds[fold]))
                ]
                for fold in sorted(left_out)
            }
    return found


def train_without(
    features: FeatureSplit,
    folds: Sequence[FeatureStore],
    left_out: frozenset[int],
    work: Path,
    steps: int,
) -> dict[str, np.ndarray]:
    """Train a model without some folds, and compute its parts on them."""
    import jax
    from flax import nnx

    vocabulary = load_vocabulary()
    config = foley20.config()
    config = dataclasses.replace(
        config,
        steps=steps,
        loop=dataclasses.replace(config.loop, evaluate_every=steps, save_every=steps),
    )
    chosen = [(f"fold_{k}", store) for k, store in enumerate(folds) if k not in left_out]
    train = FeatureSplit([*features.stores, *(4 * chosen)], still_frames=config.still_frames)
    _, (shape, graphdef, params, statistics, _) = train_tagger(
        config, vocabulary, train, None, None, show=False
    )
    model = nnx.merge(graphdef, params, statistics)
    map_gain, tag_gain = model.prior.gain[...], model.tag_prior.gain[...]

    @jax.jit
    def parts_of(model, inputs):
        silent = inputs._replace(has_sound=np.array([False]))
        found = {
            "regression": model.regression(inputs.visual) / shape.regression.gain,
            "map": model.prior(inputs.visual) / map_gain,
            "tags": model.tag_prior(inputs.audio) / tag_gain,
            "alone": model.tag_prior.alone(inputs.audio),
        }
        for name, given in (("sighted", silent), ("sounded", inputs)):
            rows = model.frame_parts(given).rows
            found[name] = model.head(rows, given.lengths)[0]
        return {name: rows[0] for name, rows in found.items()}

    outputs: dict[str, np.ndarray] = {}
    for fold in sorted(left_out):
        for number in range(len(folds[fold])):
            record = folds[fold][number]
            frames = next(n for n in (64, 256, 1024) if n >= record.frames)
            presence = (record.has_picture, record.has_sound)
            padded = pad_clip(record.visual, record.audio, *presence, frames=frames)
            inputs = TaggerInputs(*padded)
            for name, rows in parts_of(model, inputs).items():
                outputs[f"{fold}/{number}/{name}"] = np.asarray(rows)[: record.frames]
    return outputs


@dataclasses.dataclass(frozen=True, eq=False)
class Clips:
    """Clips with the parts that a model computed of them."""

    records: list[FeatureRecord]
    scored: list[ScoredClip]
    parts: list[Parts]

    @property
    def truth(self) -> Bool[np.ndarray, "clips effects"]:
        """Which effects each clip has."""
        return np.stack([clip.clip_labels > 0 for clip in self.scored])

    def logits(self, weights: Weights, with_sound: bool) -> list[Logits]:
        """Return the logits of each clip."""
        return [
            weights.logits(parts, with_sound and record.has_sound)
            for parts, record in zip(self.parts, self.records, strict=True)
        ]


def joined(parts: Sequence[Clips]) -> Clips:
    """Join the clips of several folds."""
    return Clips(
        [record for one in parts for record in one.records],
        [clip for one in parts for clip in one.scored],
        [found for one in parts for found in one.parts],
    )


def clip_scores(logits: Sequence[Logits]) -> Float[np.ndarray, "clips effects"]:
    """Return the mean of the upper half of each clip's frames."""
    return np.stack(
        [np.sort(rows, axis=0)[-max(1, (len(rows) + 1) // 2) :].mean(axis=0) for rows in logits]
    )


def ranking(
    truth: Bool[np.ndarray, "clips effects"], scores: Float[np.ndarray, "clips effects"]
) -> tuple[float, float, float]:
    """Return the ROC-AUC of any effect, macro ROC-AUC, and how often the strongest is right."""
    shown = truth.any(axis=1)
    areas = [
        roc_auc_score(truth[:, k], scores[:, k])
        for k in range(truth.shape[1])
        if 0 < truth[:, k].sum() < len(truth)
    ]
    right = truth[np.arange(len(truth)), scores.argmax(axis=1)][shown]
    return roc_auc_score(shown, scores.max(axis=1)), float(np.mean(areas)), float(right.mean())


def calibrated(clips: Clips, logits: list[Logits], vocabulary: Vocabulary) -> Decision:
    """Calibrate a semi-Markov decision on clips."""
    decision = with_usual_durations(default_decision(vocabulary, decoder="semi_markov"), vocabulary)
    lines = fit_lines(clips.scored, logits)
    effects = tuple(
        dataclasses.replace(effect, slope=line.slope, bias=line.bias)
        for effect, line in zip(decision.effects, lines, strict=True)
    )
    return dataclasses.replace(decision, effects=effects)


def with_threshold(decision: Decision, threshold: float) -> Decision:
    """Give all effects one threshold."""
    effects = tuple(
        dataclasses.replace(e, threshold_on=threshold, threshold_off=0.5 * threshold)
        for e in decision.effects
    )
    return dataclasses.replace(decision, effects=effects)


@dataclasses.dataclass
class Detection:
    """Clips with a correct cue, and false cues where there is nothing."""

    detected: int = 0
    shown: int = 0
    false: int = 0
    minutes: float = 0.0

    def count(
        self, clips: Clips, logits: list[Logits], decision: Decision, vocabulary: Vocabulary
    ) -> "Detection":
        """Add the cues of some clips."""
        for clip, rows in zip(clips.scored, logits, strict=True):
            events = apply_decision(calibrate(rows, decision), clip.grid, vocabulary, decision)
            present = {vocabulary.names[k] for k in np.flatnonzero(clip.clip_labels > 0)}
            if present:
                self.shown += 1
                self.detected += any(event.effect in present for event in events)
            else:
                self.false += len(events)
                self.minutes += clip.duration_s / 60.0
        return self

    def __str__(self) -> str:
        return (
            f"{self.detected} of {self.shown} detected, {self.false} false cues in "
            f"{self.minutes:.1f} min ({self.false / self.minutes:.2f} a minute)"
        )


def choose_threshold(
    clips: Clips,
    logits: list[Logits],
    decision: Decision,
    vocabulary: Vocabulary,
    undecided: Sequence[str],
) -> float:
    """Choose the threshold with the most clips detected within `MOST_FALSE`.

    Clips whose names match a pattern of `undecided` do not count.
    """
    clear = [
        not any(fnmatch.fnmatchcase(clip.id, pattern) for pattern in undecided)
        for clip in clips.scored
    ]
    clips = Clips(
        *(
            list(itertools.compress(part, clear))
            for part in (clips.records, clips.scored, clips.parts)
        )
    )
    logits = list(itertools.compress(logits, clear))
    best = (-1.0, THRESHOLDS[-1])
    for threshold in THRESHOLDS:
        found = Detection().count(clips, logits, with_threshold(decision, threshold), vocabulary)
        if found.false <= MOST_FALSE * found.minutes:
            best = max(best, (found.detected - 0.2 * found.false, threshold))
    return best[1]


def decide(
    clips: Clips,
    vocabulary: Vocabulary,
    path: Path,
    out: Path,
    card: Path | None,
    undecided: Sequence[str],
) -> None:
    """Give a bundle the decision that suits the clips, with its own weights of the parts."""
    from temporal_foley.models.bundle.bundle import load_bundle, save_bundle
    from temporal_foley.spotting.decision import decision_to_json

    bundle = load_bundle(path)
    prior, tags, limit = (
        getattr(bundle.tagger, name) for name in ("prior", "tag_prior", "correction")
    )
    weights = Weights(map=prior.gain, tags=tags.gain, correction=float(limit > 0))
    logits = [rows for with_sound in (True, False) for rows in clips.logits(weights, with_sound)]
    twice = joined([clips, clips])
    decision = calibrated(twice, logits, vocabulary)
    threshold = choose_threshold(twice, logits, decision, vocabulary, undecided)
    decision = with_threshold(decision, threshold)
    said = f"{threshold:.2f} for all effects, at most {MOST_FALSE:g} false cues a minute"
    decision = dataclasses.replace(decision, rule=f"{said}, on {len(clips.records)} clips")
    print(decision.rule, Detection().count(twice, logits, decision, vocabulary))
    # The rate of all effects is in the calibration, which was fitted without this.
    still = {**bundle.weights, "shift": np.zeros_like(bundle.weights["shift"])}
    changed = dataclasses.replace(
        bundle,
        weights=still,
        decision=decision_to_json(decision),
        card=bundle.card if card is None else card.read_text("utf-8"),
    )
    print(save_bundle(out, changed, overwrite=True))


def main() -> None:
    """Train, choose, judge, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("features", type=Path)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument(
        "--undecided",
        nargs="*",
        default=[],
        metavar="PATTERN",
        help="clips whose truth a picture cannot show, such as a silent dog: they are judged, but "
        "choose no threshold",
    )
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--card", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if not (given.work / "folds").exists():
        write_folds(FeatureStore(given.clips), given.work / "folds", given.folds)
    folds = [FeatureStore(given.work / "folds" / f"fold_{k}") for k in range(given.folds)]
    stores = [
        (path.parent.parent.name, FeatureStore(path.parent))
        for path in sorted(given.features.glob("**/train/manifest.json"))
    ]
    outputs = run_models(FeatureSplit(stores), folds, given.work, given.steps)
    vocabulary = load_vocabulary()
    records = [[store[n] for n in range(len(store))] for store in folds]
    scored = [[unscored_clip(r, "clips", vocabulary) for r in rows] for rows in records]

    def clips_of(fold: int, left_out: frozenset[int]) -> Clips:
        return Clips(records[fold], scored[fold], outputs[left_out][fold])

    def inner(outer: int) -> Clips:
        others = [k for k in range(given.folds) if k != outer]
        return joined([clips_of(k, frozenset([outer, k])) for k in others])

    if given.bundle is not None:
        parts = [clips_of(k, frozenset([k])) for k in range(given.folds)]
        decide(joined(parts), vocabulary, given.bundle, given.out, given.card, given.undecided)
        return
    ours = [
        Weights(map=m, tags=t, correction=c)
        for m in MAP_WEIGHTS
        for t in TAG_WEIGHTS
        for c in CORRECTIONS
    ]
    models: dict[str, list[Weights]] = {
        "ImageNet map": [Weights(0, 1, 0, 0)],
        "regression, single frames": [Weights(1, 0, 0, 0)],
        "average of both": [Weights(1, 1, 0, 0)],
        "single frames and tags": [
            dataclasses.replace(w, correction=0.0) for w in ours[:: len(CORRECTIONS)]
        ],
        "ours": ours,
    }
    for with_sound in (True, False):
        print("with sound" if with_sound else "without sound")
        for name, candidates in models.items():
            judge(
                name,
                candidates,
                inner,
                clips_of,
                given.folds,
                vocabulary,
                with_sound,
                given.undecided,
            )


def judge(
    name: str,
    candidates: list[Weights],
    inner: Callable[[int], Clips],
    clips_of: Callable[[int, frozenset[int]], Clips],
    folds: int,
    vocabulary: Vocabulary,
    with_sound: bool,
    undecided: Sequence[str],
) -> None:
    """Choose on the inner clips of each fold, judge on its own, and print the results."""
    truth, scores, chosen = [], [], []
    detection = Detection()
    for outer in range(folds):
        within = inner(outer)

        def goodness(weights: Weights, within: Clips = within) -> float:
            any_effect, macro, strongest = ranking(
                within.truth, clip_scores(within.logits(weights, with_sound))
            )
            return any_effect + 0.5 * macro + 0.5 * strongest

        best = max(candidates, key=goodness) if len(candidates) > 1 else candidates[0]
        chosen.append(best)
        own = clips_of(outer, frozenset([outer]))
        logits = own.logits(best, with_sound)
        truth.append(own.truth)
        scores.append(clip_scores(logits))
        within_logits = within.logits(best, with_sound)
        decision = calibrated(within, within_logits, vocabulary)
        threshold = choose_threshold(within, within_logits, decision, vocabulary, undecided)
        detection.count(own, logits, with_threshold(decision, threshold), vocabulary)
    any_effect, macro, strongest = ranking(np.concatenate(truth), np.concatenate(scores))
    print(
        f"  {name:26s} any {any_effect:.3f}, macro {macro:.3f}, strongest {strongest:.3f}; "
        f"{detection}"
    )
    if len(candidates) > 1:
        print(
            "    chosen (map, tags, correction): "
            + " ".join(f"{w.map:g},{w.tags:g},{w.correction:g}" for w in chosen)
        )


if __name__ == "__main__":
    main()
