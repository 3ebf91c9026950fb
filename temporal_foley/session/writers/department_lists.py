"""Write lists for the people who make the sounds: a foley cue sheet, and spotting by department."""

import csv
import io
from collections.abc import Iterable, Sequence

from temporal_foley.session.names import title_of
from temporal_foley.session.timecode import EditRate, sample_timecode
from temporal_foley.session.writers.cuesheet import asset_text, csv_cell
from temporal_foley.timeline import Cue, Timeline, Track

DEPARTMENTS = {"hard_effects": "effects", "foley": "foley", "backgrounds": "backgrounds"}
SURFACES = ("wood", "grass", "gravel", "snow", "stone", "carpet", "metal", "sand", "mud", "leaves")
STEPS = ("footsteps", "running", "stairs", "high_heels")
FOLEY_COLUMNS = (
    *("number", "timecode_in", "timecode_out", "person_or_prop", "action", "surface"),
    *("status", "cue", "sound", "note"),
)
DEPARTMENT_COLUMNS = (
    *("department", "timecode_in", "timecode_out", "sound", "in_picture", "status"),
    *("cue", "take", "note"),
)


def foley_sheet_text(timeline: Timeline, edit: EditRate, first_frame: int) -> str:
    """Return the foley cue sheet: who or what moves on which surface, and what is still to do."""
    rows = []
    for track, cue in _in_order(timeline, ("foley",)):
        begin, end = _times(cue, edit, first_frame)
        who, action, surface = _performance(track.effect)
        row = [len(rows) + 1, begin, end, who, action, surface, _work(cue), cue.id]
        rows.append([*row, title_of(track.effect), cue.reason])
    return _table(FOLEY_COLUMNS, rows)


def departments_text(timeline: Timeline, edit: EditRate, first_frame: int) -> str:
    """Return the spotting list by department: effects, foley, backgrounds, in order of time."""
    rows = []
    for bus, department in DEPARTMENTS.items():
        for track, cue in _in_order(timeline, (bus,)):
            begin, end = _times(cue, edit, first_frame)
            seen = "no" if cue.evidence.region is None else "yes"
            row = [department, begin, end, title_of(track.effect), seen, _status(cue), cue.id]
            rows.append([*row, asset_text(cue.asset), cue.reason])
    return _table(DEPARTMENT_COLUMNS, rows)


def _in_order(timeline: Timeline, buses: Sequence[str]) -> list[tuple[Track, Cue]]:
    found = [
        (track, cue)
        for track in timeline.tracks
        if track.bus in buses
        for cue in track.cues
        if cue.status != "rejected"
    ]
    return sorted(found, key=lambda pair: (pair[1].onset_sample, pair[1].id))


def _performance(effect: str) -> tuple[str, str, str]:
    """Return who or what moves, what it does, and on what, as far as the effect's name says so."""
    parts = effect.split("_")
    surface = next((part for part in parts if part in SURFACES), "")
    if any(effect.startswith(step) for step in STEPS):
        return "person", "runs" if effect.startswith("running") else "walks", surface
    return title_of(effect), "", surface


def _work(cue: Cue) -> str:
    """Return how far the work on a foley cue is: a recording is shot, a decided one is edited."""
    if cue.status == "already_heard":
        return "in production sound"
    if cue.status == "accepted":
        return "edited"
    return "shot" if cue.asset.kind == "file" else "to shoot"


def _status(cue: Cue) -> str:
    return "in production sound" if cue.status == "already_heard" else cue.status


def _times(cue: Cue, edit: EditRate, first_frame: int) -> tuple[str, str]:
    return (
        sample_timecode(cue.onset_sample, first_frame, edit),
        sample_timecode(cue.offset_sample, first_frame, edit),
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue()
