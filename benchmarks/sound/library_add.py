"""Measure how well `library add` recognises a folder of sounds whose classes are known.

    python benchmarks/sound/library_add.py SOUNDS.csv [--most N] [--blind] [--json FILE]

The table has columns `file` and `class`, as of effects of foley20, several with a bar between; what
is no effect has a class with `x_` in front, and what is not known has none. Told are how many
sounds in use are right or wrong, by what they were recognised, and the time. `--blind` hides all
names and metadata, so that only listening is left. `--most` takes an even choice of N sounds.
"""

import argparse
import csv
import dataclasses
import json
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from temporal_foley.effects import load_vocabulary
from temporal_foley.library.add import AddSettings, add_sounds


def outcome_of(effect: str, classes: set[str], effects: tuple[str, ...]) -> str:
    """Compare what a sound is used for with what it is."""
    true = classes & set(effects)
    if effect:
        return "right" if effect in true else "wrong" if classes else "in use, truth unknown"
    return "missed" if true else "rightly none" if classes else "none, truth unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--blind", action="store_true")
    parser.add_argument("--no-listen", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with options.table.open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    if options.most:
        listed = listed[:: max(1, len(listed) // options.most)]
    vocabulary = load_vocabulary()
    with tempfile.TemporaryDirectory() as scratch:
        source, library = Path(scratch) / "sounds", Path(scratch) / "library"
        truth: dict[str, set[str]] = {}
        for number, row in enumerate(listed):
            path = options.table.parent / row["file"]
            name = f"{number:05d}{path.suffix}" if options.blind else row["file"]
            truth[f"sounds/{name}"] = {word for word in row["class"].split("|") if word}
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, source / name)
        settings = AddSettings(vocabulary=vocabulary, listen=not options.no_listen)
        began, began_cpu = time.perf_counter(), time.process_time()
        done = add_sounds(source, library, settings)
        seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        began = time.perf_counter()
        again = add_sounds(source, library, settings)
        seconds_again = time.perf_counter() - began
    fates: Counter[tuple[str, str]] = Counter()
    for row in done.added:
        effect = row.effect if row.use else ""
        fates[row.by or "nothing", outcome_of(effect, truth[row.origin], vocabulary.names)] += 1
    left_out = Counter(why.split(" as ")[0][:40] for _, why in done.left_out)
    marks = Counter(mark for row in done.added for mark in row.marks.split())
    print(f"{len(listed)} sounds, {sum(row.seconds for row in done.added):.0f} s of sound")
    print(f"{len(done.added)} added in {seconds:.1f} s, {cpu:.1f} s of processor time")
    print(f"{again.known} known again in {seconds_again:.1f} s")
    for (by, fate), count in sorted(fates.items()):
        print(f"{by}\t{fate}\t{count}")
    for what in (left_out, marks, Counter(row.licence for row in done.added)):
        print("; ".join(f"{count} {name}" for name, count in what.most_common(12)))
    if options.json:
        rows = [dataclasses.asdict(row) for row in done.added]
        options.json.write_text(json.dumps({"seconds": seconds, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
