"""Run tasks that may crash, hang or take memory, each in a process that is watched.

Tasks run in a few processes that live on from task to task, so that what is slow to load is loaded
once. A process that dies, works too long or grows too large is ended, which is the answer to its
task, and another takes its place.
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
    """Result of a task: its value, or the fault that ended it; time and memory that it took."""

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

    A task may use `limit_s` of processor time, and ten times as long on the clock: time that a busy
    machine spends on others is no fault of its own.
    """
    waiting = collections.deque(tasks)
    busy: list[_Worker] = []
    idle: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(work, warm_up)
                worker.give(waiting.popleft())
                busy.append(worker)
            wait([worker.pipe for worker in busy], timeout=_LOOK_S)
            for worker in list(busy):
                answer = worker.look(limit_s, limit_bytes)
                if answer is None:
                    continue
                busy.remove(worker)
                if worker.process.is_alive():
                    idle.append(worker)
                yield worker.task, answer
    finally:
        for worker in [*busy, *idle]:
            worker.end()


class _Worker:
    """A process, and its current task."""

    def __init__(self, work: Callable[[Any], Any], warm_up: Callable[[], None] | None):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work, warm_up), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Any = None
        self.is_warm = False
        self._start_clock()

    def _start_clock(self) -> None:
        self.began, self.worked_s = time.monotonic(), _worked_s(self.process.pid or 0)

    def give(self, task: Any) -> None:
        self.task = task
        self._start_clock()
        with contextlib.suppress(OSError):  # It is dead, which `look` will see.
            self.pipe.send(task)

    def look(self, limit_s: float, limit_bytes: int) -> Answer | None:
        """Return the answer if there is one by now."""
        seconds = time.monotonic() - self.began
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
        limit_s = limit_s if self.is_warm else WARM_UP_S
        worked_s = _worked_s(self.process.pid or 0) - self.worked_s
        if worked_s > limit_s or seconds > 10 * limit_s:
            self.end()
            return Answer(fault=f"no end after {seconds:.0f} s", seconds=seconds)
        held = _memory(self.process.pid or 0, "VmRSS")
        if held > limit_bytes * 3 // 2:  # Before the machine suffers.
            self.end()
            return Answer(fault=f"used {held / 2**20:.0f} MiB of memory", seconds=seconds)
        return None

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
