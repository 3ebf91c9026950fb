"""Make windows that the teacher has heard, and train a student on them.

    python -m data_pipeline.distill.command windows --sounds SOUNDS.csv --out WINDOWS --shards 100
    python -m data_pipeline.distill.command train --windows WINDOWS --out student.safetensors
        --steps 8000

Both go on where they were when the same command is given again; training may begin while windows
are still being made.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipeline.distill.sounds import RECIPE, read_pool, recipe_pool, training_files
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.models.audio import load_teacher

SEEN = "seen.json"
"""What is heard in the windows of a folder."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    words = _parser().parse_args(argv)
    try:
        words.run(words)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_pipeline.distill.command", description=__doc__
    )
    commands = parser.add_subparsers(required=True, metavar="windows|train")
    windows = commands.add_parser("windows", help="mix sounds and let the teacher hear them")
    windows.add_argument("--sounds", type=Path, nargs="+", required=True, metavar="TABLE")
    windows.add_argument("--out", type=Path, required=True, metavar="DIR")
    windows.add_argument("--shards", type=int, default=100, help="of 256 windows each")
    windows.add_argument("--seed", type=int, default=0)
    windows.add_argument(
        "--without", default="", metavar="PREFIX", help="leave out sources that begin so: esc/"
    )
    windows.add_argument("--teacher", type=Path, metavar="FILE")
    windows.set_defaults(run=_windows)
    train = commands.add_parser("train", help="train a student on such windows")
    train.add_argument("--windows", type=Path, nargs="+", required=True, metavar="DIR")
    train.add_argument("--out", type=Path, required=True, metavar="FILE")
    train.add_argument("--work", type=Path, required=True, metavar="DIR", help="to go on from")
    train.add_argument("--steps", type=int, default=8_000)
    train.add_argument("--batch", type=int, default=32)
    train.add_argument("--learning-rate", type=float, default=1e-3)
    train.add_argument("--start", type=Path, metavar="FILE", help="a student to begin with")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--teacher", type=Path, metavar="FILE")
    train.set_defaults(run=_train)
    return parser


def _windows(words: argparse.Namespace) -> None:
    from data_pipeline.distill.windows import make_shard

    if words.shards < 1:
        raise UsageError(f"--shards must be at least 1, got {words.shards}")
    files = training_files(words.sounds, load_vocabulary(), seed=0)
    if words.without:
        files = {name: paths for name, paths in files.items() if not name.startswith(words.without)}
    teacher = load_teacher(words.teacher)
    pool = read_pool(files) | recipe_pool()
    sources = sorted(pool)
    words.out.mkdir(parents=True, exist_ok=True)
    seen = {
        "seed": words.seed,
        "recordings": sum(len(recordings) for recordings in pool.values()),
        "sources": [source for source in sources if not source.startswith(RECIPE)],
        "recipes": [source for source in sources if source.startswith(RECIPE)],
        "teacher_sha256": teacher.sha256,
    }
    (words.out / SEEN).write_text(json.dumps(seen, indent=1) + "\n", "utf-8")
    print(f"{seen['recordings']} recordings of {len(sources)} sources", flush=True)
    for number in range(words.shards):
        make_shard(words.out, number, pool, sources, teacher, seed=words.seed)
        print(f"\r{number + 1} of {words.shards} shards", end="", flush=True)
    print()


def _train(words: argparse.Namespace) -> None:
    from data_pipeline.distill.train import DistillConfig, distill

    try:
        config = DistillConfig(
            steps=words.steps,
            batch=words.batch,
            learning_rate=words.learning_rate,
            seed=words.seed,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    distill(
        words.windows,
        words.out,
        words.work,
        load_teacher(words.teacher),
        config,
        start=words.start,
        log=lambda text: print(text, flush=True),
    )


if __name__ == "__main__":
    sys.exit(main())
