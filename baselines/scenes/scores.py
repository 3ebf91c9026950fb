"""Score a scene head, and draw its losses and its confusion.

Accuracy and log-loss over clips; precision, recall and F1 by scene; the confusion; loss curves.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.evaluation.confusion import (
    Confusion,
    accuracy,
    class_scores,
    confusion_matrix,
    row_shares,
)

# As scikit-learn clips single precision: a confident error has a finite loss.
_LEAST_PROBABILITY = float(np.finfo(np.float32).eps)
_COLUMNS = 4


class SceneScores(NamedTuple):
    """Scores of a head."""

    accuracy: float
    log_loss: float
    confusion: Confusion

    def document(self, names: Sequence[str]) -> dict[str, Any]:
        """Return all scores as plain data; undefined ones are None."""
        scores = class_scores(self.confusion)
        parts = scores._asdict().items()
        return {
            "clips": int(self.confusion.sum()),
            "accuracy": self.accuracy,
            "log_loss": self.log_loss,
            "scenes": {
                name: {part: _number(values[place]) for part, values in parts}
                for place, name in enumerate(names)
            },
            "confusion": self.confusion.tolist(),
        }


def score_scenes(
    reference: Int[np.ndarray, " clips"], probabilities: Float[np.ndarray, "clips scenes"]
) -> SceneScores:
    """Score the probabilities of a head against the true scenes."""
    if len(reference) != len(probabilities) or not len(reference):
        raise ValueError(
            f"probabilities must be a row per clip, got {len(probabilities)} for {len(reference)}"
        )
    confusion = confusion_matrix(reference, probabilities.argmax(axis=1), probabilities.shape[1])
    sure = probabilities.astype(np.float64)
    sure = sure / sure.sum(axis=1, keepdims=True)
    true = np.clip(sure[np.arange(len(reference)), reference], _LEAST_PROBABILITY, 1.0)
    return SceneScores(accuracy(confusion), float(-np.log(true).mean()), confusion)


def draw_losses(
    path: Path, losses: Mapping[str, tuple[Sequence[tuple[float, float]], int]]
) -> None:
    """Draw the training and validation losses of each head, and its best epoch."""
    figure, panels = _panels(len(losses), (3.2, 2.4))
    for axes, (name, (pairs, best)) in zip(panels, losses.items(), strict=True):
        epochs = np.arange(1, len(pairs) + 1)
        for place, (part, colour) in enumerate((("train", "#9aa1a9"), ("validation", "#2a6f97"))):
            axes.plot(epochs, [pair[place] for pair in pairs], color=colour, label=part)
        axes.axvline(best, color="#c2452d", linewidth=1, label="best")
        axes.set_title(name, loc="left", fontsize=9)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch", fontsize=8)
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=7)
    figure.savefig(path, format="png")


def draw_heat_maps(path: Path, names: Sequence[str], confusions: Mapping[str, Confusion]) -> None:
    """Draw the confusion of each head as shares of each scene's clips."""
    figure, panels = _panels(len(confusions), (3.6, 3.4))
    for axes, (name, confusion) in zip(panels, confusions.items(), strict=True):
        shares = row_shares(confusion)
        axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
        axes.set_title(f"{name}: {accuracy(confusion):.3f}", loc="left", fontsize=9)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
        axes.set_yticks(range(len(names)), names, fontsize=6)
        for row, column in np.argwhere(shares >= 0.05):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{share:.2f}".removeprefix("0"),
                ha="center",
                va="center",
                fontsize=5.5,
                color="white" if share > 0.5 else "black",
            )
    figure.supylabel("true", fontsize=8)
    figure.supxlabel("predicted", fontsize=8)
    figure.savefig(path, format="png")


def _panels(count: int, size_in: tuple[float, float]) -> tuple[Any, list[Any]]:
    # Figure without pyplot: no global state and no window system.
    from matplotlib.figure import Figure

    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = Figure((size_in[0] * columns, size_in[1] * rows), dpi=120, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]


def _number(value: Any) -> float | int | None:
    plain = value.item()
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain
