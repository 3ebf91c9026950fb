"""Clips in, one table out: a DCASE table with further columns, which the reader `dcase` reads."""

import os
from collections.abc import Iterable
from pathlib import Path

from data_pipeline.annotations.dcase import COLUMNS
from data_pipeline.annotations.records import AnnotatedClip, LabelledEvent
from temporal_foley.errors import OutputExistsError


def write_table(path: Path, clips: Iterable[AnnotatedClip], *, overwrite: bool = False) -> None:
    """Write a row an event, and a row for each clip without events.

    Raises:
        OutputExistsError: There is something at the path, and `overwrite` is not set.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path}: is there already; give --overwrite to replace it")
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.write("\t".join(COLUMNS) + "\n")
            for clip in clips:
                for event in clip.events or (None,):
                    file.write("\t".join(map(_cell, _row(clip, event))) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _row(clip: AnnotatedClip, event: LabelledEvent | None) -> tuple[str | float | None, ...]:
    return (
        clip.clip,
        event.onset_s if event else None,
        event.offset_s if event else None,
        event.name if event else None,
        clip.source,
        clip.start_s,
        clip.end_s,
        clip.split,
        event.modality if event else None,
        event.strength if event else None,
        clip.origin,
        clip.licence,
    )


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # A tab, a line break or a quote in a name would break the row that it stands in.
        return " ".join(value.replace('"', "'").split())
    return f"{value:.6f}".rstrip("0").rstrip(".")
