"""Fit the decision of a bundle on validation clips: durations, calibration, thresholds.

Thresholds follow one of three rules:

- `max_f1`: the best F1 by frame of each effect;
- `false_alarm_rate`: the lowest threshold of each effect at which its events touch at most this
  share of the frames without it;
- `false_cues`: over all effects at most this many cues per minute in clips without any effect,
  allotted so that as many clips as possible get a correct cue (by a Lagrange multiplier: one more
  false cue must gain the same for every effect).

An effect that does not occur in validation gets the threshold that is best for all together.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.effects import Vocabulary
from temporal_foley.evaluation.fit_calibration import Logits, fit_lines
from temporal_foley.evaluation.scored_clip import ScoredClip, validate
from temporal_foley.evaluation.threshold_sweep import Sweep, sweep_thresholds, with_log_odds
from temporal_foley.spotting.decision import (
    Decision,
    Decoder,
    Output,
    calibrate,
    default_decision,
    usual_length_s,
)

RULES = ("max_f1", "false_alarm_rate", "false_cues")
PRIOR_EVENTS = 3.0
"""Weight of the usual duration of an effect's kind, in events."""
PRIOR_SPREAD = 1.0
LEAST_GAP_S, MOST_GAP_S = 2.0, 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig:
    """The rule for thresholds, and the decoder that they are for."""

    rule: Literal["max_f1", "false_alarm_rate", "false_cues"] = "max_f1"
    most: float = 1.0
    """For `false_alarm_rate` a share of frames; for `false_cues` cues per minute."""
    decoder: Decoder = "hysteresis"
    smoothing: Literal["none", "mean", "gaussian"] = "mean"
    window_s: float = 1.25
    looks_per_s: float = 1.0
    gap: float = 1.24
    """Log odds from `threshold_off` up to `threshold_on`; 1.24 as from .35 to .65."""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"fit.rule must be one of {', '.join(RULES)}, got {self.rule!r}")
        if self.most < 0 or (self.rule == "false_alarm_rate" and self.most > 1):
            raise ValueError(f"fit.most must be at least 0, and a rate at most 1, got {self.most}")
        if self.gap < 0:
            raise ValueError(f"fit.gap must be at least 0, got {self.gap}")


def fit_decision(
    clips: Sequence[ScoredClip],
    logits: Logits,
    vocabulary: Vocabulary,
    config: FitConfig = FitConfig(),
    *,
    output: Output = "sigmoid",
    done: Callable[[float], None] = lambda part: None,
) -> Decision:
    """Fit a decision on validation clips; their own probabilities are ignored.

    Args:
        clips: The reference.
        logits: Of each clip, uncalibrated.
        vocabulary: The effects, in the order of the logits.
        config: The rule and the decoder.
        output: Whether the logits are of sigmoids or of a softmax.
        done: Called with the fraction that is done.
    """
    validate(clips, vocabulary.names)
    if len(logits) != len(clips):
        raise ValueError(f"logits must be of {len(clips)} clips, got {len(logits)}")
    decision = dataclasses.replace(
        default_decision(vocabulary, output=output, decoder=config.decoder),
        smoothing=config.smoothing,
        window_s=config.window_s,
        looks_per_s=config.looks_per_s,
    )
    decision = fit_lengths(decision, clips, vocabulary)
    if output == "sigmoid":
        lines = fit_lines(clips, logits)
        effects = tuple(
            dataclasses.replace(effect, slope=line.slope, bias=line.bias)
            for effect, line in zip(decision.effects, lines, strict=True)
        )
        decision = dataclasses.replace(decision, effects=effects)
    if output == "softmax" and config.decoder == "mode":
        # The largest logit wins: there is no threshold.
        return dataclasses.replace(decision, rule="the most probable class")
    judged = [
        dataclasses.replace(clip, probabilities=calibrate(rows, decision))
        for clip, rows in zip(clips, logits, strict=True)
    ]
    sweep = sweep_thresholds(judged, vocabulary, decision, config.gap, done)
    steps = choose_steps(sweep, config)
    decision = with_log_odds(decision, [float(sweep.ladder[s]) for s in steps], config.gap)
    said = config.rule if config.rule == "max_f1" else f"{config.rule} at most {config.most:g}"
    return dataclasses.replace(decision, rule=f"{said} on {len(clips)} validation clips")


