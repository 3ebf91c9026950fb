"""Tabulate the effects in folders that `generate` made of clips with known content.

    temporal-foley generate CLIPS_DIR/dev CLIPS_DIR/sync --out LAYERS_DIR
    python benchmarks/sound/layers_table.py CLIPS_DIR LAYERS_DIR [--json FILE]

Says for each clip what is in it, what was laid up and when (false cues with a `!`), what was
missed, and the seconds of each stage; then, over all, the real-time factor, how far the mixes are
from the loudness asked for, their highest true peak, and how far the stems are from adding up to
the mix before the limiter. The classes of CLIPS_DIR are read as in `clips_table.py`.
"""

import argparse
import csv
import json
import math
import statistics
from pathlib import Path

import numpy as np
import soundfile
from clips_table import SEEN_ONLY

from temporal_foley.cue_list import read_timeline
from temporal_foley.effects import load_vocabulary
from temporal_foley.spotting.tables import read_events

STAGES = ("probe", "detect", "align", "cast", "render", "mux", "draw")


def main() -> None:
    """Read the folders and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("layers", type=Path)
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    with (words.clips / "clips.tsv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text, delimiter="\t"))
    effects = set(load_vocabulary().names)
    table = []
    print("clip | seconds | what is in it | laid up (false: !) | missed |", " ".join(STAGES))
    for row in sorted(rows, key=lambda row: row["class"]):
        folder = words.layers / f"{Path(row['file']).stem}.foley"
        line = read_folder(folder, row, effects)
        table.append(line)
        laid = ", ".join(
            f"{'' if name in line['present'] else '!'}{name} {onset:.1f}-{offset:.1f}"
            for name, onset, offset in line["events"]
        )
        print(
            f"{row['file'][:34]} | {line['seconds']:.1f} | {row['class']} | {laid or '-'} | "
            f"{', '.join(sorted(line['missed'])) or '-'} | "
            + " ".join(f"{line['stages'].get(stage, 0):.2f}" for stage in STAGES)
        )
    print()
    summary = summarise(table)
    for name, value in summary.items():
        print(f"{name}: {value}")
    if words.json:
        words.json.write_text(json.dumps({"summary": summary, "clips": table}, indent=1) + "\n")


def read_folder(folder: Path, row: dict[str, str], effects: set[str]) -> dict:
    """Read what one run left."""
    run = json.loads((folder / "run.json").read_text("utf-8"))
    events = read_events(folder / "events.tsv")
    present = {SEEN_ONLY.get(name, name) for name in row["class"].split("|")} & effects
    levels, asked = run["levels"], read_timeline(folder / "cues.json").mix
    return {
        "file": row["file"],
        "seconds": run["video_seconds"],
        "present": sorted(present),
        "events": [(event.event_label, event.onset, event.offset) for event in events],
        "missed": sorted(present - {event.event_label for event in events}),
        "stages": run["seconds"],
        "loudness": levels["loudness_lufs"],
        "true_peak": levels["true_peak_dbtp"],
        "asked": asked.loudness_lufs,
        "limited": levels["limiter_db"] > 0,
        "sum_dbfs": None if levels["limiter_db"] > 0 else sum_difference_dbfs(folder),
    }


def sum_difference_dbfs(folder: Path) -> float:
    """Return the highest sample of (sum of the stems - mix) in dBFS."""
    mix, _ = soundfile.read(folder / "mix.wav")
    total = np.zeros_like(mix)
    for stem in (folder / "stems").glob("*.wav"):
        total += soundfile.read(stem)[0]
    worst = float(np.abs(total - mix).max())
    return 20 * math.log10(worst) if worst > 0 else -math.inf


def summarise(table: list[dict]) -> dict[str, float | int | str]:
    """Count over all clips."""
    wanted = sum(len(line["present"]) for line in table)
    missed = sum(len(line["missed"]) for line in table)
    quiet = [line for line in table if not line["present"]]
    false = [sum(name not in line["present"] for name, _, _ in line["events"]) for line in table]
    minutes = sum(line["seconds"] for line in quiet) / 60
    quiet_false = sum(n for n, line in zip(false, table, strict=True) if not line["present"])
    sounding = [line for line in table if line["loudness"] is not None]
    off = [abs(line["loudness"] - line["asked"]) for line in sounding]
    factors = [sum(line["stages"].values()) / line["seconds"] for line in table]
    return {
        "clips": len(table),
        "seconds": round(sum(line["seconds"] for line in table), 1),
        "effects to be heard": wanted,
        "heard": wanted - missed,
        "clips with nothing to be heard": len(quiet),
        "of these left silent": sum(not line["events"] for line in quiet),
        "false cues a minute in them": round(quiet_false / minutes, 2) if minutes else 0.0,
        "false cues in the others": sum(false) - quiet_false,
        "real-time factor, median": round(statistics.median(factors), 3),
        "real-time factor, mean": round(statistics.mean(factors), 3),
        "mixes that are not silent": len(sounding),
        "furthest from the loudness asked for, LU": round(max(off, default=0.0), 2),
        "highest true peak, dBTP": max((line["true_peak"] for line in sounding), default=-math.inf),
        "mixes the limiter worked on": sum(line["limited"] for line in table),
        "stems - mix at most, dBFS": max(
            (line["sum_dbfs"] for line in table if line["sum_dbfs"] is not None),
            default=-math.inf,
        ),
    }


if __name__ == "__main__":
    main()
