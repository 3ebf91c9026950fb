"""Hostile archives through `library add`: refused in one line, and nothing written anywhere."""

import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.campaigns import Failure, Result
from tests.campaigns.hostile_archives import all_archives
from tests.campaigns.spoken import speak
from tests.campaigns.watchdog import answers

FULL = len(all_archives())
QUICK = tuple(number for number, one in enumerate(all_archives()) if not one.is_slow)
MOST_BYTES = 700 << 20
"""Memory that no archive may take beyond what the program needs anyway."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One archive, and where it is made."""

    number: int
    folder: Path


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Add an archive a case; they are the same for every seed."""
    kinds = all_archives()
    tasks = [Case(number=n, folder=folder / f"case-{n}") for n in cases if n < len(kinds)]
    failures, peak, slowest = [], 0, 0.0
    # Most of the time goes into making the archives.
    for case, answer in answers(
        attempt, tasks, warm_up=warm_up, limit_s=120.0, limit_bytes=MOST_BYTES
    ):
        fault, seconds = answer.value or ("", 0.0)
        fault = answer.fault or fault
        peak, slowest = max(peak, answer.peak_bytes), max(slowest, seconds)
        if fault:
            failures.append(Failure(case=case.number, what=kinds[case.number].name, came=fault))
    figures = {"largest memory": f"{peak >> 20} MiB", "longest case": f"{slowest:.1f} s"}
    failures.sort(key=lambda failure: failure.case)
    return Result(count=len(tasks), failures=failures, figures=figures)


def warm_up() -> None:
    """Load what `library add` needs."""


def attempt(case: Case) -> tuple[str, float]:
    """Make an archive, and add it; returns what was wrong, and the processor time in seconds.

    It is made in a process of its own, for that takes memory.
    """
    kind = all_archives()[case.number]
    scratch = case.folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    archive = case.folder / f"pack{kind.suffix}"
    child = os.fork()
    if child == 0:
        kind.write(archive)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        return "cannot be made", 0.0
    tempfile.tempdir = str(scratch)
    library = case.folder / "library"
    began = time.process_time()
    said = speak(["library", "add", str(archive), "--to", str(library), "--no-listen"])
    seconds = time.process_time() - began
    tempfile.tempdir = None
    left = sorted(str(path.relative_to(case.folder)) for path in case.folder.rglob("*"))
    if kind.is_harmless and said.code == 0:
        shutil.rmtree(case.folder)
        return "", seconds
    fault = said.fault
    if not fault and said.code != 3:
        fault = f"exit code {said.code}: {(said.out + said.err).strip()[-300:]}"
    if not fault and archive.name not in said.err:
        fault = f"does not name the archive: {said.err.strip()}"
    if left != [archive.name, "scratch"]:
        fault = f"left {left[:5]}; {fault}"
    if os.path.lexists(case.folder.parent / "outside.wav"):
        fault = "wrote outside"
    if not fault:
        shutil.rmtree(case.folder)
    return fault, seconds
