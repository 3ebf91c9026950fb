"""Fill in the catalogue row of a sound: effect, kind, gain, faults.

An effect recognised with a confidence of at least one half is used; less certain ones are listed
for a person to confirm.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from temporal_foley.effects import Vocabulary
from temporal_foley.library.effect_names import (
    NameRule,
    Recognition,
    recognise_category,
    recognise_name,
)
from temporal_foley.library.embedded import Embedded
from temporal_foley.library.listen import Wave
from temporal_foley.library.take_analysis import NOISY_DB, QUIET_DB, TakeAnalysis
from temporal_foley.library.ucs import parse_ucs_name
from temporal_foley.sound.takes.catalogue import CatalogueRow

USED_FROM = 0.5
NAMED_FROM = 0.5
"""Sounds whose names give less confidence than this are classified by the network."""
LISTED_FROM = 0.1
"""Effects with less confidence than this are not even listed as a guess."""
SUSTAINED_LUFS, STRUCK_LUFS, CEILING_DBFS = -21.0, -22.0, -4.0
"""Levels of the built-in takes: of sustained ones, of hits, and of the peaks of both."""
SHORTEST_SUSTAINED_S = 1.0
RUN_ONSETS, RUN_S = 4, 1.5
"""A recording at least this long with this many onsets is a run of hits, not one hit."""
GAIN_RANGE_DB = (-60.0, 24.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewSound:
    """A sound that is being added to a library."""

    row: CatalogueRow
    path: Path
    recognition: Recognition | None
    wave: Wave
    corrections: dict | None = None


def recognised_row(
    file: PurePosixPath, rules: Sequence[NameRule], embedded: Embedded
) -> Recognition | None:
    """Recognise a file by its names and metadata; None if they say nothing or too little."""
    named = recognise_name(file, rules)
    if parse_ucs_name(file.stem) is None and embedded.ucs is not None:
        named = recognise_category(embedded.ucs, rules, by="metadata CatID")
    elif named is None or named.confidence < NAMED_FROM:
        named = recognise_name(file, rules, embedded.texts)
    if named is None or named.confidence < NAMED_FROM:
        return None
    return named


def measured_row(
    *,
    file: str,
    origin: str,
    sha256: str,
    analysis: TakeAnalysis,
    rate_hz: int,
    channels: int,
) -> CatalogueRow:
    """Start a row with the measurements."""
    return CatalogueRow(
        file=file,
        origin=origin,
        sha256=sha256,
        rate_hz=rate_hz,
        channels=channels,
        marks="clipped" if analysis.is_clipped else "",
        onsets_s=" ".join(f"{onset:g}" for onset in analysis.onsets_s),
        loop_start_s=analysis.loop_s[0] if analysis.loop_s else None,
        loop_end_s=analysis.loop_s[1] if analysis.loop_s else None,
        loop_join_s=analysis.loop_s[2] if analysis.loop_s else None,
        **{
            name: getattr(analysis, name)
            for name in (
                *("seconds", "level_lufs", "peak_dbfs", "noise_db", "start_s", "end_s"),
                *("anchor_s", "loop_alike", "content"),
            )
        },
    )


def finished_row(
    row: CatalogueRow, vocabulary: Vocabulary, recognition: Recognition | None = None
) -> CatalogueRow:
    """Return a row with the fields that depend on its effect: use, kind, gain and marks."""
    if recognition is not None:
        is_guess = recognition.confidence >= LISTED_FROM
        row = dataclasses.replace(
            row,
            effect=recognition.effect if is_guess else "",
            confidence=recognition.confidence,
            by=recognition.by,
            use=bool(recognition.effect) and recognition.confidence >= USED_FROM,
        )
    is_struck = False
    kind = ""
    if row.effect in vocabulary.names:
        own = vocabulary[row.effect].kind
        kind = _kind(own, row)
        is_struck = (kind or own) in ("one_shot", "repeated")
    marks = [mark for mark in row.marks.split() if mark == "clipped"]
    if is_struck and row.noise_db is not None and row.noise_db < NOISY_DB:
        marks.append("noisy")
    if row.level_lufs is None or row.level_lufs < QUIET_DB:
        marks.append("quiet")
    return dataclasses.replace(
        row,
        kind=kind,
        gain_db=_gain_db(row, is_struck),
        marks=" ".join(marks),
        # A silent file is not a take.
        use=row.use and row.level_lufs is not None,
    )


def _kind(own: str, row: CatalogueRow) -> str:
    """Return the kind of a recording if it differs from that of its effect, else an empty text."""
    length = (row.end_s or row.seconds) - (row.start_s or 0.0)
    if own in ("loop", "ambience") and length < SHORTEST_SUSTAINED_S:
        return "one_shot"
    if own == "repeated" and length > RUN_S and len(row.onsets_s.split()) >= RUN_ONSETS:
        return "loop"
    return ""


def _gain_db(row: CatalogueRow, is_struck: bool) -> float:
    """Return the gain that brings a recording to the level of the built-in takes."""
    if row.level_lufs is None or row.peak_dbfs is None:
        return 0.0
    target = STRUCK_LUFS if is_struck else SUSTAINED_LUFS
    gain = min(target - row.level_lufs, CEILING_DBFS - row.peak_dbfs)
    return round(min(max(gain, GAIN_RANGE_DB[0]), GAIN_RANGE_DB[1]), 1)
