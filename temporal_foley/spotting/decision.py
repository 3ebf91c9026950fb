"""Calibrate the logits of a bundle into probabilities, and decode these into events.

A `Decision` is plain data stored in the bundle beside the weights: how each effect's logits become
probabilities, its thresholds, and the decoder. `evaluation/fit_decision.py` fits it.

Calibration is Platt's: a slope and a bias for the logits of each effect (Platt, "Probabilistic
outputs for support vector machines", 1999; with one slope for all it is temperature scaling). A
softmax is not calibrated: its last logit is `other`, the class of frames without an effect.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.files.records import RecordError, read_record, to_plain
from temporal_foley.spotting.durations import usual_duration
from temporal_foley.spotting.events import DecodingConfig, decode_events, events_of_activity
from temporal_foley.spotting.semi_markov import Stays, most_probable_activity
from temporal_foley.spotting.smoothing import Probabilities
from temporal_foley.timegrid import Seconds, TimeGrid
from temporal_foley.timeline import Event

SCHEMA = "temporal-foley/decision"
VERSION = 1
OUTPUTS = ("sigmoid", "softmax")
DECODERS = ("mode", "median", "hysteresis", "semi_markov")
SMOOTHINGS = ("none", "mean", "gaussian")
PRESENCE = 0.05
"""Of twenty effects, about one is in a video."""
MOST_EVIDENCE = 8.0
"""Log odds of a frame are limited to this, however sure a network is."""

Output = Literal["sigmoid", "softmax"]
Decoder = Literal["mode", "median", "hysteresis", "semi_markov"]


class DecisionError(FoleyError):
    """A decision with a wrong field; the message names it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EffectDecision:
    """How the logits of one effect become probabilities and events."""

    effect: str
    slope: float = 1.0
    bias: float = 0.0
    threshold_on: float = 0.5
    threshold_off: float = 0.35
    lasts_s: float = 2.0
    """Median duration of an event; for `semi_markov`, like the next two."""
    spread: float = 1.0
    """Standard deviation of the logarithm of the duration."""
    gap_s: float = 20.0
    """Mean time from the end of one event to the next."""
    presence: float | None = None
    """Probability that the effect is in a video at all; None: `gap_s` is fitted over all videos."""
    looks_per_s: float | None = None
    """Its own `Decision.looks_per_s`; None: that of all effects."""

    def __post_init__(self) -> None:
        if self.presence is not None and not 0.0 < self.presence < 1.0:
            raise ValueError(f"presence must be in (0, 1), got {self.presence}")
        if self.looks_per_s is not None and not 0.0 < self.looks_per_s <= 1000.0:
            raise ValueError(f"looks_per_s must be in (0, 1000], got {self.looks_per_s}")
        for field in dataclasses.fields(self)[1:]:
            if field.name in ("presence", "looks_per_s"):
                continue
            if not math.isfinite(getattr(self, field.name)):
                raise ValueError(f"{field.name} must be finite, got {getattr(self, field.name)}")
        for name in ("slope", "lasts_s", "spread", "gap_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0.0 < self.threshold_off <= self.threshold_on < 1.0:
            raise ValueError(
                "thresholds must be 0 < threshold_off <= threshold_on < 1, "
                f"got {self.threshold_off} and {self.threshold_on}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """How logits become events: one entry per effect, in the order of the logits, and a decoder.

    `mode` is that of the stills baseline; `median` smooths and compares with `threshold_on`;
    `hysteresis` smooths with `smoothing` and uses both thresholds; `semi_markov` finds the most
    probable course.
    """

    effects: tuple[EffectDecision, ...]
    output: Output = "sigmoid"
    decoder: Decoder = "hysteresis"
    smoothing: Literal["none", "mean", "gaussian"] = "mean"
    """For `hysteresis`."""
    window_s: float = 1.25
    """For `mode`, `median` and `hysteresis`."""
    looks_per_s: float = 1.0
    """For `semi_markov`: neighbouring frames are alike, so a second counts as this many frames."""
    rule: str = ""
    """How the thresholds were found, for the reader."""

    def __post_init__(self) -> None:
        for name, known in (("output", OUTPUTS), ("decoder", DECODERS), ("smoothing", SMOOTHINGS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"decision.{name} must be one of {', '.join(known)}, got {getattr(self, name)}"
                )
        if not 0.0 < self.window_s <= 60.0:
            raise ValueError(f"decision.window_s must be in (0, 60], got {self.window_s}")
        if not 0.0 < self.looks_per_s <= 1000.0:
            raise ValueError(f"decision.looks_per_s must be in (0, 1000], got {self.looks_per_s}")
        if len(set(self.names)) != len(self.names):
            raise ValueError("decision.effects must name each effect once")
        if self.output == "softmax" and any((e.slope, e.bias) != (1.0, 0.0) for e in self.effects):
            raise ValueError("decision.effects must have slope 1 and bias 0 with a softmax")

    @property
    def names(self) -> tuple[str, ...]:
        """The effects' names, in order."""
        return tuple(effect.effect for effect in self.effects)

    @property
    def columns(self) -> int:
        """Number of logits per frame."""
        return len(self.effects) + (self.output == "softmax")


def default_decision(
    vocabulary: Vocabulary, *, output: Output = "sigmoid", decoder: Decoder = "hysteresis"
) -> Decision:
    """Return a decision with the thresholds and durations of the vocabulary, uncalibrated."""
    effects = tuple(
        EffectDecision(
            effect=effect.name,
            threshold_on=effect.threshold_on,
            threshold_off=effect.threshold_off,
            lasts_s=usual_length_s(effect),
        )
        for effect in vocabulary.effects
    )
    return Decision(effects=effects, output=output, decoder=decoder)


def with_usual_durations(
    decision: Decision, vocabulary: Vocabulary, presence: float = PRESENCE
) -> Decision:
    """Return a decision with the fitted durations of `durations.tsv` for each effect."""
    usual = [usual_duration(vocabulary[effect.effect]) for effect in decision.effects]
    effects = tuple(
        dataclasses.replace(
            own, lasts_s=one.lasts_s, spread=one.spread, gap_s=one.gap_s, presence=presence
        )
        for own, one in zip(decision.effects, usual, strict=True)
    )
    return dataclasses.replace(decision, effects=effects)


def usual_length_s(effect: Effect) -> float:
    """Guess the duration of an effect from its kind."""
    usual = {"one_shot": 1.0, "repeated": 3.0, "loop": 5.0, "ambience": 10.0}[effect.kind]
    return min(max(usual, effect.min_duration_s), effect.max_duration_s or math.inf)


def calibrate(
    logits: Float[np.ndarray, "frames columns"], decision: Decision
) -> Float32[np.ndarray, "frames effects"]:
    """Return the probabilities of logits, without the column `other` of a softmax."""
    logits = np.asarray(logits)
    if logits.ndim != 2 or logits.shape[1] != decision.columns:
        raise ValueError(
            f"logits must be (frames, {decision.columns}) for an output of {decision.output}, "
            f"got {logits.shape}"
        )
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")
    wide = logits.astype(np.float64)
    if decision.output == "softmax":
        odds = np.exp(wide - wide.max(axis=1, keepdims=True))
        return (odds / odds.sum(axis=1, keepdims=True))[:, :-1].astype(np.float32)
    slope = np.array([effect.slope for effect in decision.effects])
    bias = np.array([effect.bias for effect in decision.effects])
    # tanh neither overflows nor warns.
    return (0.5 * (1.0 + np.tanh(0.5 * (wide * slope + bias)))).astype(np.float32)


def apply_decision(
    probabilities: Probabilities,
    grid: TimeGrid,
    vocabulary: Vocabulary,
    decision: Decision,
    duration: Seconds | None = None,
    cuts: Sequence[int] = (),
) -> list[Event]:
    """Find the events in calibrated probabilities, in order of onset.

    Minimum and maximum durations and gaps are those of the vocabulary, whatever the decoder.

    Args:
        probabilities: The result of `calibrate`.
        grid: The time of each row.
        vocabulary: The effects, in the order of the decision.
        decision: Thresholds and decoder.
        duration: Length of the picture, if it ends before the grid's last frame does.
        cuts: Frames that begin a shot; for `semi_markov`.
    """
    own = _with_thresholds(vocabulary, decision)
    probabilities = np.asarray(probabilities)
    if decision.decoder == "semi_markov":
        evidence = _evidence(probabilities, grid, decision, cuts)
        active = _activity(evidence, _stays(decision, grid), cuts)
        return events_of_activity(active, probabilities, grid, own, duration=duration, cuts=cuts)
    other = None
    if decision.decoder == "mode" and decision.output == "softmax":
        other = np.maximum(1.0 - probabilities.sum(axis=1, dtype=np.float64), 0.0)
    smoothing = decision.smoothing if decision.decoder == "hysteresis" else decision.decoder
    config = DecodingConfig(smoothing=smoothing, window_s=decision.window_s)
    return decode_events(probabilities, grid, own, config=config, duration=duration, other=other)


def most_likely(
    probabilities: Probabilities,
    decision: Decision,
    among: Bool[np.ndarray, "frames effects"] | None = None,
) -> Int[np.ndarray, " frames"]:
    """Return the effect that stands out most in each frame, or `len(effects)` for none of them.

    Of sigmoids it is the one farthest above its threshold, in log odds; of a softmax the largest,
    unless `other` is larger. With `among`, only the effects marked in a frame are considered.
    """
    if decision.output == "softmax":
        margins = probabilities.astype(np.float64)
        least = np.maximum(1.0 - margins.sum(axis=1), 0.0)
    else:
        margins, least = _log_odds_above_threshold(probabilities, decision), 0.0
    if among is not None:
        margins = np.where(among, margins, -np.inf)
    best = margins.argmax(axis=1)
    stands_out = margins[np.arange(len(best)), best] > least
    return np.where(stands_out, best, len(decision.effects))


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """Return a decision as plain data."""
    return {"schema": SCHEMA, "version": VERSION, **to_plain(decision)}


def decision_from_json(document: Mapping[str, Any], vocabulary: Vocabulary) -> Decision:
    """Read the result of `decision_to_json`; its effects must be the vocabulary's, in its order.

    Raises:
        DecisionError: A field is missing, unknown or wrong; the message names it.
    """
    fields = dict(document)
    if fields.pop("schema", None) != SCHEMA or fields.pop("version", None) != VERSION:
        raise DecisionError(f"decision: must be {SCHEMA}, version {VERSION}; fit it again")
    try:
        decision = read_record(Decision, fields, "decision")
    except RecordError as error:
        raise DecisionError(str(error)) from None
    if decision.names != vocabulary.names:
        wrong = sorted(set(decision.names) ^ set(vocabulary.names)) or ["their order"]
        raise DecisionError(f"decision: its effects differ from the vocabulary's in {wrong[0]}")
    return decision


def _with_thresholds(vocabulary: Vocabulary, decision: Decision) -> Vocabulary:
    if decision.names != vocabulary.names:
        raise ValueError("decision must have the effects of the vocabulary, in its order")
    has_one_threshold = decision.decoder == "median"
    effects = tuple(
        dataclasses.replace(
            effect,
            threshold_on=own.threshold_on,
            threshold_off=own.threshold_on if has_one_threshold else own.threshold_off,
        )
        for effect, own in zip(vocabulary.effects, decision.effects, strict=True)
    )
    return dataclasses.replace(vocabulary, effects=effects)


def _evidence(
    probabilities: Probabilities, grid: TimeGrid, decision: Decision, cuts: Sequence[int]
) -> Float[np.ndarray, "frames effects"]:
    """Return the evidence of each frame for each effect, relative to its threshold.

    The frames of a shot say much the same, so each counts in part; the first one is new.
    """
    above = _log_odds_above_threshold(probabilities, decision)
    # All of a usual event is one look at least, however short it is.
    looks = [
        max(effect.looks_per_s or decision.looks_per_s, 1.0 / effect.lasts_s)
        for effect in decision.effects
    ]
    weights = np.tile(np.minimum(1.0, float(grid.step) * np.array(looks)), (len(above), 1))
    weights[[first for first in (0, *cuts) if first < len(above)]] = 1.0
    return weights * np.clip(above, -MOST_EVIDENCE, MOST_EVIDENCE)


def _activity(
    evidence: Float[np.ndarray, "frames effects"], stays: Stays, cuts: Sequence[int]
) -> Bool[np.ndarray, "frames effects"]:
    """Find the most probable course of the effects that some frame speaks for.

    The others stay off: most of a large vocabulary, of which no search is needed.
    """
    active = np.zeros(evidence.shape, bool)
    some = np.flatnonzero((evidence > 0.0).any(axis=0))
    if len(some):
        part = Stays(
            median=stays.median[some],
            spread=stays.spread[some],
            gap=stays.gap[some],
            presence=None if stays.presence is None else stays.presence[some],
        )
        active[:, some] = most_probable_activity(evidence[:, some], part, cuts)
    return active


def _log_odds_above_threshold(
    probabilities: Probabilities, decision: Decision
) -> Float[np.ndarray, "frames effects"]:
    within = np.clip(probabilities.astype(np.float64), 1e-7, 1.0 - 1e-7)
    on = np.array([effect.threshold_on for effect in decision.effects])
    return np.log(within) - np.log1p(-within) - (np.log(on) - np.log1p(-on))


def _stays(decision: Decision, grid: TimeGrid) -> Stays:
    rate = float(grid.frame_rate)
    return Stays(
        median=np.array([effect.lasts_s * rate for effect in decision.effects]),
        spread=np.array([effect.spread for effect in decision.effects]),
        gap=np.array([effect.gap_s * rate for effect in decision.effects]),
        presence=np.array(
            [np.nan if effect.presence is None else effect.presence for effect in decision.effects]
        ),
    )
