"""A disk that is full, or may not be written any more, in the middle of the work.

The command ends with an exit code and one line that names the path, leaves nothing half-written
under a final name, and does all of it when it is given again. The disk is full either by a limit
on the size of files, which C code meets too, or at the n-th time that something is made or moved;
the latter is also how permission is lost.
"""

import contextlib
import dataclasses
import errno
import importlib
import os
import resource
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.campaigns import Failure, Result
from tests.campaigns.confinement import Kit
from tests.campaigns.confinement import prepare as make_kit
from tests.campaigns.spoken import Spoken, speak
from tests.campaigns.watchdog import answers

POINTS = (
    ("generate", "size"),
    ("export", "size"),
    ("library add", "size"),
    ("generate", "space"),
    ("export", "permission"),
    ("library add", "permission"),
    ("generate", "permission"),
    ("render", "size"),
    ("prepare", "space"),
    ("train", "space"),
)
"""What is done, and what runs out."""
QUICK = tuple(number for number, (work, _) in enumerate(POINTS) if work not in ("prepare", "train"))
FULL = 40
_ERRORS = {"space": errno.ENOSPC, "permission": errno.EACCES}
_SMALLEST_BYTES = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One point of failure."""

    number: int
    seed: int
    folder: Path

    @property
    def work(self) -> str:
        return POINTS[self.number % len(POINTS)][0]

    @property
    def runs_out(self) -> str:
        return POINTS[self.number % len(POINTS)][1]


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Let the disk fail once a case, and give the command again."""
    folder = folder.resolve()
    tasks = [Case(number=number, seed=seed, folder=folder) for number in cases]
    failures, ends = [], {}
    for case, answer in answers(attempt, tasks, workers=1, limit_s=300.0):
        what, fault, end = answer.value or ("", "", "")
        ends[end] = ends.get(end, 0) + 1
        if fault := answer.fault or fault:
            what = what or f"{case.work}, {case.runs_out}"
            failures.append(Failure(case=case.number, what=what, came=fault))
    return Result(count=len(tasks), failures=failures, figures=ends)


@dataclasses.dataclass
class _Disk:
    """Counts what is made and moved below a folder, and fails one time if it is told to."""

    folder: str = ""
    count: int = 0
    fail_at: int = 0
    error: int = 0


_disk = _Disk()
_WRITES = os.O_WRONLY | os.O_RDWR


def _listen(event: str, words: tuple) -> None:
    if not _disk.folder or event not in ("open", "os.mkdir", "os.rename", "os.link"):
        return
    path = words[1] if event == "os.rename" else words[0]
    if not isinstance(path, str | bytes | os.PathLike):
        return
    path = os.path.abspath(os.fsdecode(path))
    if not path.startswith(_disk.folder):
        return
    if event == "open" and not (isinstance(words[2], int) and words[2] & _WRITES):
        return
    _disk.count += 1
    # From then on nothing can be written, but what is there can be removed.
    if _disk.fail_at and _disk.count >= _disk.fail_at:
        raise OSError(_disk.error, os.strerror(_disk.error), path)


@contextlib.contextmanager
def _failing(folder: Path, fail_at: int = 0, error: int = 0, size: int = 0) -> Iterator[_Disk]:
    if not hasattr(sys, "_foley_disk"):
        sys.addaudithook(_listen)
        sys._foley_disk = True
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    _disk.folder, _disk.count, _disk.fail_at, _disk.error = str(folder), 0, fail_at, error
    if size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield _disk
    finally:
        _disk.folder = ""
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def attempt(case: Case) -> tuple[str, str, str]:
    """Fail once and go on; returns what was done, what was wrong, and how it ended."""
    kit = Kit(folder=case.folder / "kit")
    if not kit.folder.exists() and (fault := make_kit((-1, case.folder))):
        return "the good inputs", fault, ""
    importlib.import_module("tests.campaigns.media").warm_up()
    whole = case.folder / f"whole {case.work}"
    events_file = case.folder / f"{case.work}.count"
    if not events_file.exists():
        _given(case.work, whole, kit)
        with _failing(whole) as disk:
            said = _do(case.work, whole, kit)
        if said.code:
            return case.work, f"fails on a good disk: {said.err}", ""
        events_file.write_text(str(disk.count))
    events, sizes = int(events_file.read_text()), _files(whole / "out")
    rng = np.random.default_rng([case.seed, case.number])
    place = case.folder / f"case-{case.number}"
    if case.runs_out == "size":
        largest = max(sizes.values())
        size = round(_SMALLEST_BYTES * (0.9 * largest / _SMALLEST_BYTES) ** rng.random())
        what, how = f"{case.work}, files of up to {size} bytes", {"size": size}
    else:
        number = int(rng.integers(1, events + 1))
        what = f"{case.work}, no {case.runs_out} from event {number} of {events} on"
        how = {"fail_at": number, "error": _ERRORS[case.runs_out]}
    _given(case.work, place, kit)
    with _failing(place, **how):
        said = _do(case.work, place, kit)
    fault = _fault(case.work, said, place, sizes)
    end = "went on all the same" if said.code == 0 else "told, and done the second time"
    again = _do(case.work, place, kit) if said.code else said
    if again.code:
        fault = fault or f"the second time: exit code {again.code}: {again.err.strip()[-300:]}"
    elif set(_files(place / "out")) != set(sizes):
        odd = sorted(set(_files(place / "out")) ^ set(sizes))
        fault = fault or f"the second time {odd[:4]} differ"
    if not fault:
        shutil.rmtree(place)
    return what, fault, end


def _fault(work: str, said: Spoken, place: Path, sizes: dict[str, int]) -> str:
    out = place / "out"
    left = _files(out)
    if said.code == 0:
        return "" if set(left) == set(sizes) else f"exit code 0 with {sorted(left)[:4]}"
    if "Traceback" in said.err + said.out:
        return "a traceback: " + (said.err + said.out).strip().splitlines()[-1]
    if str(place) not in said.err:
        return f"names no path: {said.err.strip()[-300:]}"
    if work in ("prepare", "train"):
        return ""
    if said.fault:
        return said.fault
    if hidden := [name for name in left if ".part" in name]:
        return f"left {hidden[:3]}"
    # Sounds that were copied whole stay, to be found again; the catalogue is what makes them count.
    final = [name for name in left if work != "library add" or name.endswith("library.tsv")]
    if work == "render":
        final = [name for name in final if not name.endswith("cues.json")]
    return f"left {final[:4]}" if final else ""


def _given(work: str, place: Path, kit: Kit) -> None:
    place.mkdir(exist_ok=True)
    if work in ("prepare", "train"):
        importlib.import_module("tests.campaigns.kills").GIVEN[work](place)


def _do(work: str, place: Path, kit: Kit) -> Spoken:
    """Do the work, with all that it writes below `out` of a place."""
    out = place / "out"
    words = {
        "generate": ["generate", kit.video, "--out", str(out)],
        "export": ["export", kit.cues, "--to", "all", "--out", str(out)],
        "render": ["render", kit.cues, "--video", kit.video, "--out", str(out)],
        "library add": ["library", "add", kit.sounds, "--to", str(out), "--no-listen"],
    }.get(work)
    if words is not None:
        return speak(words)
    command: Callable[[Path], int] = importlib.import_module("tests.campaigns.kills").WORKS[work]
    return speak([], lambda _: command(place))


def _files(folder: Path) -> dict[str, int]:
    if not folder.exists():
        return {}
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }
