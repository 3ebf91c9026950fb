"""Run a campaign: its name and a count in, what failed and how to repeat it out."""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from tests.campaigns import NAMES, told


def main() -> int:
    """Run one campaign; 1 when a case failed."""
    words = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    words.add_argument("name", choices=NAMES)
    words.add_argument("--count", type=int, help="how many cases; as many as the full form has")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--case", type=int, help="this one alone")
    words.add_argument("--first", type=int, default=0, help="begin at this case")
    words.add_argument("--folder", type=Path, help="work here and keep what was written")
    said = words.parse_args()
    try:
        campaign = importlib.import_module(f"tests.campaigns.{said.name}")
    except ModuleNotFoundError as error:
        words.error(f"{said.name} cannot run here: {error}")
    count = campaign.FULL if said.count is None else said.count
    cases = range(said.first, said.first + count)
    if said.case is not None:
        cases = range(said.case, said.case + 1)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"campaign-{said.name}-") as aside:
        folder = said.folder or Path(aside)
        folder.mkdir(parents=True, exist_ok=True)
        result = campaign.run(cases, said.seed, folder)
    print(told(said.name, said.seed, result))
    print(f"  in {time.perf_counter() - began:.0f} s")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
