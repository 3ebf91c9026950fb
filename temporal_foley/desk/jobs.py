"""Run long work one piece after the other in a thread, and report how far each is."""

import dataclasses
import itertools
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from temporal_foley.errors import FoleyError, one_line
from temporal_foley.files.run_record import Progress

KEPT_JOBS = 50
"""Finished jobs that are remembered."""


class Stopped(FoleyError):
    """The desk is being closed; what was being made is dropped."""


@dataclasses.dataclass(kw_only=True)
class DeskJob:
    """One piece of work: an analysis, a rendering or an export."""

    id: int
    kind: Literal["generate", "render", "export"]
    name: str
    """What it is about, for display."""
    project: str | None
    """The project that it belongs to; None if it makes one."""
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    stage: str = ""
    part: float = 0.0
    seconds: float = 0.0
    error: str = ""
    result: dict[str, Any] = dataclasses.field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the job as plain data."""
        return dataclasses.asdict(self)


Work = Callable[[Progress], dict[str, Any]]


class Worker:
    """A thread that works through a queue of jobs."""

    def __init__(self) -> None:
        self.jobs: dict[int, DeskJob] = {}
        self._numbers = itertools.count(1)
        self._queue: queue.Queue[tuple[DeskJob, Work] | None] = queue.Queue()
        self._stopped = threading.Event()
        self._thread = self._start()

    def add(self, kind: Any, name: str, project: str | None, work: Work) -> DeskJob:
        """Put work into the queue."""
        job = DeskJob(id=next(self._numbers), kind=kind, name=name, project=project)
        self.jobs[job.id] = job
        finished = [one.id for one in self.jobs.values() if one.state in ("done", "failed")]
        for number in finished[: max(0, len(self.jobs) - KEPT_JOBS)]:
            del self.jobs[number]
        self._queue.put((job, work))
        if not self._thread.is_alive():  # after a fault of this program
            self._thread = self._start()
        return job

    def unfinished(self, kind: str, project: str | None, name: str = "") -> DeskJob | None:
        """Return a job of this kind that is waiting or running."""
        return next(
            (
                job
                for job in list(self.jobs.values())
                if job.state in ("waiting", "running")
                and (job.kind, job.project) == (kind, project)
                and (not name or job.name == name)
            ),
            None,
        )

    def stop(self, wait_s: float) -> bool:
        """Ask for the end of all work; returns whether it ended in time."""
        self._stopped.set()
        self._queue.put(None)
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="desk-jobs", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        while not self._stopped.is_set():
            entry = self._queue.get()
            if entry is None:
                return
            self._do(*entry)

    def _do(self, job: DeskJob, work: Work) -> None:
        began = time.monotonic()
        job.state = "running"

        def progress(stage: str, part: float) -> None:
            if self._stopped.is_set():
                raise Stopped("the desk was closed")
            job.stage, job.part = stage, part
            job.seconds = round(time.monotonic() - began, 1)

        try:
            job.result = work(progress)
            job.state = "done"
        except FoleyError as error:
            job.state, job.error = "failed", one_line(error)
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            job.state, job.error = "failed", one_line(f"{named}{error.strerror or error}")
        except MemoryError:
            job.state, job.error = "failed", "there is not enough memory"
        finally:
            job.seconds = round(time.monotonic() - began, 1)
            if job.state == "running":
                job.state, job.error = "failed", "a fault of the program; the terminal shows it"
