"""Run a command for several files at a time, in processes that share the cores."""

import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import signal
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from temporal_foley.cli.console import Console
from temporal_foley.cli.jobs import FileWorker, Job, Outcome, Report
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.files.allocator import return_freed_memory
from temporal_foley.files.cores import limit_cores, usable_cores
from temporal_foley.files.run_record import Progress

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


_END_S = 5.0
"""How long a process may take to clean up when the run is interrupted."""


@dataclasses.dataclass
class _Recorder(Console):
    """Keeps lines for the process that prints them."""

    lines: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def note(self, text: object) -> None:
        """Keep what may be good to know."""
        self.lines.append(("note", str(text)))

    def warn(self, text: object) -> None:
        """Keep what may be wrong with a result."""
        self.lines.append(("warn", str(text)))


@dataclasses.dataclass
class _Running:
    """A process, and the file that it works on."""

    process: Any
    pipe: "Connection"
    job: Job | None = None
    began: float = 0.0


def run_in_processes(
    worker: FileWorker, jobs: Sequence[Job], processes: int
) -> Generator[tuple[Outcome, float], None, None]:
    """Yield what became of each file, and in how many seconds, in the order they are done.

    Each process loads the model once and uses its share of the cores. A process that dies costs
    only the file that it was working on. Closing the iterator ends all of them.
    """
    waiting = list(reversed(jobs))
    processes = min(processes, len(jobs))
    cores = max(1, usable_cores() // processes)
    running: list[_Running] = []
    try:
        while waiting or any(one.job for one in running):
            running = [one for one in running if one.process.is_alive() or one.job]
            while waiting and sum(1 for one in running if one.job) < processes:
                idle = next((one for one in running if not one.job), None)
                if idle is None:
                    idle = _start(worker, cores)
                    running.append(idle)
                idle.job, idle.began = waiting.pop(), time.perf_counter()
                with contextlib.suppress(OSError):  # It has died: noticed below.
                    idle.pipe.send(idle.job)
            yield from _results(running)
    finally:
        _end(running)


def _start(worker: FileWorker, cores: int) -> _Running:
    # Spawned, not forked: libraries have threads.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(worker, there, cores), daemon=True)
    process.start()
    there.close()
    return _Running(process, here)


def _results(running: Sequence[_Running]) -> Iterator[tuple[Outcome, float]]:
    """Wait until a process has a result or is dead, and yield what became of its file."""
    busy = [one for one in running if one.job]
    ready = multiprocessing.connection.wait([one.pipe for one in busy])
    for one in busy:
        if one.pipe not in ready or one.job is None:
            continue
        job, one.job = one.job, None
        try:
            outcome = one.pipe.recv()
        except (EOFError, OSError):
            one.process.join()
            code = one.process.exitcode
            error = FoleyError(
                f"its process ended unexpectedly (exit code {code})",
                path=job.path,
                remedy="run it alone; is there enough memory?",
            )
            outcome = Outcome(job, error=error)
        if isinstance(outcome.error, UsageError):
            raise outcome.error
        yield outcome, time.perf_counter() - one.began


def _end(running: Sequence[_Running]) -> None:
    for one in running:
        # Waits for nothing: between files a process reads its pipe, which ends it too.
        one.pipe.close()
        if one.job:
            one.process.terminate()
    for one in running:
        one.process.join(_END_S)
        if one.process.is_alive():
            one.process.kill()
            one.process.join()


def _work(worker: FileWorker, pipe: "Connection", cores: int) -> None:
    """Work on files until the pipe is closed."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    # Ctrl-C reaches all processes; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, interrupt)
    limit_cores(cores)
    return_freed_memory()
    console = _Recorder()
    run: Callable[[Job, Progress], Report] | None = None
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            job = pipe.recv()
            console.lines.clear()
            try:
                run = run or worker.worker(console)
                outcome = Outcome(job, report=run(job, lambda stage, part: None))
            except FoleyError as error:
                outcome = Outcome(job, error=_plain(error))
            pipe.send(outcome._replace(lines=tuple(console.lines)))


def _plain(error: FoleyError) -> FoleyError:
    """Return an error that can be sent to another process."""
    kind = UsageError if isinstance(error, UsageError) else FoleyError
    return kind(str(error))
