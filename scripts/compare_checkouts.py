"""Compare what two checkouts generate for the same clips, byte for byte.

OLD and NEW are each a checkout (it is run on the clips) or a folder of outputs made earlier:

    python scripts/compare_checkouts.py OLD NEW --clips CLIPS [--only GLOB ...] [--keep DIR]

Cue lists and tables must be equal byte for byte, stems and mix sample for sample, and `run.json`
in all but paths, versions and times. Prints a table; exits with 1 if anything differs. Folders of
outputs may be incomplete: clips without an output on either side are counted and skipped.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SUFFIX = ".foley"
EXACT = (".json", ".tsv", ".csv", ".txt")
"""Compared byte for byte; pages, pictures and the encoded video are not compared."""
FREE = {"seconds", "versions", "source.path", "made_with.version"}
"""Fields of `run.json` that may differ."""
RENAMED = {"made_with.spotter": "made_with.detector"}


def main(argv: list[str] | None = None) -> int:
    """Compare all clips; return 1 if a clip differs or none could be compared."""
    words = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        keep = words.keep or Path(scratch)
        old, new = (
            outputs_of(side, words.clips, words.only, keep / name)
            for side, name in ((words.old, "old"), (words.new, "new"))
        )
        both = [name for name in old if name in new]
        width = max((len(name.name) for name in both), default=0)
        different = 0
        for name in both:
            found = compare_outputs(old[name], new[name])
            different += bool(found)
            print(f"{name.name:{width}}  {'; '.join(found) or 'same'}", flush=True)
    skipped = len(set(old) ^ set(new))
    print(f"{len(both)} clips compared, {different} differ, {skipped} on one side only")
    return 1 if different or not both else 0


def outputs_of(side: Path, clips: Path | None, only: list[str], out: Path) -> dict[Path, Path]:
    """Return the finished outputs of one side by their path below its root.

    A checkout is first run on the clips, one process per folder of clips.
    """
    root = side.absolute()
    if (root / "temporal_foley").is_dir():
        if clips is None:
            raise SystemExit(f"{side}: is a checkout; give --clips DIR to run it on")
        generate(root, clips, only, out)
        root = out
    finished = (run.parent for run in sorted(root.rglob("run.json")))
    folders = {folder.relative_to(root): folder for folder in finished}
    return {
        name: folder
        for name, folder in folders.items()
        if _is_chosen(name.name.removesuffix(SUFFIX), only)
    }


def generate(checkout: Path, clips: Path, only: list[str], out: Path) -> None:
    """Run `generate` of a checkout on the clips that are chosen, keeping their folders."""
    chosen = [p for p in sorted(clips.rglob("*.mp4")) if _is_chosen(p.stem, only)]
    for folder in sorted({clip.parent for clip in chosen}):
        videos = [str(clip.absolute()) for clip in chosen if clip.parent == folder]
        target = out.absolute() / folder.relative_to(clips)
        if target.exists():
            raise SystemExit(f"{target}: exists; an unchanged output would not be made again")
        command = [sys.executable, "-m", "temporal_foley", "generate", *videos]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        # A clip without a picture fails on both sides; the others are compared.
        subprocess.run([*command, "--out", str(target)], cwd=checkout, env=environment, check=False)


def compare_outputs(old: Path, new: Path) -> list[str]:
    """Return one remark per file that differs between two outputs of `generate`."""
    found = []
    names = {p.relative_to(folder) for folder in (old, new) for p in folder.rglob("*")}
    for name in sorted(name for name in names if name.suffix in (*EXACT, ".wav")):
        one, other = old / name, new / name
        if not (one.is_file() and other.is_file()):
            found.append(f"{name}: only in {'old' if one.is_file() else 'new'}")
        elif name.name == "run.json":
            found.extend(f"run.json: {field}" for field in _changed_fields(one, other))
        elif one.read_bytes() != other.read_bytes():
            remark = _compare_sound(one, other) if name.suffix == ".wav" else "differs"
            if remark:
                found.append(f"{name}: {remark}")
    return found


def _compare_sound(one: Path, other: Path) -> str:
    """Return how the samples of two sound files differ; empty if only their headers do."""
    (a, rate_a), (b, rate_b) = soundfile.read(one), soundfile.read(other)
    if rate_a != rate_b or a.shape != b.shape:
        return f"{a.shape} at {rate_a} Hz against {b.shape} at {rate_b} Hz"
    most = float(np.max(np.abs(a - b), initial=0.0))
    return f"samples differ by up to {most:.2g}" if most else ""


def _changed_fields(one: Path, other: Path) -> list[str]:
    old, new = (dict(_fields(json.loads(path.read_text("utf-8")))) for path in (one, other))
    missing = object()
    return [key for key in sorted({*old, *new}) if old.get(key, missing) != new.get(key, missing)]


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of a document by dotted path, without those that may differ."""
    path = RENAMED.get(path, path)
    if path in FREE:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _fields(item, f"{path}.{key}" if path else key)
    else:
        yield path, value


def _is_chosen(stem: str, only: list[str]) -> bool:
    return not only or any(Path(stem).match(pattern) for pattern in only)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("old", type=Path, help="a checkout, or a folder of outputs")
    parser.add_argument("new", type=Path, help="a checkout, or a folder of outputs")
    parser.add_argument("--clips", type=Path, help="folder of clips, searched recursively")
    parser.add_argument("--only", nargs="+", default=[], metavar="GLOB", help="stems of clips")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep new outputs here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
