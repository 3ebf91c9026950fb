"""Fit a correction of a model's last layer and decision to the decisions of people.

Three things are fitted, each with a prior around its old value: an additive change of the last
layer (logistic regression with a Gaussian prior: linear probing on frozen features), the slope and
bias of each effect (Platt, "Probabilistic outputs for support vector machines", 1999), and its
threshold. Slopes, biases and thresholds are fitted on clips that the correction was not fitted on.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32
from scipy import optimize

from temporal_foley.effects import Vocabulary
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.evaluation.threshold_sweep import sweep_thresholds, threshold_of
from temporal_foley.spotting.decision import Decision, apply_decision, calibrate
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

PULL = 1.0
"""Strength of the prior, in seconds of decided material for features of length 1."""
SLOPE_DEPARTURE, BIAS_DEPARTURE = 0.3, 1.0
EARLIER_CUES = 10.0
"""The old threshold counts as much as this many decided cues."""
FOLDS = 4
GAP = 1.24
"""Difference of the two thresholds of an effect in log odds, as in `fit_decision`."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DecidedClip:
    """The features of a video that a person edited, and the decisions."""

    name: str
    grid: TimeGrid
    rows: Float32[np.ndarray, "frames features"]
    logits: Float32[np.ndarray, "frames effects"]
    labels: Float32[np.ndarray, "frames effects"]
    weights: Float32[np.ndarray, "frames effects"]
    """1 for a decision by a person, less for a cue that nobody edited."""
    accepted: tuple[Event, ...]
    rejected: tuple[Event, ...]


class Correction(NamedTuple):
    """What is added to the last layer."""

    kernel: Float[np.ndarray, "features effects"]
    bias: Float[np.ndarray, " effects"]


class Learned(NamedTuple):
    """A corrected last layer and its decision."""

    correction: Correction
    decision: Decision


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditScores:
    """Scores of a model on decided clips that it did not learn from."""

    log_loss: float
    """Per decided frame and effect."""
    accepted_found: int
    accepted: int
    rejected_again: int
    rejected: int

    def __str__(self) -> str:
        return (
            f"log-loss {self.log_loss:.3f}, finds {self.accepted_found} of {self.accepted} "
            f"accepted, proposes {self.rejected_again} of {self.rejected} rejected again"
        )


def learn(clips: Sequence[DecidedClip], vocabulary: Vocabulary, decision: Decision) -> Learned:
    """Fit the correction and the decision to clips."""
    correction = fit_correction(clips, decision)
    crossed: list[np.ndarray] = [clip.logits for clip in clips]
    if len(clips) > 1:
        for fold in range(min(FOLDS, len(clips))):
            others = [clip for n, clip in enumerate(clips) if n % FOLDS != fold]
            part = fit_correction(others, decision)
            for n in range(fold, len(clips), FOLDS):
                crossed[n] = corrected(clips[n], part)
    decision = _fit_lines(clips, crossed, decision)
    return Learned(correction, _fit_thresholds(clips, crossed, vocabulary, decision))


def held_out(
    clips: Sequence[DecidedClip], vocabulary: Vocabulary, decision: Decision
) -> tuple[EditScores, EditScores]:
    """Score the old model and learned ones, each clip with one fitted without it."""
    if len(clips) < 2:
        raise ValueError(f"clips must be at least 2 to hold one out, got {len(clips)}")
    old = [_judge(clip, clip.logits, vocabulary, decision) for clip in clips]
    new: list[tuple[float, float, int, int]] = []
    for fold in range(min(FOLDS, len(clips))):
        others = [clip for n, clip in enumerate(clips) if n % FOLDS != fold]
        learned = learn(others, vocabulary, decision)
        for clip in clips[fold::FOLDS]:
            logits = corrected(clip, learned.correction)
            new.append(_judge(clip, logits, vocabulary, learned.decision))
    return _sum_up(clips, old), _sum_up(clips, new)


def compare(
    clips: Sequence[DecidedClip], vocabulary: Vocabulary, decision: Decision, learned: Learned
) -> tuple[EditScores, EditScores]:
    """Score the old model and a learned one on clips that it did not learn from."""
    old = [_judge(clip, clip.logits, vocabulary, decision) for clip in clips]
    new = [
        _judge(clip, corrected(clip, learned.correction), vocabulary, learned.decision)
        for clip in clips
    ]
    return _sum_up(clips, old), _sum_up(clips, new)


def corrected(clip: DecidedClip, correction: Correction) -> Float32[np.ndarray, "frames effects"]:
    """Return the logits of a clip with the correction."""
    logits = clip.logits.copy()
    # Effects after those of the last layer belong to another part of the bundle.
    own = correction.kernel.shape[1]
    logits[:, :own] += (clip.rows @ correction.kernel + correction.bias).astype(np.float32)
    return logits


