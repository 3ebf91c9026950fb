"""Calibrated clips and a decision in, a row for each decoder at equal recall out.

Decoders differ in how much they let through at the same thresholds. So all thresholds of a decoder
are moved together, in log odds, until its events cover as large a share of the true frames as those
of the others; what it costs then is comparable.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from temporal_foley.effects import Vocabulary
from temporal_foley.evaluation import events
from temporal_foley.evaluation.scored_clip import ScoredClip, validate
from temporal_foley.evaluation.threshold_sweep import decode_clip, threshold_of
from temporal_foley.spotting.decision import DECODERS, Decision
from temporal_foley.timeline import Event

FARTHEST = 12.0
"""Log odds by which thresholds are moved at most."""
_HALVINGS = 10
_LEAST_ODDS, _MOST_ODDS = -14.0, 14.0


def compare_decoders(
    clips: Sequence[ScoredClip],
    vocabulary: Vocabulary,
    decision: Decision,
    *,
    recall: float | None = None,
    decoders: Sequence[str] = DECODERS,
) -> list[dict[str, Any]]:
    """Compare decoders at one recall of true frames.

    Args:
        clips: With probabilities that are calibrated.
        vocabulary: The effects.
        decision: Thresholds, windows and lengths; a softmax is read as single probabilities.
        recall: The share of true frames to cover; by default what the decision itself covers.
        decoders: Which to compare.

    Returns:
        For each decoder, by how many log odds its thresholds were moved, the recall it reached, and
        false cues a minute, F1 of events, onsets and segments, and flips a minute at that.
    """
    validate(clips, vocabulary.names)
    moving = [clip for clip in clips if not clip.is_still]
    if not moving:
        raise ValueError("clips must hold some that are no stills")
    if recall is None:
        recall = covered_share(moving, _decode(moving, vocabulary, decision), vocabulary.names)
    rows = []
    for decoder in decoders:
        own = dataclasses.replace(decision, decoder=decoder, output="sigmoid")
        moved = _move_to_recall(moving, vocabulary, own, recall)
        found = _decode(moving, vocabulary, shifted(own, moved))
        judged = events.evaluate(moving, found, vocabulary.names)
        rows.append(
            {
                "decoder": decoder,
                "moved_log_odds": moved,
                "recall": covered_share(moving, found, vocabulary.names),
                "false_cues_per_minute": judged["false_cues"]["per_minute"],
                "event_f1": judged["event"]["micro"]["f1"],
                "onset_250ms_f1": judged["onset_250ms"]["micro"]["f1"],
                "segment_f1": judged["segment"]["micro"]["f1"],
                "flips_per_minute": judged["flips_per_minute"]["estimated"],
                "events": sum(map(len, found)),
            }
        )
    return rows


def covered_share(
    clips: Sequence[ScoredClip], estimated: events.Estimated, effects: Sequence[str]
) -> float:
    """Return the share of the frames with an effect that a found event of it covers."""
    true_frames = covered = 0
    for clip, found in zip(clips, estimated, strict=True):
        truth = clip.truth
        true_frames += int(truth.sum())
        covered += int((truth & events.activity(found, effects, clip.grid)).sum())
    return covered / true_frames if true_frames else float("nan")


def shifted(decision: Decision, log_odds: float) -> Decision:
    """Move all thresholds of a decision up by some log odds."""

    def move(threshold: float) -> float:
        moved = np.log(threshold) - np.log1p(-threshold) + log_odds
        return threshold_of(float(np.clip(moved, _LEAST_ODDS, _MOST_ODDS)))

    effects = tuple(
        dataclasses.replace(
            effect,
            threshold_on=move(effect.threshold_on),
            threshold_off=move(effect.threshold_off),
        )
        for effect in decision.effects
    )
    return dataclasses.replace(decision, effects=effects)


def _move_to_recall(
    clips: Sequence[ScoredClip], vocabulary: Vocabulary, decision: Decision, recall: float
) -> float:
    """Find the highest thresholds that still reach a recall."""
    low, high = -FARTHEST, FARTHEST
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        found = _decode(clips, vocabulary, shifted(decision, middle))
        if covered_share(clips, found, vocabulary.names) >= recall:
            low = middle
        else:
            high = middle
    return low


def _decode(
    clips: Sequence[ScoredClip], vocabulary: Vocabulary, decision: Decision
) -> list[list[Event]]:
    return [decode_clip(clip, vocabulary, decision)[0] for clip in clips]
