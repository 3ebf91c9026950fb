"""Summarise what a bundle learned each effect from, and how well it detects it."""

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class EffectSummary:
    """Training examples of an effect, and its score on test data; None where it is not known."""

    pictures: int | None = None
    """Single pictures."""
    sounds: int | None = None
    """Recordings without a picture."""
    clips: int | None = None
    """Clips, real or composed of the pictures and sounds."""
    roc_auc: float | None = None


def summarise_effects(
    folder: Path, training_info: Mapping[str, Any], names: Sequence[str]
) -> dict[str, EffectSummary]:
    """Return a summary of each effect of a bundle.

    Args:
        folder: The bundle. The file `BUNDLE.effects.tsv` beside it, if there is one, counts more
            than its training info: scores are measured after a bundle is written.
        training_info: Its training info.
        names: The effects.
    """
    counted = {name: _count(training_info.get("examples", {}).get(name, {})) for name in names}
    table = folder.with_name(f"{folder.name}.effects.tsv")
    if not table.is_file():
        return counted
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["effect"] in counted:
                counted[row["effect"]] = EffectSummary(
                    pictures=int(row["pictures"]),
                    sounds=int(row["sounds"]),
                    clips=int(row["clips"]),
                    roc_auc=float(row["roc_auc"]) if row["roc_auc"] else None,
                )
    return counted


def _count(datasets: Mapping[str, Mapping[str, int]]) -> EffectSummary:
    """Add up the examples of datasets; older bundles have not counted pictures and sounds apart."""
    rows = list(datasets.values())
    if any("pictures" not in row for row in rows):
        return EffectSummary()
    return EffectSummary(
        pictures=sum(row["pictures"] for row in rows),
        sounds=sum(row["sounds"] for row in rows),
        clips=sum(row["records"] - row["pictures"] - row["sounds"] for row in rows),
    )
