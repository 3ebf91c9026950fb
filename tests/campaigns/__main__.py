"""Run one campaign and report what failed and how to repeat it."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.campaigns.driver import MODULES, load_campaign, run


def main() -> int:
    """Run one campaign; 1 when a case failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("name", choices=MODULES)
    parser.add_argument("--count", type=int, help="number of cases (default: the full form)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="run this case alone")
    parser.add_argument("--first", type=int, default=0, help="begin at this case")
    parser.add_argument("--folder", type=Path, help="work here and keep the files of failed cases")
    args = parser.parse_args()
    try:
        count = load_campaign(args.name).full if args.count is None else args.count
    except ModuleNotFoundError as error:
        parser.error(f"{args.name} cannot run here: {error}")
    cases = range(args.first, args.first + count)
    if args.case is not None:
        cases = range(args.case, args.case + 1)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"campaign-{args.name}-") as scratch:
        result = run(args.name, cases, args.seed, args.folder or Path(scratch))
    print(result.report())
    print(f"  in {time.perf_counter() - began:.0f} s")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
