"""Make the table of ImageNet's 1000 classes and all that WordNet puts above them.

In: WordNet 3.0's `data.noun` (Debian: `apt-get install wordnet-base`) and a list of the 1000 class
synsets, one a line (`imagenet_synsets.txt` in the wheel of the PyPI package `timm`). Out:
`temporal_foley/models/imagenet_classes.tsv`. Run:

    python scripts/make_imagenet_classes.py DATA_NOUN SYNSETS [--names NAMES] [--out TSV]

`--names`: a file with the classes' names in the network's output order, to check the order against.

ImageNet's synset `n02084071` is the noun at byte offset 02084071 of WordNet 3.0's `data.noun`.
"""

import argparse
import sys
from pathlib import Path

OUT = Path(__file__).parents[1] / "temporal_foley" / "models" / "imagenet_classes.tsv"

HEADER = """\
# ImageNet's 1000 classes in the order of a network's outputs, then every synset above them.
# index: place in the output, empty for a synset that is no class; parents: direct hypernyms.
# Made by scripts/make_imagenet_classes.py from WordNet 3.0, whose licence follows.
#
"""


def read_nouns(path: Path) -> tuple[dict[str, tuple[str, tuple[str, ...]]], list[str]]:
    """Read `data.noun`: synset -> (names, parents), and the lines of the licence at its head."""
    nouns: dict[str, tuple[str, tuple[str, ...]]] = {}
    licence: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("  "):
            licence.append(line.split(maxsplit=1)[1] if len(line.split()) > 1 else "")
            continue
        fields = line.split(" | ")[0].split()
        # Format of wndb(5): offset, file, type, count (hex), count x (word, id), pointers x 4.
        words = int(fields[3], 16)
        names = ", ".join(name.replace("_", " ") for name in fields[4 : 4 + 2 * words : 2])
        pointers = fields[5 + 2 * words :]
        parents = tuple(
            f"n{pointers[i + 1]}"
            for i in range(0, 4 * int(fields[4 + 2 * words]), 4)
            if pointers[i] in ("@", "@i")
        )
        nouns[f"n{fields[0]}"] = (names, parents)
    return nouns, licence


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data_noun", type=Path)
    parser.add_argument("synsets", type=Path)
    parser.add_argument("--names", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()

    nouns, licence = read_nouns(args.data_noun)
    classes = sorted(args.synsets.read_text("utf-8").split())
    if len(classes) != 1000:
        sys.exit(f"{args.synsets}: holds {len(classes)} synsets, not 1000")
    if args.names is not None:
        names = args.names.read_text("utf-8").splitlines()
        for index, (synset, name) in enumerate(zip(classes, names, strict=True)):
            if not _words(nouns[synset][0]) & _words(name):
                sys.exit(f"class {index}: {synset} is {nouns[synset][0]!r}, not {name!r}")

    above: set[str] = set()
    waiting = list(classes)
    while waiting:
        for parent in nouns[waiting.pop()][1]:
            if parent not in above:
                above.add(parent)
                waiting.append(parent)
    rows = [(str(index), synset) for index, synset in enumerate(classes)]
    rows += [("", synset) for synset in sorted(above - set(classes))]
    with args.out.open("w", encoding="utf-8", newline="\n") as out:
        out.write(HEADER)
        out.writelines(f"# {line}".rstrip() + "\n" for line in licence)
        out.write("index\tsynset\tnames\tparents\n")
        for index, synset in rows:
            names, parents = nouns[synset]
            out.write(f"{index}\t{synset}\t{names}\t{' '.join(parents)}\n")


def _words(names: str) -> set[str]:
    return {name.strip().lower() for name in names.split(",")}


if __name__ == "__main__":
    main()
