"""Run tasks that may crash, hang or swallow memory: tasks in, an answer to each out.

Each task runs in one of a few processes that live on from task to task, so that what is slow to
load is loaded once. A process that dies, takes too long or grows too large is ended, which is the
answer to its task, and another takes its place.
"""

import collections
import contextlib
import dataclasses
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

LIMIT_S = 30.0
LIMIT_BYTES = 2 << 30
WARM_UP_S = 300.0
_LOOK_S = 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a task: its value, or the fault that ended it; and what it took."""

    value: Any = None
    fault: str = ""
    seconds: float = 0.0
    peak_bytes: int = 0


def answers(
    work: Callable[[Any], Any],
    tasks: Iterable[Any],
    *,
    warm_up: Callable[[], None] | None = None,
    workers: int = 2,
    limit_s: float = LIMIT_S,
    limit_bytes: int = LIMIT_BYTES,
) -> Iterator[tuple[Any, Answer]]:
    """Yield `(task, answer)` as they come; `work` and `warm_up` are functions of a module.

    A task that takes too long is given a second chance, and time that a busy machine spends on
    others is not counted: neither is a fault of its own.
    """
    waiting = collections.deque((task, 1) for task in tasks)
    busy: list[_Worker] = []
    idle: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(work, warm_up)
                worker.give(*waiting.popleft())
                busy.append(worker)
            wait([worker.pipe for worker in busy], timeout=_LOOK_S)
            for worker in list(busy):
                answer = worker.look(limit_s, limit_bytes)
                if answer is None:
                    continue
                busy.remove(worker)
                task, chances = worker.task, worker.chances
                if worker.process.is_alive():
                    idle.append(worker)
                if answer.fault.startswith("no end") and chances:
                    waiting.append((task, chances - 1))
                else:
                    yield task, answer
    finally:
        for worker in [*busy, *idle]:
            worker.end()


class _Worker:
    """A process, and the task that it is at."""

    def __init__(self, work: Callable[[Any], Any], warm_up: Callable[[], None] | None):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work, warm_up), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Any = None
        self.chances = 0
        self.is_warm = False
        self._start_clock()

    def _start_clock(self) -> None:
        self.began = self.looked = time.monotonic()
        self.worked_s, self.waited_s = _worked_s(self.process.pid or 0), 0.0

    def give(self, task: Any, chances: int) -> None:
        self.task, self.chances = task, chances
        self._start_clock()
        with contextlib.suppress(OSError):  # It is dead, which `look` will see.
            self.pipe.send(task)

    def look(self, limit_s: float, limit_bytes: int) -> Answer | None:
        """Return the answer if there is one by now."""
        now = time.monotonic()
        seconds = now - self.began
        if not _wants_to_run(self.process.pid or 0):
            self.waited_s += now - self.looked
        self.looked = now
        try:
            while self.pipe.poll():
                kind, value, peak = self.pipe.recv()
                if kind == "warm":
                    self.is_warm = True
                    self._start_clock()
                    continue
                fault = value if kind == "fault" else ""
                if peak > limit_bytes:
                    fault = f"used {peak / 2**20:.0f} MiB of memory"
                return Answer(
                    value=None if fault else value, fault=fault, seconds=seconds, peak_bytes=peak
                )
        except (EOFError, OSError):
            self.process.join(10)
            return Answer(fault=_death(self.process.exitcode), seconds=seconds)
        if self._is_stuck(limit_s if self.is_warm else WARM_UP_S, seconds):
            self.end()
            return Answer(fault=f"no end after {seconds:.0f} s", seconds=seconds)
        held = _memory(self.process.pid or 0, "VmRSS")
        if held > limit_bytes * 3 // 2:  # Before the machine suffers.
            self.end()
            return Answer(fault=f"used {held / 2**20:.0f} MiB of memory", seconds=seconds)
        return None

    def _is_stuck(self, limit_s: float, seconds: float) -> bool:
        """Tell whether a task takes too long, and not only because the machine is busy."""
        if seconds <= limit_s:
            return False
        worked_s = _worked_s(self.process.pid or 0) - self.worked_s
        return worked_s > limit_s / 2 or self.waited_s > limit_s or seconds > 20 * limit_s

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(
    pipe: Connection, work: Callable[[Any], Any], warm_up: Callable[[], None] | None
) -> None:
    # Whoever stops the campaign stops the parent, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if warm_up is not None:
        warm_up()
    pipe.send(("warm", None, 0))
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        _forget_peak()
        try:
            kind, value = "value", work(task)
        except BaseException:
            kind, value = "fault", traceback.format_exc().strip()
        pipe.send((kind, value, _memory("self", "VmHWM")))


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _memory(process: int | str, field: str) -> int:
    """Return the memory of a process in bytes, as Linux counts it; 0 where it does not."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def _wants_to_run(process: int) -> bool:
    """Tell whether a thread of a process runs, or would if it were let; True where unknown."""
    states = set()
    for path in Path(f"/proc/{process}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            states.add(path.read_text().rpartition(")")[2].split()[0])
    return not states or bool(states & {"R", "D"})


def _worked_s(process: int) -> float:
    """Return the processor time of a process in seconds; that of a wall clock where unknown."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.monotonic()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return f"died by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