def fit_correction(clips: Sequence[DecidedClip], decision: Decision) -> Correction:
    """Fit the change of the last layer for the effects that have decisions."""
    rows = np.concatenate([clip.rows for clip in clips]).astype(np.float64)
    logits = np.concatenate([clip.logits for clip in clips]).astype(np.float64)
    labels = np.concatenate([clip.labels for clip in clips])
    weights = np.concatenate([clip.weights * float(clip.grid.step) for clip in clips])
    length = max(float(np.sqrt(np.mean(np.sum(rows**2, axis=1)))), 1e-9)
    inputs = np.concatenate([rows / length, np.ones((len(rows), 1))], axis=1)
    found = np.zeros((inputs.shape[1], logits.shape[1]))
    for effect in _decided_effects(clips):
        own = decision.effects[effect]
        sign = np.where(labels[:, effect] >= 0.5, -1.0, 1.0)
        base = own.slope * logits[:, effect] + own.bias

        def loss(
            change: np.ndarray,
            sign: np.ndarray = sign,
            base: np.ndarray = base,
            slope: float = own.slope,
            weight: np.ndarray = weights[:, effect],
        ) -> tuple[float, np.ndarray]:
            wrong = sign * (base + slope * (inputs @ change))
            pull = weight * sign * slope * 0.5 * (1.0 + np.tanh(0.5 * wrong))
            total = weight @ np.logaddexp(0.0, wrong) + 0.5 * PULL * change @ change
            return float(total), inputs.T @ pull + PULL * change

        start = np.zeros(inputs.shape[1])
        found[:, effect] = optimize.minimize(
            loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60}
        ).x
    return Correction(kernel=found[:-1] / length, bias=found[-1])


def _decided_effects(clips: Sequence[DecidedClip]) -> list[int]:
    decided = np.any([(clip.weights >= 1.0).any(axis=0) for clip in clips], axis=0)
    return np.flatnonzero(decided).tolist()


def _fit_lines(
    clips: Sequence[DecidedClip], logits: Sequence[np.ndarray], decision: Decision
) -> Decision:
    values = np.concatenate(logits).astype(np.float64)
    labels = np.concatenate([clip.labels for clip in clips])
    weights = np.concatenate([clip.weights * float(clip.grid.step) for clip in clips])
    effects = list(decision.effects)
    for effect in _decided_effects(clips):
        own = effects[effect]
        sign = np.where(labels[:, effect] >= 0.5, -1.0, 1.0)
        centre = np.array([np.log(own.slope), own.bias])
        spread = np.array([SLOPE_DEPARTURE, BIAS_DEPARTURE])

        def loss(
            line: np.ndarray,
            value: np.ndarray = values[:, effect],
            sign: np.ndarray = sign,
            weight: np.ndarray = weights[:, effect],
            centre: np.ndarray = centre,
            spread: np.ndarray = spread,
        ) -> float:
            wrong = sign * (np.exp(line[0]) * value + line[1])
            away = (line - centre) / spread
            return float(weight @ np.logaddexp(0.0, wrong) + 0.5 * away @ away)

        slope, bias = optimize.minimize(loss, centre, method="L-BFGS-B").x
        effects[effect] = dataclasses.replace(own, slope=float(np.exp(slope)), bias=float(bias))
    return dataclasses.replace(decision, effects=tuple(effects))


def _fit_thresholds(
    clips: Sequence[DecidedClip],
    logits: Sequence[np.ndarray],
    vocabulary: Vocabulary,
    decision: Decision,
) -> Decision:
    """Move thresholds towards the best frame F1, further with more decided cues."""
    scored = [
        ScoredClip(
            id=clip.name,
            source=clip.name,
            dataset="edits",
            grid=clip.grid,
            probabilities=calibrate(rows, decision),
            labels=clip.labels,
            known=np.ones(clip.labels.shape, bool),
            has_sound=True,
            has_picture=True,
        )
        for clip, rows in zip(clips, logits, strict=True)
    ]
    sweep = sweep_thresholds(scored, vocabulary, decision, GAP)
    effects = list(decision.effects)
    for effect in _decided_effects(clips):
        if not sweep.has_positives[effect]:
            continue
        own = effects[effect]
        name = vocabulary.names[effect]
        cues = sum(e.effect == name for c in clips for e in (*c.accepted, *c.rejected))
        was = float(np.log(own.threshold_on) - np.log1p(-own.threshold_on))
        best = float(sweep.ladder[sweep.f1[:, effect].argmax()])
        now = (cues * best + EARLIER_CUES * was) / (cues + EARLIER_CUES)
        off = float(np.log(own.threshold_off) - np.log1p(-own.threshold_off)) + now - was
        effects[effect] = dataclasses.replace(
            own, threshold_on=threshold_of(now), threshold_off=threshold_of(off)
        )
    rule = f"{decision.rule}; moved by edits of {len(clips)} videos".removeprefix("; ")
    return dataclasses.replace(decision, effects=tuple(effects), rule=rule)


def _judge(
    clip: DecidedClip, logits: np.ndarray, vocabulary: Vocabulary, decision: Decision
) -> tuple[float, float, int, int]:
    """Return log-loss over decided cells, their number, accepted cues found, rejected again."""
    chances = calibrate(logits, decision)
    is_decided = clip.weights >= 1.0
    chance = np.clip(chances[is_decided].astype(np.float64), 1e-6, 1.0 - 1e-6)
    truth = clip.labels[is_decided] >= 0.5
    loss = -np.sum(np.where(truth, np.log(chance), np.log1p(-chance)))
    found = apply_decision(chances, clip.grid, vocabulary, decision)
    return (
        float(loss),
        float(is_decided.sum()),
        sum(_is_met(event, found) for event in clip.accepted),
        sum(_is_met(event, found) for event in clip.rejected),
    )


def _is_met(event: Event, found: Sequence[Event]) -> bool:
    return any(
        other.effect == event.effect and other.onset < event.offset and event.onset < other.offset
        for other in found
    )


def _sum_up(
    clips: Sequence[DecidedClip], judged: Sequence[tuple[float, float, int, int]]
) -> EditScores:
    losses, cells, found, again = (sum(column) for column in zip(*judged, strict=True))
    return EditScores(
        log_loss=losses / max(cells, 1.0),
        accepted_found=int(found),
        accepted=sum(len(clip.accepted) for clip in clips),
        rejected_again=int(again),
        rejected=sum(len(clip.rejected) for clip in clips),
    )
