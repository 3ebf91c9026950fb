"""Measure the long-term spectra of free recordings for the built-in recipes.

    python benchmarks/sound/measure_spectra.py SOUNDS [--class NAME=CLASS ...] > SPECTRA.tsv

SOUNDS holds `sounds.csv` (file, source, class, rate, licence) and the documents that name licences.
Only recordings that need no more than attribution are measured: CC0, public domain, CC-BY, MIT.
For each recipe up to twelve are kept that differ most, without the outermost tenth.
"""

import argparse
import csv
from pathlib import Path, PurePosixPath

import numpy as np

from temporal_foley.library.sidecars import Papers
from temporal_foley.media.audio import read_sound_file
from temporal_foley.sound.synth import RECIPES
from temporal_foley.sound.synth.recording import EDGES_HZ, spectrum_levels
from temporal_foley.sound.takes.licences import licence_families

FREE = {"cc0", "public-domain", "cc-by", "mit"}
MOST, LEAST_RATE_HZ = 12, 22_050


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sounds", type=Path)
    parser.add_argument("--class", dest="classes", nargs="*", default=[], metavar="NAME=CLASS")
    parser.add_argument("--own", default="", help="licences of sources: SOURCE=LICENCE,...")
    options = parser.parse_args()
    classes = {name: name for name in RECIPES} | dict(one.split("=") for one in options.classes)
    own = dict(one.split("=") for one in options.own.split(",") if one)
    with (options.sounds / "sounds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    papers = {row["source"]: Papers(options.sounds / row["source"]) for row in rows}
    print("# recipe, file, licence, level in dB below the loudest of the bands between (Hz):")
    print("# " + " ".join(map(str, EDGES_HZ)))
    for name, kind in sorted(classes.items()):
        found = []
        for row in rows:
            if kind not in row["class"].split("|") or int(row["rate"]) < LEAST_RATE_HZ:
                continue
            paper = papers[row["source"]].find(
                PurePosixPath(row["file"]).relative_to(row["source"])
            )
            licence = own.get(row["source"]) or paper.licence or row["licence"]
            if licence_families(licence) <= FREE:
                credit = f" {paper.credit}" if paper.credit and "CC0" not in licence else ""
                levels = spectrum_levels(read_sound_file(options.sounds / row["file"]))
                found.append((row["file"], licence + credit, np.maximum(levels, -70.0)))
        for file, licence, levels in spread(found):
            numbers = "\t".join(f"{level:.0f}" for level in levels)
            print(f"{name}\t{file}\t{licence}\t{numbers}")


def spread(found: list[tuple[str, str, np.ndarray]]) -> list[tuple[str, str, np.ndarray]]:
    """Choose recordings that are far apart, one after another."""
    if len(found) <= 2:
        return found
    levels = np.stack([one[2] for one in found])
    away = np.abs(levels - np.median(levels, axis=0)).mean(axis=1)
    kept = [number for number in np.argsort(away)][: max(3, round(0.9 * len(found)))]
    chosen = [kept[0]]
    while len(chosen) < min(MOST, len(kept)):
        gaps = [min(np.abs(levels[one] - levels[other]).mean() for other in chosen) for one in kept]
        chosen.append(kept[int(np.argmax(gaps))])
    return [found[number] for number in sorted(chosen)]


if __name__ == "__main__":
    main()
