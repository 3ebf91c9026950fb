"""Campaigns that try to break the program: case numbers and a seed in, failures out.

A campaign is a module of this folder with `FULL`, the count of its full form, and

    def run(cases: Sequence[int], seed: int, folder: Path) -> Result

Case `k` of seed `s` is the same in every run, so that `--case k --seed s` repeats one alone. A
campaign of a fixed list of cases leaves out the numbers beyond it. What it writes goes into
`folder`. `test_NAME_campaign.py` beside it is the small form for the test suite.
"""

import dataclasses
from collections.abc import Mapping, Sequence

NAMES = (
    "media",
    "mux",
    "frame_times",
    "loudness",
    "kills",
    "bits",
    "confinement",
    "archives",
    "names",
    "disk",
    "determinism",
    "long_film",
    "fuzz",
    "batch",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """A case that broke a promise: what it was and what came of it, each in one line."""

    case: int
    what: str
    came: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What a campaign found: how many cases ran, which failed, and figures worth telling."""

    count: int
    failures: Sequence[Failure]
    figures: Mapping[str, object] = dataclasses.field(default_factory=dict)


def told(name: str, seed: int, result: Result) -> str:
    """Return a result as the lines that a person reads, each failure with how to repeat it."""
    lines = [f"{name}: {result.count} cases, {len(result.failures)} failures (seed {seed})"]
    lines += [f"  {key}: {value}" for key, value in result.figures.items()]
    for failure in result.failures:
        lines.append(f"FAILED case {failure.case}: {failure.what}: {failure.came}")
        lines.append(f"  python -m tests.campaigns {name} --seed {seed} --case {failure.case}")
    return "\n".join(lines)
