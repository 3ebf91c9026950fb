"""Judge the recipe of a model on real clips that neither trained it nor chose anything about it.

    python benchmarks/detection/nested.py FEATURES --clips CLIPS --work WORK [--folds 6]
        [--steps 200] [--bundle RUN/bundle --out BUNDLE]

FEATURES has the features of pictures (`*/train`), CLIPS is one folder of features of real clips.
Clips are divided into folds by source. For each fold one model is trained without it, and for each
pair of folds one without both: the second kind judges the clips of one fold for all choices that
the first kind is then judged with on the other (nested cross-validation). Chosen in this way, for
each fold: the weights of the ImageNet map, of the tags and of the recurrent correction, the
calibration line and the threshold, each one of all effects. Chosen for clips with and without their
sound together, as a bundle has one decision. WORK keeps the models' outputs, so the command can be
stopped and repeated.

Printed, with and without sound: ROC-AUC of any effect against none, macro over effects and whether
the strongest effect is right, by clip; and clips with a correct cue, and false cues a minute in
clips without any effect. Beside it: the ImageNet map, the regression on single frames, and their
average in log odds, each with its own decision chosen in the same way.

With `--bundle`, a model that was trained on all clips gets the weights and the decision that are
chosen on the outputs of the models without each fold.
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
from data_pipeline.train.fit_regression import fit_regression
from data_pipeline.train.tagger import train_tagger
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.evaluation.fit_calibration import fit_common_line
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.models.tagging.class_prior import FARTHEST
from temporal_foley.models.tagging.frame_regression import FrameRegression
from temporal_foley.models.tagging.judging import pad_clip
from temporal_foley.models.tagging.tagger import TaggerInputs
from temporal_foley.spotting.decision import (
    Decision,
    apply_decision,
    calibrate,
    default_decision,
    with_usual_durations,
)

PARTS = ("regression", "plain", "map", "tags", "alone", "sighted", "sounded")
"""Log odds by frame: of single frames as the recipe has them and of image features alone, of the
ImageNet map and of the tags, each at a weight of 1, of what the sound alone shows, and the
recurrent correction without and with sound."""
MAP_WEIGHTS = (0.25, 0.35, 0.5)
TAG_WEIGHTS = (0.5, 0.8)
CORRECTIONS = (0.0, 1.0)
ALIKE = 0.01
"""Weights that rank clips worse than the best by less than this are as good, by chance."""
LOOKS_PER_S = 0.5
"""Two seconds of a shot show little more than one picture of it."""
THRESHOLDS = tuple(1.0 / (1.0 + np.exp(-x)) for x in np.arange(1.0, -3.01, -0.25))
MOST_FALSE = 0.7
"""False cues a minute that a threshold may give on the clips that choose it."""

Logits = Float[np.ndarray, "frames effects"]
Parts = dict[str, Logits]


@dataclasses.dataclass(frozen=True)
class Weights:
    """How the parts are added."""

    base: str | None = "regression"
    map: float = 0.5
    tags: float = 0.5
    correction: float = 1.0
    least: float = -FARTHEST
    """Lowest log odds of the map."""

    def logits(self, parts: Parts, has_sound: bool) -> Logits:
        """Add the parts of a clip."""
        logits = self.map * np.maximum(parts["map"], self.least)
        if self.base is not None:
            logits = logits + parts[self.base]
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
                np.savez_compressed(file, **outputs)  # pyright: ignore[reportArgumentType]
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
    assert shape.regression is not None
    features_alone = dataclasses.replace(shape.regression, roots=False, gain=1.0)
    plain = FrameRegression(shape.visual_features, shape.effects, features_alone)
    fitted = fit_regression(train, vocabulary, features_alone)
    plain.kernel[...], plain.bias[...] = fitted["kernel"], fitted["bias"]

    @jax.jit
    def parts_of(model, inputs):
        silent = inputs._replace(has_sound=np.array([False]))
        roots = model.prior.roots(inputs.visual) if shape.regression.roots else None
        found = {
            "regression": model.regression(inputs.visual, roots) / shape.regression.gain,
            "plain": plain(inputs.visual),
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
        return np.stack([np.asarray(clip.clip_labels) > 0 for clip in self.scored])

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
    """Calibrate a semi-Markov decision on clips, with one line for all effects."""
    decision = with_usual_durations(default_decision(vocabulary, decoder="semi_markov"), vocabulary)
    line = fit_common_line(clips.scored, logits)
    effects = tuple(
        dataclasses.replace(effect, slope=line.slope, bias=line.bias) for effect in decision.effects
    )
    return dataclasses.replace(decision, effects=effects, looks_per_s=LOOKS_PER_S)


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
        on = np.array([effect.threshold_on for effect in decision.effects])
        for clip, rows in zip(clips.scored, logits, strict=True):
            chances = calibrate(rows, decision)
            # A search for events that nothing speaks for takes long and finds none.
            events = []
            if (chances > on).any():
                events = apply_decision(chances, clip.grid, vocabulary, decision)
            labels = np.asarray(clip.clip_labels)
            present = {vocabulary.names[k] for k in np.flatnonzero(labels > 0)}
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


def choose_weights(clips: Clips, candidates: list[Weights]) -> Weights:
    """Average the weights of the parts that rank clips best, with and without their sound.

    The mean of all that are almost as good as the best one follows chance less than the best does.
    """

    def goodness(weights: Weights) -> float:
        found = [
            ranking(clips.truth, clip_scores(clips.logits(weights, with_sound)))
            for with_sound in (True, False)
        ]
        return sum(any_effect + 0.5 * macro + 0.5 * top for any_effect, macro, top in found)

    if len(candidates) == 1:
        return candidates[0]
    good = np.array([goodness(weights) for weights in candidates])
    best = [candidates[place] for place in np.flatnonzero(good >= good.max() - ALIKE)]
    means = {
        name: float(np.mean([getattr(weights, name) for weights in best]))
        for name in ("map", "tags", "correction")
    }
    return dataclasses.replace(best[0], **means)


def choose_decision(
    clips: Clips,
    logits: list[Logits],
    vocabulary: Vocabulary,
    undecided: Sequence[str],
) -> Decision:
    """Calibrate, and choose the lowest threshold that gives no more false cues than `MOST_FALSE`.

    Clips whose names match a pattern of `undecided` count for the calibration only.
    """
    base = calibrated(clips, logits, vocabulary)
    clear = [
        not any(fnmatch.fnmatchcase(clip.id, pattern) for pattern in undecided)
        for clip in clips.scored
    ]
    nothing = np.array(clear) & ~clips.truth.any(axis=1)
    without, without_logits = _some(clips, logits, nothing)
    chosen = with_threshold(base, max(THRESHOLDS))
    for threshold in THRESHOLDS:
        lower = with_threshold(base, threshold)
        found = Detection().count(without, without_logits, lower, vocabulary)
        if found.false > MOST_FALSE * found.minutes:
            break
        chosen = lower
    return chosen


def _some(
    clips: Clips, logits: list[Logits], chosen: Bool[np.ndarray, " clips"]
) -> tuple[Clips, list[Logits]]:
    places = [int(place) for place in np.flatnonzero(chosen)]
    some = Clips(
        [clips.records[place] for place in places],
        [clips.scored[place] for place in places],
        [clips.parts[place] for place in places],
    )
    return some, [logits[place] for place in places]


def candidate_weights() -> list[Weights]:
    """Return the weights of the parts among which is chosen."""
    prior = foley20.config().tagger.prior
    return [
        Weights(map=m, tags=t, correction=c, least=-FARTHEST if prior is None else prior.least)
        for m in MAP_WEIGHTS
        for t in TAG_WEIGHTS
        for c in CORRECTIONS
    ]


def decide(
    clips: Clips,
    vocabulary: Vocabulary,
    path: Path,
    out: Path,
    card: Path | None,
    undecided: Sequence[str],
) -> None:
    """Give a bundle the weights of its parts and the decision that suit the clips."""
    from temporal_foley.models.bundle.bundle import load_bundle, save_bundle
    from temporal_foley.spotting.decision import decision_to_json

    bundle = load_bundle(path)
    weights = choose_weights(clips, candidate_weights())
    logits = [rows for with_sound in (True, False) for rows in clips.logits(weights, with_sound)]
    twice = joined([clips, clips])
    decision = choose_decision(twice, logits, vocabulary, undecided)
    threshold = decision.effects[0].threshold_on
    said = f"{threshold:.2f} for all effects, at most {MOST_FALSE:g} false cues a minute"
    decision = dataclasses.replace(decision, rule=f"{said}, on {len(clips.records)} clips")
    found = Detection().count(twice, logits, decision, vocabulary)
    print(weights, decision.rule, found, sep="; ")
    # The rate of all effects is in the calibration, which was fitted without the shift.
    arrays = {**bundle.weights, "shift": np.zeros_like(bundle.weights["shift"])}
    for part, gain in (("prior", weights.map), ("tag_prior", weights.tags)):
        arrays[part] = {**arrays[part], "gain": np.full_like(arrays[part]["gain"], gain)}
    tagger = bundle.tagger
    if tagger.prior is None or tagger.tag_prior is None or tagger.correction is None:
        raise SystemExit(f"{path}: must have a prior, a tag prior and a correction")
    tagger = dataclasses.replace(
        tagger,
        prior=dataclasses.replace(tagger.prior, gain=weights.map, least=weights.least),
        tag_prior=dataclasses.replace(tagger.tag_prior, gain=weights.tags),
        correction=tagger.correction * weights.correction,
    )
    changed = dataclasses.replace(
        bundle,
        tagger=tagger,
        weights=arrays,
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
    ours = candidate_weights()
    models: dict[str, list[Weights]] = {
        "ours": ours,
        "single frames and tags": [w for w in ours if not w.correction],
        "regression, single frames": [Weights("plain", 0, 0, 0)],
        "average of both": [Weights("plain", 1, 0, 0)],
        "ImageNet map": [Weights(None, 1, 0, 0)],
    }
    for name, candidates in models.items():
        print(name, flush=True)
        judge(candidates, inner, clips_of, given.folds, vocabulary, given.undecided)


def judge(
    candidates: list[Weights],
    inner: Callable[[int], Clips],
    clips_of: Callable[[int, frozenset[int]], Clips],
    folds: int,
    vocabulary: Vocabulary,
    undecided: Sequence[str],
) -> None:
    """Choose on the inner clips of each fold, judge on its own, and print the results."""
    truth: list[np.ndarray] = []
    scores: dict[bool, list[np.ndarray]] = {True: [], False: []}
    detection = {True: Detection(), False: Detection()}
    chosen = []
    for outer in range(folds):
        within = inner(outer)

        best = choose_weights(within, candidates)
        given = [rows for with_sound in (True, False) for rows in within.logits(best, with_sound)]
        decision = choose_decision(joined([within, within]), given, vocabulary, undecided)
        chosen.append((best, decision))
        own = clips_of(outer, frozenset([outer]))
        truth.append(own.truth)
        for with_sound in (True, False):
            logits = own.logits(best, with_sound)
            scores[with_sound].append(clip_scores(logits))
            detection[with_sound].count(own, logits, decision, vocabulary)
    for with_sound, said in ((True, "with sound"), (False, "without")):
        any_effect, macro, strongest = ranking(
            np.concatenate(truth), np.concatenate(scores[with_sound])
        )
        print(
            f"  {said:11s} any {any_effect:.3f}, macro {macro:.3f}, strongest {strongest:.3f}; "
            f"{detection[with_sound]}"
        )
    print(
        "  chosen (map, tags, correction; threshold): "
        + " ".join(
            f"{w.map:.2f},{w.tags:.2f},{w.correction:.2f};{decision.effects[0].threshold_on:.2f}"
            for w, decision in chosen
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
