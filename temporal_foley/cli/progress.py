"""Progress for people: stage names and parts done in, a live line or a few plain ones out."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from temporal_foley.files.run_record import Progress

PLAIN_INTERVAL_S = 10.0
"""Where there is no terminal, at most one line in so many seconds."""

STAGE_WORDS = {
    "probe": "reading",
    "look": "looking",
    "cast": "casting",
    "lay up": "laying up sound",
    "mux": "writing the video",
    "draw": "drawing the overview",
}


@contextmanager
def show_progress(title: str) -> Iterator[Progress]:
    """Show how far each stage of one run is, with the time that is left, on standard error."""
    if sys.stderr.isatty():
        yield from _live(title)
    else:
        yield _plain(title)


def _live(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.fields[title]}", markup=False),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, part: float) -> None:
            if stage not in tasks:
                words = STAGE_WORDS.get(stage, stage)
                tasks[stage] = shown.add_task(words, total=1.0, title=title)
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
        left = (now - start) * (1.0 - part) / part
        words = STAGE_WORDS.get(stage, stage)
        print(f"{title}: {words} {part:.0%}, {left:.0f} s left", file=sys.stderr, flush=True)

    return report
