"""Fuzz one parser for a while, guided by coverage (atheris, the extra `fuzz`).

    python -m tests.campaigns.inputs.guided TARGET --seconds 1800 [--corpus DIR]

Stops at the first input that is neither read nor refused by a FoleyError, and writes it here.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.campaigns.inputs.parsers import TARGETS


def main() -> None:
    """Fuzz until the time is over or something is found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.inputs.guided", description=__doc__
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--corpus", type=Path, help="kept and grown (default: none)")
    args = parser.parse_args()
    try:
        import atheris
    except ImportError:
        parser.error("needs atheris; pip install temporal-foley[fuzz]")
    # Only what is imported in here is instrumented, so nothing of it may have been imported before.
    with (
        tempfile.TemporaryDirectory() as aside,
        atheris.instrument_imports(include=["temporal_foley", "data_pipeline"]),
    ):
        from tests.campaigns.inputs.fuzz import came_of, damaged
        from tests.campaigns.inputs.parsers import seeds

        corpus = args.corpus or Path(aside) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(seeds()[args.target]):
            (corpus / f"seed_{number}").write_bytes(content)
            came_of(args.target, content, Path(aside))

        def one(content: bytes) -> None:
            came = came_of(args.target, content, Path(aside))
            if came:
                raise AssertionError(came)

        def changed(content: bytes, longest: int, seed: int) -> bytes:
            # Bytes changed at random seldom leave what a parser reads beyond its first lines.
            rng = random.Random(seed)
            if rng.random() < 0.3:
                return atheris.Mutate(content, longest)
            return damaged(content, rng)[:longest]

        options = [f"-max_total_time={args.seconds}", "-timeout=30", "-rss_limit_mb=2048"]
        atheris.Setup(
            [sys.argv[0], *options, "-max_len=20000", str(corpus)], one, custom_mutator=changed
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
