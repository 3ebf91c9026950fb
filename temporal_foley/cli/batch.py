"""Find the files that a command is given, and run it for each of them."""

import contextlib
import os
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from pathlib import Path

from temporal_foley.cli.console import Console
from temporal_foley.cli.jobs import FileWorker, Job, Outcome, Report
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError, one_line
from temporal_foley.files.output import VIDEO_SUFFIXES
from temporal_foley.files.run_record import Progress

CUES_FILE = "cues.json"
OUTPUT_SUFFIX = ".foley"


def video_jobs(paths: Sequence[Path], out: Path | None) -> list[Job]:
    """Return the videos that are given or are in given folders, at any depth.

    Below `out` the folders are those of the videos, so that files of one name do not meet there.
    """
    jobs: list[Job] = []
    folders = [path.absolute() for path in paths if path.is_dir()]
    # Of several folders, such as the cards of one camera, their own names count too.
    root = os.path.commonpath(folders) if folders else ""
    for path in paths:
        if not path.is_dir():
            jobs.append(Job(path, out))
            continue
        found = sorted(_walk(path, VIDEO_SUFFIXES))
        if not found:
            endings = " ".join(sorted(VIDEO_SUFFIXES))
            raise UsageError(
                "no video in this folder", path=path, remedy=f"known endings are {endings}"
            )
        for video in found:
            jobs.append(Job(video, out and out / os.path.relpath(video.parent.absolute(), root)))
    return jobs


def cue_list_jobs(paths: Sequence[Path], out: Path | None) -> list[Job]:
    """Return the cue lists that are given or are in given folders, at any depth."""
    jobs: list[Job] = []
    for path in paths:
        if not path.is_dir():
            jobs.append(Job(path, out))
        elif (path / CUES_FILE).is_file():
            jobs.append(Job(path / CUES_FILE, out))
        else:
            found = sorted(folder / CUES_FILE for folder in path.rglob(f"*{OUTPUT_SUFFIX}"))
            found = [cues for cues in found if cues.is_file()]
            if not found:
                raise UsageError(
                    f"no {CUES_FILE} in this folder",
                    path=path,
                    remedy="make one with temporal-foley generate VIDEO",
                )
            jobs += [Job(cues, out and out / cues.parent.relative_to(path)) for cues in found]
    return jobs


def run_jobs(
    jobs: Sequence[Job],
    console: Console,
    run: Callable[[Job, Progress], Report],
    target: Callable[[Job], Path] | None = None,
    *,
    worker: FileWorker | None = None,
    processes: int = 1,
) -> int:
    """Run a command for each file; one that fails does not stop the rest.

    Args:
        jobs: The files.
        console: Where to report.
        run: Does the work.
        target: Returns the folder of a job's output, which may not be that of another job.
        worker: The command, for more than one process; `run` is what its `worker` returns.
        processes: How many files to work on at a time.

    Returns:
        The exit code.
    """
    began = time.perf_counter()
    made = failed = 0
    outcomes = (
        _one_by_one(jobs, console, run, target)
        if worker is None or processes == 1 or len(jobs) == 1
        else _at_a_time(jobs, console, worker, processes, target)
    )
    # Closed before anything else happens, so that no process outlives an interrupted run.
    with contextlib.closing(outcomes):
        for outcome, took_s in outcomes:
            name = _name(outcome.job, jobs)
            if outcome.error is not None:
                console.error(outcome.error)
                failed += 1
            if outcome.report is None:
                continue
            report = outcome.report
            made += report.is_new
            for warning in report.warnings:
                console.warn(f"{name}: {warning}")
            seconds = f" ({took_s:.1f} s)" if report.is_new else ""
            console.print(f"{name}: {report.text}{seconds}")
            for line in report.more:
                console.print(f"{name}: {line}")
    if len(jobs) > 1:
        unchanged = len(jobs) - made - failed
        console.print(
            f"{len(jobs)} files: {made} made, {unchanged} unchanged, {failed} failed "
            f"({time.perf_counter() - began:.1f} s)"
        )
    return FoleyError.exit_code if failed else 0


def _one_by_one(
    jobs: Sequence[Job],
    console: Console,
    run: Callable[[Job, Progress], Report],
    target: Callable[[Job], Path] | None,
) -> Generator[tuple[Outcome, float], None, None]:
    """Run a command for each file in this process."""
    taken: dict[Path, Path] = {}
    for number, job in enumerate(jobs, 1):
        start = time.perf_counter()
        name = _name(job, jobs)
        title = f"{number} of {len(jobs)} {name}" if len(jobs) > 1 else name
        try:
            _take(job, target, taken)
            with console.progress(title) as progress:
                outcome = Outcome(job, report=run(job, progress))
        except UsageError:
            raise
        except FoleyError as error:
            outcome = Outcome(job, error=error)
        yield outcome, time.perf_counter() - start


def _at_a_time(
    jobs: Sequence[Job],
    console: Console,
    worker: FileWorker,
    processes: int,
    target: Callable[[Job], Path] | None,
) -> Generator[tuple[Outcome, float], None, None]:
    """Run a command for several files at a time, and print what it printed when one is done."""
    # Imported here: it takes as long as all else of the command line.
    from temporal_foley.cli.parallel import run_in_processes

    taken: dict[Path, Path] = {}
    free: list[Job] = []
    for job in jobs:
        try:
            _take(job, target, taken)
            free.append(job)
        except FoleyError as error:
            yield Outcome(job, error=error), 0.0
    with contextlib.closing(run_in_processes(worker, free, processes)) as outcomes:
        for outcome, took_s in outcomes:
            for kind, line in outcome.lines:
                (console.warn if kind == "warn" else console.note)(line)
            yield outcome, took_s


def _take(job: Job, target: Callable[[Job], Path] | None, taken: dict[Path, Path]) -> None:
    """Note the folder of a job's output; raise if it is that of another job."""
    first = job.path if target is None else taken.setdefault(target(job), job.path)
    if first != job.path:
        raise OutputExistsError(
            f"its output folder is already that of {first.name}",
            path=job.path,
            remedy="run it alone, with --out DIR",
        )


def _name(job: Job, jobs: Sequence[Job]) -> str:
    """Return the shortest name of a file that is not another's too."""
    is_unique = sum(other.path.name == job.path.name for other in jobs) == 1
    return one_line(job.path.name if is_unique or len(jobs) == 1 else job.path)


def _walk(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Yield the files with some suffixes in a folder, without hidden ones and earlier outputs."""

    def fail(error: OSError) -> None:
        raise UsageError(f"cannot be read ({error.strerror})", path=error.filename or folder)

    for here, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [f for f in folders if not f.startswith(".") and not f.endswith(OUTPUT_SUFFIX)]
        for name in files:
            stem, suffix = os.path.splitext(name)
            if (
                suffix.lower() in suffixes
                and not name.startswith(".")
                and (not stem.endswith(OUTPUT_SUFFIX))
            ):
                yield Path(here) / name
