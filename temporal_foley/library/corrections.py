"""Rows of a catalogue, and what a person says of files, in; the corrected rows out."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from temporal_foley.effects import Vocabulary
from temporal_foley.library.recognise import finished_row
from temporal_foley.sound.takes.catalogue import CatalogueRow


def corrected_rows(
    rows: Mapping[str, CatalogueRow], said: Mapping[str, dict[str, Any]], vocabulary: Vocabulary
) -> tuple[dict[str, CatalogueRow], int]:
    """Change the rows that a person's table speaks of; also tell how many changed."""
    changed = dict(rows)
    for file, values in said.items():
        if file in rows:
            changed[file] = corrected_row(rows[file], values, vocabulary)
    return changed, sum(changed[file] != rows[file] for file in rows)


def corrected_row(
    row: CatalogueRow, values: dict[str, Any], vocabulary: Vocabulary
) -> CatalogueRow:
    """Return a row as a person says; what hangs on the effect follows it unless said as well."""
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
