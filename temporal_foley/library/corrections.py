"""Apply a person's corrections to the rows of a catalogue."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from temporal_foley.effects import Vocabulary
from temporal_foley.library.recognise import finished_row
from temporal_foley.sound.takes.catalogue import CatalogueRow


def corrected_rows(
    rows: Mapping[str, CatalogueRow], by_file: Mapping[str, dict[str, Any]], vocabulary: Vocabulary
) -> tuple[dict[str, CatalogueRow], int]:
    """Return the rows with corrections applied, and the number of changed rows."""
    changed = dict(rows)
    for file, values in by_file.items():
        if file in rows:
            changed[file] = corrected_row(rows[file], values, vocabulary)
    return changed, sum(changed[file] != rows[file] for file in rows)


def corrected_row(
    row: CatalogueRow, values: dict[str, Any], vocabulary: Vocabulary
) -> CatalogueRow:
    """Return a corrected row; fields that depend on the effect follow it unless given too."""
    differs = {key: value for key, value in values.items() if value != getattr(row, key)}
    for key in ("confidence", "by"):
        differs.pop(key, None)
    if not differs:
        return row
    if "effect" in differs:
        new = dataclasses.replace(row, effect=differs["effect"], use=bool(differs["effect"]))
        new = finished_row(new, vocabulary)
        row = dataclasses.replace(new, use=bool(differs["effect"]))
    if {"effect", "use"} & set(differs):
        differs = {"confidence": 1.0, "by": "table", **differs}
    return dataclasses.replace(row, **differs)
