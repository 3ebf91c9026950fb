"""Count how many class names of a dataset find the right effect of `everyday`, or rightly none.

    python benchmarks/detection/name_matching.py VGGSOUND/stat.csv

The file has a class name at the start of each line. What each should find is in
`vggsound_names.tsv`, made by hand; the vocabulary's own VGGSound names are not used for matching.
"""

import argparse
import csv
from pathlib import Path

from temporal_foley.effects import load_vocabulary
from temporal_foley.library.match_names import match_name

NONE = "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", type=Path)
    words = parser.parse_args()
    text = Path(__file__).with_name("vggsound_names.tsv").read_text("utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]
    truth = {name: effects.split("|") for name, effects in lines}
    vocabulary = load_vocabulary("everyday")
    with words.names.open(encoding="utf-8", newline="") as file:
        names = [row[0] for row in csv.reader(file) if row]
    if unknown := sorted(set(truth) - set(names)):
        raise SystemExit(f"not in {words.names}: {', '.join(unknown)}")
    right = {"an effect": [0, 0], "no effect": [0, 0]}
    for name in names:
        wanted = truth.get(name, [NONE])
        found = match_name(name, vocabulary).effect or NONE
        kind = right["no effect" if NONE in wanted else "an effect"]
        kind[0] += found in wanted
        kind[1] += 1
        if found not in wanted:
            print(f"  {name}: {found}, not {' or '.join(wanted)}")
    for kind, (count, of) in right.items():
        print(f"names with {kind}: {count} of {of} right")
    count, of = (sum(pair[n] for pair in right.values()) for n in (0, 1))
    print(f"all: {count} of {of} right, {count / of:.3f}")


if __name__ == "__main__":
    main()
