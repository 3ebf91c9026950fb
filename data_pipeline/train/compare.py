"""Compare a model with its baselines in the terminal: tables, and a line for each it is behind."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporal_foley.evaluation.judgement import Judged
    from temporal_foley.evaluation.scored_clip import ScoredClip

MAIN = "model"
BEHIND = 0.0005
"""Less is no difference at the precision that is printed."""


def score_table(models: Mapping[str, "Judged"]) -> list[tuple[str, ...]]:
    """Return the main scores as rows of a table, one per model, below a header."""
    from temporal_foley.models.bundle.parts import MAP, REGRESSION

    rows: list[tuple[str, ...]] = [
        ("", "macro ROC-AUC", "any effect", "event F1", "false cues/min", "detected")
    ]
    for name, judged in models.items():
        overall = judged.results["all"]
        macro = overall["frames"]["macro"]
        events = (
            overall["events"]["event"]["macro"]["f1"],
            overall["events"]["false_cues"]["per_minute"],
            overall["events"]["heard"]["share"],
        )
        rows.append(
            (
                name,
                f"{_shown(macro['roc_auc'])} ({macro['defined_effects']})",
                _shown(overall["frames"]["any_effect"]["one_minus_product"]["roc_auc"]),
                # They have no thresholds of their own.
                *("-" if name in (MAP, REGRESSION) else _shown(value) for value in events),
            )
        )
    return rows


def behind(models: Mapping[str, "Judged"]) -> list[str]:
    """Return a line for each headline figure in which a baseline is better than the model.

    Baselines that only see are compared on records with pictures: elsewhere they say nothing,
    which is right wherever there is nothing.
    """
    from temporal_foley.models.bundle.parts import MAP, REGRESSION

    lines = []
    own = models[MAIN].clips
    for name, judged in models.items():
        sees_only = name in (MAP, REGRESSION)
        places = [n for n, clip in enumerate(own) if clip.has_picture or not sees_only]
        if name == MAIN or not places:
            continue
        ours, theirs = (
            _headlines([clips[place] for place in places]) for clips in (own, judged.clips)
        )
        where = " on pictures" if len(places) < len(own) else ""
        lines += [
            f"{title}{where}: {ours[title]:.3f}, behind {name} with {figure:.3f}"
            for title, figure in theirs.items()
            if figure > ours[title] + BEHIND
        ]
    return lines


def _headlines(clips: Sequence["ScoredClip"]) -> dict[str, float]:
    """Return the main figures of a model by frame; undefined ones are NaN."""
    import numpy as np

    from temporal_foley.evaluation.curves import roc_auc
    from temporal_foley.evaluation.metrics import any_effect, frame_cells

    cells = frame_cells(clips)
    areas = [roc_auc(*cells.column(effect)[:2]) for effect in range(cells.truth.shape[1])]
    defined = [area for area in areas if area == area]
    truth, scores, _ = any_effect(cells)["one_minus_product"]
    return {
        "macro ROC-AUC": float(np.mean(defined)) if defined else float("nan"),
        "any effect": float(roc_auc(truth, scores)),
    }


def effect_table(models: Mapping[str, "Judged"], effects: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the average precision of each effect, one column per model, below a header."""
    rows = [("average precision", *models)]
    for effect in effects:
        tables = [judged.results["all"]["frames"]["effects"] for judged in models.values()]
        rows.append((effect, *(_shown(table[effect]["average_precision"]) for table in tables)))
    return rows


def _shown(value: float) -> str:
    return f"{value:.3f}" if value == value else "-"
