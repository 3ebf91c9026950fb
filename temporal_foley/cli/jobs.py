"""Describe the files that a command works on, and what becomes of each."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from temporal_foley.cli.console import Console
from temporal_foley.errors import FoleyError
from temporal_foley.files.run_record import Progress


class Job(NamedTuple):
    """One file to work on, and the folder for what is made of it."""

    path: Path
    out: Path | None


class Report(NamedTuple):
    """What a command prints about one file."""

    text: str
    warnings: Sequence[str] = ()
    more: Sequence[str] = ()
    """Further lines."""
    is_new: bool = True
    """Whether anything was written."""


class Outcome(NamedTuple):
    """What became of a file: a report or an error, and the lines that were printed meanwhile."""

    job: Job
    report: Report | None = None
    error: FoleyError | None = None
    lines: Sequence[tuple[str, str]] = ()


@runtime_checkable
class FileWorker(Protocol):
    """A command that can be run for one file; it is copied to each process."""

    def worker(self, console: Console) -> Callable[[Job, Progress], Report]:
        """Return the function that does the work for a file."""
        ...
