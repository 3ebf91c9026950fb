"""Choose the weight of the image in late fusion, and draw the scores of all weights.

The report tries the weights .10, .15 ... .90 and keeps the best, without saying on which clips.
Here the best is chosen on validation clips and scored on test clips.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

ALPHAS = tuple(round(0.10 + 0.05 * step, 2) for step in range(17))


class AlphaPoint(NamedTuple):
    """Scores of late fusion with a weight of the image."""

    alpha: float
    validation_accuracy: float
    validation_log_loss: float
    test_accuracy: float
    test_log_loss: float


def best_alpha(points: Sequence[AlphaPoint]) -> AlphaPoint:
    """Return the point of the highest validation accuracy; among equals, the lowest log-loss."""
    if not points:
        raise ValueError("points must hold at least one weight")
    if not all(np.isfinite(points).ravel()):
        raise ValueError("points must hold finite numbers only")
    return max(points, key=lambda p: (p.validation_accuracy, -p.validation_log_loss))


def draw_alpha(path: Path, points: Sequence[AlphaPoint]) -> None:
    """Draw accuracy and log-loss over the weight, on validation and on test clips."""
    # Figure without pyplot: no global state and no window system.
    from matplotlib.figure import Figure

    points = sorted(points)
    best = best_alpha(points)
    alphas = [point.alpha for point in points]
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    for axes, part in zip(figure.subplots(1, 2), ("accuracy", "log_loss"), strict=True):
        for split, colour in (("validation", "#9aa1a9"), ("test", "#2a6f97")):
            values = [getattr(point, f"{split}_{part}") for point in points]
            axes.plot(alphas, values, color=colour, marker="o", markersize=3.5, label=split)
        axes.axvline(best.alpha, color="#c2452d", linewidth=1)
        axes.set_title(part.replace("_", "-"), loc="left")
        axes.set_xlabel("α, the weight of the image")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.annotate(
            f"chosen on validation: {best.alpha:.2f}",
            (best.alpha, 1.0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            xytext=(4, -10),
            color="#c2452d",
            fontsize=8,
        )
        axes.legend(frameon=False, loc="best")
    figure.savefig(path, format="png")
