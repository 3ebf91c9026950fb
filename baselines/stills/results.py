"""Score an image classifier on its test pictures, and draw the charts of a run.

There are two accuracies, since the report's are not comparable: its 76 % is over 20 effects, its
86 % over 21 classes, of which one is `other`. A model with `other` gets both: over all pictures and
classes, and over pictures of effects with `other` left out of the choice.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

INK, FAINT, BLUE, ORANGE = "#20252b", "#aab2ba", "#2b6cb0", "#c05621"

REPORTED = {
    "scratch": {"accuracy_effects": 0.76, "accuracy_all": None, "any_effect_auc": None},
    "transfer": {"accuracy_effects": None, "accuracy_all": 0.86, "any_effect_auc": 0.877},
}
"""Printed in the report, on 20 % of its 2,806 pictures, which are not ours."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """Scores of a model at one moment of its training."""

    epoch: float
    phase: str
    """`scratch`, `frozen` or `fine_tuning`."""
    train_loss: float
    train_accuracy: float
    """Over the batches since the last check, during training."""
    validation_loss: float
    validation_accuracy: float


def measure(
    probabilities: Float[np.ndarray, "pictures classes"],
    classes: Int[np.ndarray, " pictures"],
    names: Sequence[str],
    effects: int,
) -> dict[str, Any]:
    """Return accuracies, confusion and any-effect ROC-AUC with their counts.

    Args:
        probabilities: Of a softmax.
        classes: The true classes.
        names: Of the classes; `other`, if any, is the last.
        effects: Number of classes that are effects.
    """
    from sklearn.metrics import confusion_matrix, roc_auc_score

    has_other = len(names) > effects
    is_effect = classes < effects
    best = probabilities.argmax(axis=1)
    best_effect = probabilities[:, :effects].argmax(axis=1)
    confusion = confusion_matrix(classes, best, labels=np.arange(len(names)))
    counts = confusion.sum(axis=1)
    # A class without test pictures, or a side of the curve without any, is undefined.
    recall = np.full(len(names), np.nan)
    np.divide(np.diag(confusion), counts, out=recall, where=counts > 0)
    is_defined = has_other and 0 < is_effect.sum() < len(classes)
    return {
        "pictures": len(classes),
        "pictures_of_effects": int(is_effect.sum()),
        "effects_with_pictures": int((counts[:effects] > 0).sum()),
        "accuracy_all": float((best == classes).mean()) if has_other else None,
        "accuracy_effects": (
            float((best_effect == classes)[is_effect].mean()) if is_effect.any() else None
        ),
        "macro_recall": float(np.nanmean(recall)),
        "any_effect_auc": (
            float(roc_auc_score(is_effect, 1.0 - probabilities[:, effects])) if is_defined else None
        ),
        "classes": {
            name: {"pictures": int(counts[i]), "recall": _or_none(recall[i])}
            for i, name in enumerate(names)
        },
        "confusion": confusion.tolist(),
    }


def find_dip(checks: Sequence[Check]) -> dict[str, float] | None:
    """Measure how far validation accuracy fell when fine-tuning began, and when it recovered.

    None if there was no fine-tuning after a frozen phase.
    """
    frozen = [check for check in checks if check.phase == "frozen"]
    tuned = [check for check in checks if check.phase == "fine_tuning"]
    if not frozen or not tuned:
        return None
    before = frozen[-1].validation_accuracy
    lowest = min(tuned, key=lambda check: check.validation_accuracy)
    back = [c for c in tuned if c.epoch >= lowest.epoch and c.validation_accuracy >= before]
    dip = {
        "accuracy_before": before,
        "lowest_accuracy": lowest.validation_accuracy,
        "depth": max(0.0, before - lowest.validation_accuracy),
        "lowest_at_epoch": lowest.epoch,
        "accuracy_after": tuned[-1].validation_accuracy,
    }
    return dip | ({"back_at_epoch": back[0].epoch} if back else {})


def write_table(model: str, measured: Mapping[str, Any]) -> str:
    """Write the report's scores and this run's, side by side."""
    kinds = ("accuracy_effects", "accuracy_all", "any_effect_auc")
    heads = ("accuracy, effects only", "accuracy, with other", "any-effect ROC-AUC")
    pictures, effects = measured["pictures"], measured["pictures_of_effects"]
    counts = (f"{effects}", f"{pictures}", f"{effects} against {pictures - effects}")
    rows: list[tuple[str, ...]] = [("", *heads)]
    for name, reported in REPORTED.items():
        rows.append((f"report, {name}", *(_shown(reported[kind]) for kind in kinds)))
    rows.append(
        (
            f"this run, {model}",
            *(
                "–" if measured[kind] is None else f"{_shown(measured[kind])} ({count})"
                for kind, count in zip(kinds, counts, strict=True)
            ),
        )
    )
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def draw_confusion(path: Path, measured: Mapping[str, Any], names: Sequence[str]) -> None:
    """Draw the confusion matrix, each row a true class and divided by its pictures."""
    confusion = np.array(measured["confusion"], float)
    shown = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    missing = len(names) - len(shown)
    names, confusion = [names[int(i)] for i in shown], confusion[np.ix_(shown, shown)]
    counts = confusion.sum(axis=1)
    shares = np.divide(
        confusion, counts[:, None], out=np.zeros_like(confusion), where=counts[:, None] > 0
    )
    side = 2.6 + 0.36 * len(names)
    figure, axes = _figure(side, side)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    ticks = range(len(names))
    axes.set_xticks(ticks, [_words(name) for name in names], rotation=90)
    axes.set_yticks(
        ticks, [f"{_words(name)} ({int(n)})" for name, n in zip(names, counts, strict=True)]
    )
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        share = shares[row, column]
        colour = "white" if share > 0.55 else INK
        text = f"{100 * share:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (test pictures)")
    title = "Of each class's test pictures, percent"
    if missing:
        title += f"\n{missing} classes without pictures or predictions are left out"
    axes.set_title(title, loc="left", fontsize=10)
    _save(figure, path)


def draw_curve(path: Path, checks: Sequence[Check], dip: Mapping[str, float] | None) -> None:
    """Draw accuracy over epochs, with the dip where fine-tuning begins."""
    figure, axes = _figure(8.0, 4.2)
    epochs = [check.epoch for check in checks]
    axes.plot(epochs, [c.train_accuracy for c in checks], color=FAINT, label="training")
    axes.plot(epochs, [c.validation_accuracy for c in checks], color=BLUE, label="validation")
    frozen = [check.epoch for check in checks if check.phase == "frozen"]
    if dip is not None and frozen:
        axes.axvline(frozen[-1], color=ORANGE, linewidth=0.8, linestyle=":")
        lowest, after = dip["lowest_accuracy"], dip["accuracy_after"]
        axes.plot(dip["lowest_at_epoch"], lowest, "o", color=ORANGE, markersize=4)
        axes.text(
            frozen[-1],
            0.12,
            f"fine-tuning begins\nvalidation {dip['accuracy_before']:.3f},\n"
            f"lowest {lowest:.3f}, at the end {after:.3f} ",
            ha="right",
            color=ORANGE,
            fontsize=8,
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0.0, 1.02)
    axes.legend(loc="lower left", frameon=False)
    _save(figure, path)


def draw_roc(
    path: Path,
    probabilities: Float[np.ndarray, "pictures classes"],
    classes: Int[np.ndarray, " pictures"],
    auc: float,
) -> None:
    """Draw the ROC curve of any effect against `other`, the last class."""
    from sklearn.metrics import roc_curve

    other = probabilities.shape[1] - 1
    false, true, _ = roc_curve(classes < other, 1.0 - probabilities[:, other])
    figure, axes = _figure(4.6, 4.4)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=":")
    axes.plot(false, true, color=BLUE)
    axes.set_xlabel("false alarm rate")
    axes.set_ylabel("hit rate")
    axes.set_title(f"Any effect against other: area {auc:.3f}", loc="left", fontsize=10)
    _save(figure, path)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    # Figure without pyplot: no global state and no window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained", facecolor="white")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    unfinished = path.with_suffix(".part")
    figure.savefig(unfinished, format="png")
    unfinished.replace(path)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
