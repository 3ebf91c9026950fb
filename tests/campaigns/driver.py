"""Run campaigns: many seeded cases that try to break one promise of the program.

A campaign is a module with a `CAMPAIGN`, whose `attempt` works on one `Trial` and adds what went
wrong to its faults. Case `k` of seed `s` is the same in every run, so that `--case k --seed s`
repeats it alone.
"""

import collections
import dataclasses
import functools
import importlib
import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.campaigns.watchdog import LIMIT_BYTES, LIMIT_S, answers

MODULES = {
    "media": "media.damaged_media",
    "mux": "media.mux",
    "frame_times": "media.frame_times",
    "loudness": "media.loudness",
    "long_film": "media.long_film",
    "confinement": "inputs.confinement",
    "archives": "inputs.archives",
    "names": "inputs.names",
    "fuzz": "inputs.fuzz",
    "kills": "failures.kills",
    "disk": "failures.disk",
    "bits": "failures.bits",
    "batch": "failures.batch",
    "determinism": "failures.determinism",
}


@dataclasses.dataclass(kw_only=True)
class Trial:
    """One case of a campaign, and what came of it."""

    campaign: str
    number: int
    seed: int
    root: Path
    what: str = ""
    """What is tried, in one line."""
    faults: list[str] = dataclasses.field(default_factory=list)
    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    """How often something happened; added up over all cases."""
    most: dict[str, float] = dataclasses.field(default_factory=dict)
    """Measurements of which the largest of all cases is reported."""

    @property
    def folder(self) -> Path:
        """The folder of this case; removed when nothing was wrong."""
        return self.root / f"case-{self.number}"

    @property
    def shared(self) -> Path:
        """What `prepare` made for all cases."""
        return self.root / "shared"

    @property
    def rng(self) -> np.random.Generator:
        """A new generator for this case."""
        return np.random.default_rng([self.seed, self.number])

    def expect(self, what: str, wanted: object, found: object) -> None:
        """Add a fault unless both are equal."""
        if wanted != found:
            self.faults.append(f"{what}: {found!s:.200}, not {wanted!s:.200}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Campaign:
    """How a campaign is run.

    Cases of a watched campaign run in processes that may crash, hang or grow without harm.
    """

    attempt: Callable[[Trial], object]
    full: int
    """How many cases the full form has."""
    short: Sequence[int]
    """The cases that run with the test suite."""
    long: Sequence[int] = ()
    """Those that run by `pytest -m campaign`."""
    is_list: bool = False
    """There are no cases beyond the full form."""
    prepare: Callable[[Path], object] | None = None
    """Makes what all cases share in a folder."""
    watched: bool = False
    warm_up: Callable[[Sequence[int]], object] | None = None
    """Loads in a watched process what the cases need."""
    workers: int = 2
    limit_s: float = LIMIT_S
    limit_bytes: int = LIMIT_BYTES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What a campaign found."""

    campaign: str
    seed: int
    trials: Sequence[Trial]

    @property
    def failures(self) -> list[Trial]:
        """Cases that broke a promise."""
        return [trial for trial in self.trials if trial.faults]

    def report(self) -> str:
        """Describe the result, each failure with the command that repeats it."""
        count, failed = len(self.trials), self.failures
        lines = [f"{self.campaign}: {count} cases, {len(failed)} failures (seed {self.seed})"]
        counts = sum((trial.counts for trial in self.trials), collections.Counter())
        lines += [f"  {key}: {value}" for key, value in sorted(counts.items())]
        for key in sorted({key for trial in self.trials for key in trial.most}):
            lines.append(f"  {key}, at most: {max(t.most.get(key, 0) for t in self.trials):.4g}")
        for trial in failed:
            lines += [f"FAILED case {trial.number}: {trial.what}: {came}" for came in trial.faults]
            again = f"--seed {self.seed} --case {trial.number}"
            lines.append(f"  python -m tests.campaigns {self.campaign} {again}")
        return "\n".join(lines)


def load_campaign(name: str) -> Campaign:
    """Import a campaign by its name."""
    return importlib.import_module(f"tests.campaigns.{MODULES[name]}").CAMPAIGN


def run(name: str, numbers: Sequence[int], seed: int, folder: Path) -> Result:
    """Run cases of a campaign in a folder."""
    campaign, folder = load_campaign(name), folder.resolve()
    trials = [
        Trial(campaign=name, number=number, seed=seed, root=folder)
        for number in numbers
        if number < campaign.full or not campaign.is_list
    ]
    if campaign.prepare is not None and not (folder / "shared").exists():
        (folder / "shared").mkdir(parents=True)
        campaign.prepare(folder / "shared")
    done = _watched(name, campaign, trials) if campaign.watched else map(_attempt, trials)
    found = []
    for trial in done:
        found.append(trial)
        if not trial.faults:
            shutil.rmtree(trial.folder, ignore_errors=True)
    return Result(campaign=name, seed=seed, trials=sorted(found, key=lambda t: t.number))


def _watched(name: str, campaign: Campaign, trials: Sequence[Trial]) -> Iterator[Trial]:
    for trial, answer in answers(
        _attempt,
        trials,
        warm_up=functools.partial(_warm_up, name, [trial.number for trial in trials]),
        workers=campaign.workers,
        limit_s=campaign.limit_s,
        limit_bytes=campaign.limit_bytes,
    ):
        done = answer.value or dataclasses.replace(trial, faults=[answer.fault])
        done.most |= {"MiB": answer.peak_bytes / 2**20, "seconds": answer.seconds}
        yield done


def _warm_up(name: str, numbers: Sequence[int]) -> None:
    warm_up = load_campaign(name).warm_up
    if warm_up is not None:
        warm_up(numbers)


def _attempt(trial: Trial) -> Trial:
    shutil.rmtree(trial.folder, ignore_errors=True)  # left by a first attempt that took too long
    trial.folder.mkdir(parents=True)
    try:
        load_campaign(trial.campaign).attempt(trial)
    except Exception as error:  # an unexpected exception is a finding
        where = traceback.extract_tb(error.__traceback__)[-1]
        trial.faults.append(
            f"{type(error).__name__}: {error!s:.300} ({where.name}, {where.lineno})"
        )
    return trial
