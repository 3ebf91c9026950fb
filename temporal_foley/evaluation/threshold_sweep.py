"""Decode clips at every threshold of a ladder, and count hits and errors of each effect.

At each threshold all clips are decoded with it for all effects. Counted per effect: correct, false
and missed frames; clips with a correct cue; cues in clips without any effect.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.effects import Vocabulary
from temporal_foley.evaluation.events import activity
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.spotting.decision import Decision, apply_decision
from temporal_foley.timeline import Event

LADDER = np.arange(-5.0, 6.01, 0.5)
"""Thresholds that are tried, in log odds."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """Counts by threshold (rows) and effect (columns)."""

    ladder: Float[np.ndarray, " steps"]
    right: Int[np.ndarray, "steps effects"]
    """Frames."""
    wrong: Int[np.ndarray, "steps effects"]
    missed: Int[np.ndarray, "steps effects"]
    absent: Int[np.ndarray, " effects"]
    """Frames labelled as without the effect."""
    heard: Int[np.ndarray, "steps effects"]
    """Clips with the effect and a cue for it."""
    sounding: Int[np.ndarray, " effects"]
    """Clips with the effect."""
    false_cues: Int[np.ndarray, "steps effects"]
    """Cues in clips without any effect."""
    silent_minutes: float

    @property
    def f1(self) -> Float[np.ndarray, "steps effects"]:
        """F1 by frame; 0 where nothing is detected."""
        return 2.0 * self.right / np.maximum(2 * self.right + self.wrong + self.missed, 1)

    @property
    def has_positives(self) -> np.ndarray:
        """The effects that occur in the clips."""
        return (self.right + self.missed)[0] > 0


def threshold_of(log_odds: float) -> float:
    """Return the probability of log odds."""
    return float(1.0 / (1.0 + np.exp(-log_odds)))


def with_log_odds(decision: Decision, log_odds: Sequence[float], gap: float) -> Decision:
    """Set the thresholds of each effect; `threshold_off` is a gap of log odds lower."""
    effects = tuple(
        dataclasses.replace(
            effect, threshold_on=threshold_of(value), threshold_off=threshold_of(value - gap)
        )
        for effect, value in zip(decision.effects, log_odds, strict=True)
    )
    return dataclasses.replace(decision, effects=effects)


def sweep_thresholds(
    clips: Sequence[ScoredClip],
    vocabulary: Vocabulary,
    decision: Decision,
    gap: float,
    done: Callable[[float], None] = lambda part: None,
) -> Sweep:
    """Decode all clips at every threshold."""
    names, effects = vocabulary.names, len(vocabulary)
    counts = {
        name: np.zeros((len(LADDER), effects), np.int64)
        for name in ("right", "wrong", "missed", "heard", "false_cues")
    }
    silent = [clip.is_known_silent for clip in clips]
    for step, log_odds in enumerate(LADDER):
        tried = with_log_odds(decision, [float(log_odds)] * effects, gap)
        for clip, is_silent in zip(clips, silent, strict=True):
            found, active = decode_clip(clip, vocabulary, tried)
            truth = clip.truth
            counts["right"][step] += (active & truth).sum(axis=0)
            counts["wrong"][step] += (active & clip.known & ~truth).sum(axis=0)
            counts["missed"][step] += (~active & truth).sum(axis=0)
            if clip.is_still:
                continue
            cues = np.bincount([names.index(event.effect) for event in found], minlength=effects)
            counts["heard"][step] += (cues > 0) & clip.clip_truth
            counts["false_cues"][step] += cues * is_silent
        done((step + 1) / len(LADDER))
    moving = [clip for clip in clips if not clip.is_still]
    return Sweep(
        ladder=LADDER,
        absent=np.sum([(clip.known & ~clip.truth).sum(axis=0) for clip in clips], axis=0),
        sounding=np.sum([clip.clip_truth for clip in moving] or [np.zeros(effects, int)], axis=0),
        silent_minutes=sum(c.duration_s for c, s in zip(clips, silent, strict=True) if s) / 60.0,
        **counts,
    )


def decode_clip(
    clip: ScoredClip, vocabulary: Vocabulary, decision: Decision
) -> tuple[list[Event], np.ndarray]:
    """Return events and the frames that they touch; for a still, effects over the threshold."""
    if clip.is_still:
        on = np.array([effect.threshold_on for effect in decision.effects], np.float32)
        return [], clip.probabilities >= on
    found = apply_decision(clip.probabilities, clip.grid, vocabulary, decision)
    return found, activity(found, vocabulary.names, clip.grid)