def fit_lengths(
    decision: Decision, clips: Sequence[ScoredClip], vocabulary: Vocabulary
) -> Decision:
    """Set how long effects last and pause, from true events that lie within their clip."""
    effects = []
    for number, (own, effect) in enumerate(zip(decision.effects, vocabulary.effects, strict=True)):
        whole: list[float] = []
        off_s, pauses = 0.0, 0
        for clip in clips:
            if not clip.has_known_events[number]:
                continue
            events = [event for event in clip.reference if event.effect == effect.name]
            # Events that touch the ends of a clip continue outside it.
            whole += [
                math.log(event.offset - event.onset)
                for event in events
                if event.onset > 0.0 and event.offset < clip.duration_s
            ]
            off_s += float((~clip.truth[:, number]).sum() / clip.grid.frame_rate)
            pauses += len(events)
        usual = math.log(usual_length_s(effect))
        total = len(whole) + PRIOR_EVENTS
        centre = (sum(whole) + PRIOR_EVENTS * usual) / total
        around = sum((value - centre) ** 2 for value in whole)
        spread = math.sqrt((around + PRIOR_EVENTS * PRIOR_SPREAD**2) / total)
        gap_s = off_s / pauses if pauses else own.gap_s
        effects.append(
            dataclasses.replace(
                own,
                lasts_s=math.exp(centre),
                spread=spread,
                gap_s=min(max(gap_s, LEAST_GAP_S), MOST_GAP_S),
            )
        )
    return dataclasses.replace(decision, effects=tuple(effects))


def choose_steps(sweep: Sweep, config: FitConfig) -> Int[np.ndarray, " effects"]:
    """Choose a step of the ladder for each effect."""
    if config.rule == "max_f1":
        steps = _smoothed(sweep.f1).argmax(axis=0)
    elif config.rule == "false_alarm_rate":
        allowed = sweep.wrong <= config.most * np.maximum(sweep.absent, 1)
        steps = _lowest_allowed(allowed)
    else:
        steps = _share_out(sweep, config.most)
    pooled = _smoothed(
        2.0
        * sweep.right.sum(1)
        / np.maximum((2 * sweep.right + sweep.wrong + sweep.missed).sum(1), 1)
    )
    # False cues of an absent effect count, so its threshold may only be stricter.
    common = int(pooled.argmax())
    return np.where(sweep.has_positives, steps, np.maximum(steps, common))


def _smoothed(values: Float[np.ndarray, "steps *effects"]) -> Float[np.ndarray, "steps *effects"]:
    """Average neighbouring steps, against chance maxima."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def _lowest_allowed(allowed: np.ndarray) -> Int[np.ndarray, " effects"]:
    """Return the lowest step from which on all are allowed; the highest if none is."""
    count = np.logical_and.accumulate(allowed[::-1], axis=0).sum(axis=0)
    return np.minimum(len(allowed) - count, len(allowed) - 1)


def _share_out(sweep: Sweep, most_per_minute: float) -> Int[np.ndarray, " effects"]:
    """Get a correct cue into as many clips as possible for a number of false cues."""
    # Between steps with equally many correct clips, prefer the better F1 by frame.
    gain = sweep.heard / np.maximum(sweep.sounding, 1) + 0.1 * _smoothed(sweep.f1)
    most = most_per_minute * sweep.silent_minutes

    def steps_at(price: float) -> np.ndarray:
        return (gain - price * sweep.false_cues).argmax(axis=0)

    def cost(steps: np.ndarray) -> int:
        return int(sweep.false_cues[steps, np.arange(gain.shape[1])].sum())

    low, high = 0.0, 1e3
    if cost(steps_at(low)) <= most:
        return steps_at(low)
    if cost(steps_at(high)) > most:
        return np.full(gain.shape[1], len(gain) - 1)
    for _ in range(60):
        price = 0.5 * (low + high)
        if cost(steps_at(price)) <= most:
            high = price
        else:
            low = price
    return steps_at(high)
