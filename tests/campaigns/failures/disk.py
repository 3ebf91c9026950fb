"""Fill the disk, or withdraw its permission, in the middle of the work.

The command ends with an exit code and one line that names the path, leaves nothing half-written
under a final name, and does all of it when it is given again. The disk is full either by a limit
on the size of files, which C code meets too, or at the n-th time that something is made or moved;
the latter is also how permission is lost.
"""

import contextlib
import dataclasses
import errno
import functools
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.campaigns.command_run import CommandRun, run_command
from tests.campaigns.driver import Campaign, Trial
from tests.campaigns.failures.works import GIVEN, WORKS
from tests.campaigns.inputs.confinement import good_inputs, prepare
from tests.campaigns.media.damaged_media import warm_up

COMMANDS = {
    "generate": "generate {video} --out {out}",
    "export": "export {cues} --to all --out {out}",
    "render": "render {cues} --video {video} --out {out}",
    "library add": "library add {sounds} --to {out} --no-listen",
}
POINTS = (
    *(("generate", "size"), ("export", "size"), ("library add", "size"), ("generate", "space")),
    *(("export", "permission"), ("library add", "permission"), ("generate", "permission")),
    *(("render", "size"), ("prepare", "space"), ("train", "space")),
)
"""What is done, and what runs out."""
_ERRORS = {"space": errno.ENOSPC, "permission": errno.EACCES}
_SMALLEST_BYTES = 200


@dataclasses.dataclass
class _Disk:
    """Counts what is made and moved below a folder; can fail from one of these events on."""

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


def attempt(trial: Trial) -> None:
    """Fail once, and give the command again."""
    work, runs_out = POINTS[trial.number % len(POINTS)]
    events, sizes = _whole(work, trial.shared)
    rng, place = trial.rng, trial.folder
    if runs_out == "size":
        largest = max(sizes.values())
        size = round(_SMALLEST_BYTES * (0.9 * largest / _SMALLEST_BYTES) ** rng.random())
        trial.what, how = f"{work}, files of up to {size} bytes", {"size": size}
    else:
        number = int(rng.integers(1, events + 1))
        trial.what = f"{work}, no {runs_out} from event {number} of {events} on"
        how = {"fail_at": number, "error": _ERRORS[runs_out]}
    _give(work, place)
    with _failing(place, **how):
        run = _do(work, place, trial.shared / "kit")
    fault = _fault(work, run, place, sizes)
    trial.faults += [fault] if fault else []
    trial.counts["went on all the same" if run.code == 0 else "reported, then done"] += 1
    again = _do(work, place, trial.shared / "kit") if run.code else run
    if again.code:
        trial.faults.append(f"the second time: exit code {again.code}: {again.err.strip()[-300:]}")
    else:
        left = set(_files(place / "out"))
        trial.expect("differing files the second time", [], sorted(left ^ set(sizes))[:4])


@functools.cache
def _whole(work: str, shared: Path) -> tuple[int, dict[str, int]]:
    """Return the file events and the files of the work on a good disk."""
    place = shared / f"whole {work}"
    _give(work, place)
    with _failing(place) as disk:
        run = _do(work, place, shared / "kit")
    if run.code:
        raise AssertionError(f"fails on a good disk: {run.err}")
    return disk.count, _files(place / "out")


def _fault(work: str, run: CommandRun, place: Path, sizes: dict[str, int]) -> str:
    out = place / "out"
    left = _files(out)
    if run.code == 0:
        return "" if set(left) == set(sizes) else f"exit code 0 with {sorted(left)[:4]}"
    if "Traceback" in run.err + run.out:
        return "a traceback: " + (run.err + run.out).strip().splitlines()[-1]
    if str(place) not in run.err:
        return f"names no path: {run.err.strip()[-300:]}"
    if work in ("prepare", "train"):
        return ""
    if run.fault:
        return run.fault
    if hidden := [name for name in left if ".part" in name]:
        return f"left {hidden[:3]}"
    # Sounds that were copied whole stay, to be found again; only the catalogue makes them count.
    final = [name for name in left if work != "library add" or name.endswith("library.tsv")]
    if work == "render":
        final = [name for name in final if not name.endswith("cues.json")]
    return f"left {final[:4]}" if final else ""


def _give(work: str, place: Path) -> None:
    place.mkdir(exist_ok=True)
    if work in GIVEN and work not in COMMANDS:
        GIVEN[work](place)


def _do(work: str, place: Path, kit: Path) -> CommandRun:
    """Do the work, which writes below `out` of a place."""
    if work not in COMMANDS:
        return run_command([], lambda _: WORKS[work](place))
    values = {**good_inputs(kit), "out": str(place / "out")}
    return run_command([word.format(**values) for word in COMMANDS[work].split()])


def _files(folder: Path) -> dict[str, int]:
    if not folder.exists():
        return {}
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }


_SLOW = [number for number, (work, _) in enumerate(POINTS) if work not in COMMANDS]
CAMPAIGN = Campaign(
    attempt=attempt,
    full=40,
    short=[number for number in range(len(POINTS)) if number not in _SLOW],
    long=_SLOW,
    prepare=prepare,
    warm_up=warm_up,
    watched=True,
    workers=1,
    limit_s=300.0,
)
