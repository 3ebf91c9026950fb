"""Train all heads of the scenes baseline, compare them, and draw their charts."""

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from baselines.scenes import figures as printed
from baselines.scenes.alpha_sweep import AlphaPoint, best_alpha, draw_alpha
from baselines.scenes.clips import SceneClips
from baselines.scenes.fit import (
    FitConfig,
    FittedHead,
    fit_scene_head,
    predict_scenes,
)
from baselines.scenes.heads import HeadName, SceneConfig
from baselines.scenes.scores import (
    SceneScores,
    draw_heat_maps,
    draw_losses,
    score_scenes,
)
from data_pipeline.builders.splits import TEST, TRAIN, VALIDATION
from temporal_foley.evaluation import conflict

SCHEMA = "temporal-foley/report_004"
VERSION = 1
EVEN = 0.5
"""The report's first weight of the image."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A trained head and its scores."""

    config: SceneConfig
    head: FittedHead
    validation: SceneScores
    test: SceneScores


def run_all(
    splits: Mapping[str, SceneClips],
    out: Path,
    *,
    heads: Sequence[HeadName],
    alphas: Sequence[float],
    fit: FitConfig,
) -> dict[str, Any]:
    """Train heads, write charts and tables into `out`, and return the results.

    The head `late` is trained with each weight of the image in `alphas`; `video` and `audio`
    together are compared class by class.
    """
    names = splits[TRAIN].names
    runs: dict[str, Run] = {
        name: _run(name, SceneConfig(head=name), fit, splits, out) for name in heads
    }
    points: list[AlphaPoint] = []
    if "late" in runs:
        swept = {EVEN: runs["late"]}
        for alpha in alphas:
            if alpha not in swept:
                late = SceneConfig(head="late", alpha=alpha)
                swept[alpha] = _run(f"late, alpha {alpha:.2f}", late, fit, splits, out)
        points = [_point(alpha, swept[alpha]) for alpha in alphas]
        chosen = best_alpha(points)
        runs["late, best alpha"] = swept[chosen.alpha]
        draw_alpha(out / "alpha.png", points)
    conflicts: list[conflict.Conflict] = []
    if "video" in runs and "audio" in runs:
        conflicts = conflict.evaluate(names, *(runs[s].test.confusion for s in ("video", "audio")))
        (out / "conflicts.tsv").write_text(_conflict_table(conflicts), "utf-8")
    draw_losses(
        out / "losses.png", {n: (run.head.losses, run.head.best_epoch) for n, run in runs.items()}
    )
    draw_heat_maps(out / "heatmaps.png", names, {n: run.test.confusion for n, run in runs.items()})
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "scenes": list(names),
        "clips": {split: len(clips) for split, clips in splits.items()},
        "sources": {
            split: len({s for joined in clips.sources for s in joined.split("|")})
            for split, clips in splits.items()
        },
        "fit": dataclasses.asdict(fit),
        "heads": {name: _document(run, names) for name, run in runs.items()},
        "alpha": {"points": [p._asdict() for p in points], "best": best_alpha(points).alpha}
        if points
        else None,
        "conflicts": [_conflict(c) for c in conflicts],
        "report_conflicts": [_conflict(c) for c in _report_conflicts()],
        "report_heads": {name: figures._asdict() for name, figures in printed.HEADS.items()},
    }


def _run(
    name: str, config: SceneConfig, fit: FitConfig, splits: Mapping[str, SceneClips], out: Path
) -> Run:
    began = time.perf_counter()
    head = fit_scene_head(config, fit, splits[TRAIN], splits[VALIDATION])
    validation, test = (
        score_scenes(splits[split].scenes, predict_scenes(head, splits[split]))
        for split in (VALIDATION, TEST)
    )
    print(
        f"{name}: accuracy {validation.accuracy:.3f} on validation, best epoch "
        f"{head.best_epoch} of {fit.epochs}, {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    run = Run(config=config, head=head, validation=validation, test=test)
    # Written at once, so that an interrupted run keeps the finished heads.
    with (out / "runs.jsonl").open("a", encoding="utf-8") as file:
        line = {"name": name, **_document(run, splits[TRAIN].names)}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return run


def _point(alpha: float, run: Run) -> AlphaPoint:
    return AlphaPoint(
        alpha, *(value for scores in (run.validation, run.test) for value in scores[:2])
    )


def _document(run: Run, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "config": dataclasses.asdict(run.config),
        "trained_numbers": run.head.trained_numbers,
        "best_epoch": run.head.best_epoch,
        "alpha": [run.config.alpha] if run.config.head == "late" else [],
        "validation": run.validation.document(names),
        "test": run.test.document(names),
        "losses": [loss._asdict() for loss in run.head.losses],
    }


def _report_conflicts() -> list[conflict.Conflict]:
    names = tuple(printed.VIDEO_RECALL)
    recalls = (printed.VIDEO_RECALL, printed.AUDIO_RECALL)
    return conflict.rank_conflicts(names, *(np.array([r[n] for n in names]) for r in recalls))


def _conflict(found: conflict.Conflict) -> dict[str, Any]:
    return {
        "scene": found.name,
        "difference": found.difference,
        "video_recall": found.first_recall,
        "audio_recall": found.second_recall,
        "video_sends": [list(sent) for sent in found.first_sends],
        "audio_sends": [list(sent) for sent in found.second_sends],
    }


def _conflict_table(conflicts: list[conflict.Conflict]) -> str:
    lines = ["scene\tdifference\tvideo_recall\taudio_recall\tvideo_sends\taudio_sends"]
    for found in conflicts:
        numbers = (found.difference, found.first_recall, found.second_recall)
        sent = [
            ", ".join(f"{name} {share:.4f}" for name, share in sends)
            for sends in (found.first_sends, found.second_sends)
        ]
        lines.append("\t".join([found.name, *(f"{number:.4f}" for number in numbers), *sent]))
    return "\n".join(lines) + "\n"
