"""Read the AudioSet ontology: the names of its classes and what is above each.

Gemmeke et al., Audio Set: An ontology and human-labeled dataset for audio events, ICASSP 2017. The
ontology is CC BY-SA 4.0 and does not ship with this project.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_pipeline.annotations.records import AnnotationError
from data_pipeline.annotations.rows import read_json, read_rows, take_header

_INDEX_COLUMNS = ("index", "mid", "display_name")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ontology:
    """Names of the classes by their ids, and the classes directly above each."""

    names: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]]
    """Names by name; a class may have several parents, and those at the top have none."""


def read_ontology(path: Path) -> Ontology:
    """Read `ontology.json`.

    Raises:
        AnnotationError: The file cannot be read, or is not an ontology.
    """
    entries = read_entries(path)
    names = {entry["id"]: entry["name"] for entry in entries}
    parents: dict[str, list[str]] = {}
    for entry in entries:
        for child in entry["child_ids"]:
            if child not in names:
                name = entry["name"]
                raise AnnotationError(f"{name} has a child {child} without a record", path=path)
            parents.setdefault(names[child], []).append(entry["name"])
    return Ontology(
        names=names, parents={name: tuple(above) for name, above in sorted(parents.items())}
    )


def read_entries(path: Path) -> list[dict[str, Any]]:
    """Read the records of `ontology.json` and check the fields that are used.

    Raises:
        AnnotationError: The file cannot be read, or a record lacks a field.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise AnnotationError("is not an ontology: should be a list of records", path=path)
    kinds = {"id": str, "name": str, "child_ids": list, "positive_examples": list}
    for number, entry in enumerate(entries, 1):
        for field, kind in kinds.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(field), kind):
                raise AnnotationError(f"record {number} has no {field}", path=path)
    return entries


def read_class_names(folder: Path) -> dict[str, str]:
    """Return the names of classes by their ids, from an ontology or index in a folder or above."""
    for place in (folder, folder.parent):
        if (place / "ontology.json").is_file():
            return dict(read_ontology(place / "ontology.json").names)
        for name in ("class_labels_indices.csv", "audioset_labels.csv"):
            if (place / name).is_file():
                return read_index(place / name)
    return {}


def read_index(path: Path) -> dict[str, str]:
    """Read `class_labels_indices.csv`, with or without its line of column names.

    Raises:
        AnnotationError: A row is damaged.
    """
    columns, rows = take_header(read_rows(path), _INDEX_COLUMNS)
    columns = columns or _INDEX_COLUMNS
    names: dict[str, str] = {}
    if set(columns) != set(_INDEX_COLUMNS):
        raise AnnotationError(f"must have the columns {', '.join(_INDEX_COLUMNS)}", path=path)
    for row in rows:
        if row.problem or len(row.cells) != len(_INDEX_COLUMNS):
            raise AnnotationError(f'{path}, line {row.line}: should be index,id,"name"')
        field = dict(zip(columns, row.cells, strict=True))
        names[field["mid"]] = field["display_name"]
    return names
