"""Write the cue sheet: a CSV file with one row for each cue that plays."""

import csv
import re
from fractions import Fraction
from pathlib import Path

from temporal_foley.session.timecode import nearest_rate, parse_timecode, sample_timecode
from temporal_foley.timeline import Asset, Timeline, without_rejected

COLUMNS = (
    "id",
    "effect",
    "bus",
    "onset",
    "offset",
    "timecode_in",
    "timecode_out",
    "onset_sample",
    "offset_sample",
    "picture_sample",
    "confidence",
    "asset",
    "licence",
    "credit",
    "source_start",
    "source_end",
    "gain_db",
    "level",
    "lowpass_hz",
    "pan",
    "fade_in",
    "fade_out",
    "anchor",
    "status",
    "locked",
    "reason",
)


def write_cue_sheet(timeline: Timeline, path: Path, rate: Fraction | None = None) -> None:
    """Write `cues.csv`, cues in order of onset; times are in seconds, the rest as in `cues.json`.

    Timecode counts at `rate`, or at the usual rate nearest to the picture's own.
    """
    rate = rate or nearest_rate(timeline.source.video_rate)
    edit, first = parse_timecode(timeline.start_timecode, rate)
    buses = {track.effect: track.bus for track in timeline.tracks}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for cue in without_rejected(timeline).cues:
            row = {name: getattr(cue, name) for name in COLUMNS if hasattr(cue, name)}
            row["bus"] = buses[cue.effect]
            row["onset"] = f"{float(cue.onset):.6f}"
            row["offset"] = f"{float(cue.offset):.6f}"
            row["timecode_in"] = sample_timecode(cue.onset_sample, first, edit)
            row["timecode_out"] = sample_timecode(cue.offset_sample, first, edit)
            row["confidence"] = f"{cue.confidence:.4f}"
            row["gain_db"] = f"{cue.gain_db:.2f}"
            row["level"] = " ".join(f"{value:.2f}" for _, value in cue.level)
            row["lowpass_hz"] = "" if cue.lowpass_hz is None else f"{cue.lowpass_hz:.0f}"
            row["pan"] = " ".join(f"{value:.2f}" for _, value in cue.pan)
            row["asset"] = asset_text(cue.asset)
            writer.writerow([csv_cell(row[name]) for name in COLUMNS])


def asset_text(asset: Asset) -> str:
    """Return a take's name for display: the path of a file, or a recipe with its seed."""
    name = asset.name if asset.kind == "file" else f"{asset.name} #{asset.seed}"
    return f"{name} {asset.cents:+d} cents" if asset.cents else name


def csv_cell(value: object) -> str:
    """Keep a spreadsheet from reading a text as a formula, and keep a row on one line."""
    text = " ".join(str(value).split())
    is_number = re.fullmatch(r"-?[\d.]+", text) is not None
    return f"'{text}" if text[:1] in ("=", "+", "@", "-") and not is_number else text
