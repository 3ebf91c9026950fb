"""Print what a command reports: results, warnings, errors and progress."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from temporal_foley.errors import one_line
from temporal_foley.files.run_record import Progress

PLAIN_INTERVAL_S = 10.0
"""Without a terminal, progress prints at most one line in this time."""

STAGES = {
    "probe": "reading",
    "detect": "detecting",
    "align": "aligning",
    "cast": "choosing sounds",
    "render": "rendering",
    "mux": "writing the video",
    "draw": "drawing the overview",
    "review": "writing the review page",
    "sign": "signing",
    "measure": "measuring",
}


class Console:
    """Results go to standard output; everything else goes to standard error."""

    def print(self, text: object = "") -> None:
        """Print a line of a result, with its indentation."""
        line = str(text)
        print(" " * (len(line) - len(line.lstrip(" "))) + one_line(line))

    def table(self, rows: Sequence[Sequence[object]]) -> None:
        """Print rows in aligned columns; columns of numbers are aligned to the right."""
        texts = []
        for cells in zip(*rows, strict=True):
            column = ["" if cell is None else str(cell) for cell in cells]
            width = max(map(len, column))
            is_number = all(cell[:1] in "-0123456789" for cell in column[1:])
            texts.append([cell.rjust(width) if is_number else cell.ljust(width) for cell in column])
        for row in zip(*texts, strict=True):
            self.print("  " + "  ".join(row).rstrip())

    def note(self, text: object) -> None:
        """Print what may be good to know."""
        print(f"note: {one_line(text)}", file=sys.stderr)

    def warn(self, text: object) -> None:
        """Print what may be wrong with a result."""
        print(f"warning: {one_line(text)}", file=sys.stderr)

    def error(self, text: object) -> None:
        """Print why something was not done."""
        print(f"error: {one_line(text)}", file=sys.stderr)

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """Show how far each stage of a run is, with elapsed and remaining time."""
        if sys.stderr.isatty():
            yield from _live(one_line(title))
        else:
            yield _plain(one_line(title))


def _live(title: str) -> Iterator[Progress]:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.fields[title]}", markup=False),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        # It moves while a network compiles, when nothing else does.
        TimeElapsedColumn(),
        TextColumn("elapsed,", markup=False),
        TimeRemainingColumn(),
        TextColumn("left", markup=False),
    )
    with RichProgress(*columns, console=RichConsole(stderr=True), transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, part: float) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(STAGES.get(stage, stage), total=1.0, title=title)
            shown.update(tasks[stage], completed=part, visible=part < 1.0)

        yield report


def _plain(title: str) -> Progress:
    began: dict[str, float] = {}
    last = time.monotonic()

    def report(stage: str, part: float) -> None:
        nonlocal last
        now = time.monotonic()
        start = began.setdefault(stage, now)
        if now - last < PLAIN_INTERVAL_S or not 0.0 < part < 1.0:
            return
        last = now
        elapsed = now - start
        print(
            f"{title}: {STAGES.get(stage, stage)} {part:.0%}, {elapsed:.0f} s elapsed, "
            f"{elapsed * (1.0 - part) / part:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    return report
