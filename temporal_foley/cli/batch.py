"""Many videos one after the other: files and folders in, a line told of each, an exit code out."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from temporal_foley.cli.progress import show_progress
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError, one_line
from temporal_foley.files.output import output_folder
from temporal_foley.files.run_record import Progress
from temporal_foley.foley import Outcome
from temporal_foley.timeline import Event

VIDEO_SUFFIXES = [
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".ts",
    ".m2ts",
    ".mts",
    ".3gp",
    ".3g2",
    ".mj2",
    ".mpg",
    ".mpeg",
    ".flv",
    ".wmv",
]
SHOWN_MOST = 6
"""Events, or cues, of a video that are told one by one."""


def find_videos(paths: Sequence[Path], command: str) -> list[Path]:
    """Replace folders by the videos in them, sorted by name."""
    if not paths:
        raise UsageError(f"{command} needs a video; see temporal-foley {command} --help")
    videos: list[Path] = []
    for path in paths:
        if not path.is_dir():
            videos.append(path)
            continue
        try:
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
        if not found:
            raise UsageError(
                f"{path}: holds no video; known endings: {' '.join(sorted(VIDEO_SUFFIXES))}"
            )
        videos.extend(found)
    return videos


def each(videos: Sequence[Path], out: Path | None, one: Callable[[Path, Progress], Outcome]) -> int:
    """Do all videos; a bad one is told and does not stop the rest."""
    failed = finished = 0
    taken: dict[Path, Path] = {}
    for video in videos:
        began = time.perf_counter()
        try:
            folder = output_folder(video, out)
            first = taken.setdefault(folder, video)
            if first != video:
                raise OutputExistsError(
                    f"{video}: {folder} is already for {first.name}; run it alone, with --out DIR"
                )
            with show_progress(video.name) as progress:
                outcome = one(video, progress)
        except FoleyError as error:
            print(f"temporal-foley: {one_line(error)}", file=sys.stderr)
            failed += 1
            continue
        finished += outcome.status == "finished"
        tell(video, outcome, time.perf_counter() - began)
    if len(videos) > 1:
        made = len(videos) - failed - finished
        print(f"{made} made, {finished} finished before, {failed} failed")
    return FoleyError.exit_code if failed else 0


def tell(given: Path, outcome: Outcome, seconds: float) -> None:
    """Tell what was made of a video, and its warnings."""
    name = one_line(given.name)
    for warning in outcome.warnings:
        print(f"temporal-foley: {name}: {one_line(warning)}", file=sys.stderr)
    if outcome.status == "finished":
        print(f"{name}: finished before, in {one_line(outcome.folder)}")
        return
    print(f"{name}: {_summary(outcome)} -> {one_line(outcome.folder)} ({seconds:.1f} s)")
    if outcome.changes is not None:
        print(f"{name}: {outcome.changes}")


def _summary(outcome: Outcome) -> str:
    """Say what was found in one line: the first events, and how many cues came of all."""
    if outcome.events is None:
        return _cues(outcome.cues)
    if not outcome.events:
        return "nothing to hear was found"
    shown = [_event_text(event) for event in outcome.events[:SHOWN_MOST]]
    if len(outcome.events) > SHOWN_MOST:
        shown.append(f"{len(outcome.events) - SHOWN_MOST} more")
    found = ", ".join(shown)
    return found if outcome.cues is None else f"{found}: {_cues(outcome.cues)}"


def _cues(count: int | None) -> str:
    return "1 cue" if count == 1 else f"{count} cues"


def _event_text(event: Event) -> str:
    return f"{event.effect} {event.onset:.2f}-{event.offset:.2f} s"
