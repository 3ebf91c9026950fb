"""Kill the program somewhere in its work; the next run must end as if nothing had happened.

Case `k` kills, in turn, `generate`, `generate` over an edited cue list, `library add`, `prepare
build` and training. The moment is the n-th time that the program opens, makes, moves or removes a
file below its folder, at once or some while after, so that a case strikes the same moment again.
Every fifth training gets SIGTERM, which it must answer by saving.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import mmap
import os
import random
import shutil
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.campaigns.driver import Campaign, Trial
from tests.campaigns.failures.works import GIVEN, WORKS, Work

LOG_EVERY = 5
STOPPED_S = 10.0
_LIMIT_S = 600.0
_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")


@dataclasses.dataclass(frozen=True)
class Strike:
    """When a process is struck, and by what; `when` gets the time of it, in seconds."""

    number: int
    """Of the file event."""
    delay_s: float
    by: signal.Signals
    when: mmap.mmap

    def fall(self) -> None:
        """Strike this process."""
        self.when[:8] = struct.pack("d", time.monotonic())
        os.kill(os.getpid(), self.by)


def attempt(trial: Trial) -> None:
    """Kill a work, run it again, and compare the result with that of a run that nobody killed.

    Works are forked from this watched process, which runs none itself.
    """
    kind = list(WORKS)[trial.number % len(WORKS)]
    given, events, seconds, wanted = _whole(kind, trial.shared / kind)
    rng = random.Random(f"{trial.seed} {trial.number}")
    place = trial.shared / kind / "killed"  # always the same, for results name their place
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(given, place)
    number = rng.randint(1, events)
    delay_s = rng.choice((0.0, rng.expovariate(10 / seconds)))
    by = signal.SIGTERM if kind == "train" and rng.random() < 0.2 else signal.SIGKILL
    trial.what = f"{kind}, {by.name} {delay_s:.3f} s after file event {number} of {events}"
    trial.counts[f"{kind} killed"] += 1
    when = mmap.mmap(-1, 8)
    code = _forked(WORKS[kind], place, strike=Strike(number, delay_s, by, when))
    (struck_s,) = struct.unpack("d", when[:8])
    if by == signal.SIGTERM and struck_s:
        trial.most["seconds from SIGTERM to the end"] = time.monotonic() - struck_s
        if time.monotonic() - struck_s > STOPPED_S:
            trial.faults.append(f"ended {time.monotonic() - struck_s:.1f} s after SIGTERM")
    ends = (0, 143, -signal.SIGTERM) if by == signal.SIGTERM else (0, -signal.SIGKILL)
    if code not in ends:
        trial.faults.append(f"{by.name}: ended with {code}")
    if (place / "clip.foley").exists() and not (place / "clip.foley" / "run.json").is_file():
        trial.faults.append("an unfinished folder has the final name")
    sealed, logged = _sealed_step(place), _last_logged(place)
    again = _forked(WORKS[kind], place)
    if kind == "train":
        restored = _restored(place)
        trial.most["steps of training lost"] = max(0, logged - restored)
        if restored < sealed:
            trial.faults.append(f"step {sealed} was saved and step {restored} was restored")
    if again not in (0, 3):
        trial.faults.append(f"the next run ended with {again}")
    if (found := STATES[kind](place)) != wanted:
        trial.faults.append(f"another result: {_difference(found, wanted)}")
    if trial.faults:
        place.rename(trial.folder / "killed")


@functools.cache
def _whole(kind: str, folder: Path) -> tuple[Path, int, float, Any]:
    """Return what a run that nobody kills takes and leaves: file events, seconds, the result."""
    (folder / "given").mkdir(parents=True)
    if _forked(GIVEN[kind], folder / "given"):
        raise AssertionError((folder / "output.txt").read_text()[-2000:])
    shutil.copytree(folder / "given", folder / "whole")
    counter = mmap.mmap(-1, 8)
    began = time.perf_counter()
    code = _forked(WORKS[kind], folder / "whole", counter=counter)
    seconds = time.perf_counter() - began
    if code != 0:
        written = (folder / "output.txt").read_text()[-2000:]
        raise AssertionError(f"{kind}: a run that nobody killed ended with {code}: {written}")
    (events,) = struct.unpack("q", counter[:8])
    return folder / "given", events, seconds, STATES[kind](folder / "whole")


def _forked(
    work: Work,
    place: Path,
    *,
    strike: Strike | None = None,
    counter: mmap.mmap | None = None,
) -> int:
    """Do a work in a process of its own; returns its exit code, below zero for a signal."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        code = 70
        try:
            nothing = os.open(place.parent / "output.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            if strike is not None or counter is not None:
                sys.addaudithook(_watcher(place, strike, counter))
            code = work(place)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    deadline = time.monotonic() + _LIMIT_S
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def _watcher(
    place: Path, strike: Strike | None, counter: mmap.mmap | None
) -> Callable[[str, tuple], None]:
    """Return an audit hook that counts what is done to files, and strikes when it is time."""
    below, seen = str(place), 0
    lock = threading.Lock()

    def watch(event: str, words: tuple) -> None:
        nonlocal seen
        if event not in _EVENTS or not str(words[0]).startswith(below):
            return
        if event == "open" and not (isinstance(words[2], int) and words[2] & os.O_CREAT):
            return
        with lock:
            seen += 1
            number = seen
        if counter is not None:
            counter[:8] = struct.pack("q", number)
        if strike is not None and number == strike.number:
            if strike.delay_s == 0.0:
                strike.fall()
            else:
                timer = threading.Timer(strike.delay_s, strike.fall)
                timer.daemon = True
                timer.start()

    return watch


def _files(folder: Path) -> dict[str, str]:
    """Return the hash of every file; of `run.json` without what time it took and where it is."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.name == "run.json":
            document = json.loads(content)
            for name in ("seconds", "source"):
                document.pop(name, None)
            content = json.dumps(document).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def _built(place: Path) -> Any:
    from data_pipeline.prepare.built import check_manifest, records_digest

    (folder,) = (place / "out").glob("stills/*/*")
    check_manifest(folder)
    names = sorted(path.name for path in folder.iterdir())
    return names, records_digest(folder), sorted(path.name for path in (place / "out").iterdir())


def _trained(place: Path) -> Any:
    rows = [json.loads(line) for line in (place / "run" / "log.jsonl").read_text().splitlines()]
    # Not the mean loss since the last row: a run that was asked to stop has a row more.
    names = ("clip_loss", "frame_loss", "grad_norm")
    losses = {
        row["step"]: [row[name] for name in names]
        for row in rows
        if "loss" in row and row["step"] % LOG_EVERY == 0
    }
    bundle = place / "run" / "bundle"
    return {"losses": losses, "bundle": (bundle / "manifest.json").read_text()}


def _apart(judge: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Judge in a process of its own, so that this one loads nothing that cannot be forked."""

    def asked(place: Path) -> Any:
        def write(place: Path) -> int:
            (place.parent / "state.json").write_text(json.dumps(judge(place)))
            return 0

        (place.parent / "state.json").unlink(missing_ok=True)
        _forked(write, place)
        with contextlib.suppress(OSError):
            return json.loads((place.parent / "state.json").read_text())
        return (place.parent / "output.txt").read_text()[-300:]

    return asked


STATES: dict[str, Callable[[Path], Any]] = {
    "generate": _files,
    "regenerate": _files,
    "library": _files,
    "prepare": _apart(_built),
    "train": _apart(_trained),
}


def _sealed_step(place: Path) -> int:
    steps = [int(path.parent.name) for path in (place / "run" / "last").glob("*/sha256.json")]
    return max(steps, default=0)


def _last_logged(place: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        lines = (place / "run" / "log.jsonl").read_text().splitlines()
        return max((json.loads(line)["step"] for line in lines), default=0)
    return 0


def _restored(place: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int((place / "restored.txt").read_text())
    return 0


def _difference(found: Any, wanted: Any) -> str:
    if isinstance(found, dict) and isinstance(wanted, dict):
        odd = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
        return f"{len(odd)} differ, first {odd[0]}" if odd else ""
    return str(found)[-300:]


CAMPAIGN = Campaign(
    attempt=attempt,
    full=200,
    short=(),
    # Generate, over edits, and a library: the others are slower and have tests of their own.
    long=(0, 1, 2, 5, 6, 7),
    watched=True,
    workers=1,
    limit_s=3 * _LIMIT_S,
)
