"""Evaluate a model on scored clips: the content of `metrics.json`.

The same numbers are computed for all clips together and for each dataset; per source only those
that make sense for a single video.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from temporal_foley.effects import Vocabulary
from temporal_foley.evaluation import bootstrap, conflict, events, metrics, psds
from temporal_foley.evaluation.confusion import (
    NOTHING,
    Confusion,
    accuracy,
    class_scores,
    frame_confusion,
)
from temporal_foley.evaluation.curves import source_log_loss
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.evaluation.threshold_sweep import decode_clip
from temporal_foley.spotting.decision import Decision, decision_to_json
from temporal_foley.timeline import Event


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """A model, its events in every clip, and its scores."""

    name: str
    sha256: str
    decision: Decision
    clips: tuple[ScoredClip, ...]
    estimated: tuple[tuple[Event, ...], ...]
    results: dict[str, Any]
    confusion: Confusion


def judge_model(
    name: str,
    clips: Sequence[ScoredClip],
    vocabulary: Vocabulary,
    decision: Decision,
    *,
    sha256: str = "",
    seed: int = 0,
    draws: int = bootstrap.DRAWS,
    done: Callable[[float], None] = lambda part: None,
) -> Judged:
    """Decode clips by a model's own decision and score the events and probabilities."""
    estimated = tuple(tuple(decode_clip(clip, vocabulary, decision)[0]) for clip in clips)
    datasets = sorted({clip.dataset for clip in clips})
    groups = {"all": range(len(clips))} | {
        dataset: [i for i, clip in enumerate(clips) if clip.dataset == dataset]
        for dataset in datasets
    }
    results: dict[str, Any] = {}
    for number, (group, places) in enumerate(groups.items()):
        chosen = [clips[place] for place in places]
        found = [estimated[place] for place in places]
        results[group] = {
            "material": material(chosen, vocabulary.names),
            **metrics.evaluate(chosen, vocabulary.names, seed=seed, draws=draws),
            "events": {
                **events.evaluate(chosen, found, vocabulary.names),
                **psds.evaluate(chosen, vocabulary.names),
            },
        }
        done((number + 1) / len(groups))
    confusion = frame_confusion(clips, decision)
    return Judged(
        name=name,
        sha256=sha256,
        decision=decision,
        clips=tuple(clips),
        estimated=estimated,
        confusion=confusion,
        results={
            "bundle": {"name": name, "sha256": sha256},
            "decision": decision_to_json(decision),
            "all": results["all"],
            "datasets": {dataset: results[dataset] for dataset in datasets},
            "sources": judge_sources(clips, estimated, vocabulary.names),
            "confusion": confusion_table(confusion, vocabulary.names),
        },
    )


def material(clips: Sequence[ScoredClip], effects: Sequence[str]) -> dict[str, Any]:
    """Count the clips, frames and sources that are evaluated."""
    moving = [clip for clip in clips if not clip.is_still]
    return {
        "clips": len(moving),
        "stills": len(clips) - len(moving),
        "minutes": sum(clip.duration_s for clip in moving) / 60.0,
        "frames": sum(clip.grid.frames for clip in clips),
        "sources": len({clip.source for clip in clips}),
        "with_sound": sum(clip.has_sound for clip in clips),
        "with_picture": sum(clip.has_picture for clip in clips),
        "clips_with_effect": {
            name: int(sum(clip.clip_truth[place] for clip in clips))
            for place, name in enumerate(effects)
        },
    }


def judge_sources(
    clips: Sequence[ScoredClip], estimated: events.Estimated, effects: Sequence[str]
) -> list[dict[str, Any]]:
    """Make a row per source with its effects, cues and errors; the worst first."""
    rows = []
    for source in sorted({(clip.dataset, clip.source) for clip in clips}):
        pairs = [
            (clip, found)
            for clip, found in zip(clips, estimated, strict=True)
            if (clip.dataset, clip.source) == source
        ]
        rows.append(_source_row(*source, pairs, effects))
    return sorted(rows, key=lambda row: (-_or_zero(row["log_loss"]), row["source"]))


def _source_row(
    dataset: str,
    source: str,
    pairs: list[tuple[ScoredClip, Sequence[Event]]],
    effects: Sequence[str],
) -> dict[str, Any]:
    right = wrong = missed = absent = 0
    truth = np.concatenate([clip.truth[clip.known] for clip, _ in pairs])
    chances = np.concatenate([clip.probabilities[clip.known] for clip, _ in pairs])
    for clip, found in pairs:
        active = events.activity(found, effects, clip.grid)
        right += int((active & clip.truth).sum())
        missed += int((~active & clip.truth).sum())
        wrong += int((active & clip.known & ~clip.truth).sum())
        absent += int((clip.known & ~clip.truth).sum())
    happens = np.any([clip.clip_truth for clip, _ in pairs], axis=0)
    cued = {event.effect for _, found in pairs for event in found}
    return {
        "dataset": dataset,
        "source": source,
        "clips": len(pairs),
        "seconds": sum(clip.duration_s for clip, _ in pairs),
        "effects": [effects[int(place)] for place in np.flatnonzero(happens)],
        "cued": [name for name in effects if name in cued],
        "log_loss": source_log_loss(truth, chances),
        "recall": right / (right + missed) if right + missed else math.nan,
        "false_alarm_rate": wrong / absent if absent else math.nan,
    }


def confusion_table(confusion: Confusion, effects: Sequence[str]) -> dict[str, Any]:
    """Return a confusion matrix with its names and scores as plain numbers."""
    scores = class_scores(confusion)
    return {
        "classes": [*effects, NOTHING],
        "counts": confusion,
        "accuracy": accuracy(confusion),
        "precision": scores.precision,
        "recall": scores.recall,
        "f1": scores.f1,
    }


def conflict_table(
    effects: Sequence[str], by_picture: Confusion, by_sound: Confusion
) -> list[dict[str, Any]]:
    """Rank the classes on which image and sound disagree."""
    return [
        {
            "effect": found.name,
            "picture_recall": found.first_recall,
            "sound_recall": found.second_recall,
            "difference": found.difference,
            "picture_sends": dict(found.first_sends),
            "sound_sends": dict(found.second_sends),
        }
        for found in conflict.evaluate([*effects, NOTHING], by_picture, by_sound)
    ]


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
