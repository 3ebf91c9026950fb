"""The command `generate`: add effects to videos."""

import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from temporal_foley.cli.batch import Job, Report, run_jobs, video_jobs
from temporal_foley.cli.console import Console
from temporal_foley.cli.formats import read_formats
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import (
    AdvancedNames,
    AudioTrack,
    DetectionOptions,
    LibraryFolder,
    MixOptions,
    Names,
    OutFolder,
    Processes,
    SignOptions,
    Timecode,
    Videos,
    check_processes,
)
from temporal_foley.errors import UsageError, one_line
from temporal_foley.files.run_record import Progress

if TYPE_CHECKING:
    from temporal_foley.media.check import FilmCheck
    from temporal_foley.render import RunResult
    from temporal_foley.timeline import Event

MOST_SHOWN = 6
"""Events that are printed one by one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generate(DetectionOptions, MixOptions, SignOptions):
    """Add effects to videos: stems, a mix, and the video with its new sound.

    Each video gets a folder VIDEO.foley with cues.json, stems, mix.wav, the video, overview.png and
    review.html, a page to listen and edit in. Folders are searched at any depth.
    """

    videos: Videos
    """Video files, or folders of them."""
    out: OutFolder = None
    """Where the VIDEO.foley folders go. (default: beside each video)"""
    library: LibraryFolder = None
    """A sound library of your own, as `library add` makes it. Built-in sounds fill its gaps."""
    allow: AdvancedNames = None
    """Use only sounds of the library under these licences, such as cc0,cc-by."""
    seed: int = 0
    """Another seed chooses other takes."""
    audio_track: AudioTrack = None
    """The sound track to use: its number from 1, or all. (default: the usual one; two mono tracks
    of a camera are left and right)"""
    start_timecode: Timecode = None
    """Timecode of the first picture. (default: the camera's, or 01:00:00:00)"""
    same_name: Annotated[bool, Arg(advanced=True)] = False
    """Name the new video as the source, not VIDEO.foley.mp4."""
    export: Names = None
    """Also write these formats, or those of these programs, into the folder export; see
    `temporal-foley export --help`."""
    jobs: Processes = 1
    """Work on this many videos at a time, each in a process with its share of the cores."""
    overwrite: bool = False
    """Replace an earlier output. Edits in its cues.json are kept."""
    discard_edits: Annotated[bool, Arg(advanced=True)] = False
    """With --overwrite: do not keep edits. The old list stays as cues.before.json."""

    def run(self, console: Console) -> int:
        """Generate all videos, and export them if asked."""
        if self.discard_edits and not self.overwrite:
            raise UsageError("needs --overwrite", option="--discard-edits")
        self.mix_changes()
        check_processes(self.jobs)
        read_formats(self.export, console, "--export")
        jobs = video_jobs(self.videos, self.out)
        generate = self.worker(console)
        # Imported here: everything that a wrong option need not wait for.
        from temporal_foley.files.output import output_folder

        def target(job: Job) -> Path:
            return output_folder(job.path, job.out)

        return run_jobs(jobs, console, generate, target, worker=self, processes=self.jobs)

    def worker(self, console: Console) -> Callable[[Job, Progress], Report]:
        """Load the model and return the function that generates one video."""
        changes = self.mix_changes()
        formats = read_formats(self.export, console, "--export")
        from temporal_foley.files.output import output_folder
        from temporal_foley.session.export import check_sessions, export_cues, missing_formats
        from temporal_foley.timeline import MixSettings

        sign = self.credentials()
        foley = self.load(self.library, self.allow)
        settings = self.settings(foley.vocabulary)

        def generate(job: Job, progress: Progress) -> Report:
            if formats and self.overwrite:
                # Before the list is replaced: it and the session belong together.
                check_sessions(output_folder(job.path, job.out), job.path, formats)
            said: set[str] = set()

            def tell(report: "FilmCheck") -> None:
                """Print what will be kept and what not, before the work."""
                name = one_line(job.path.name)
                for line in (*report.kept, *report.shifted):
                    console.note(f"{name}: {line}")
                for line in (*report.left_out, *report.refused):
                    console.warn(f"{name}: {line}")
                said.update(report.left_out, report.refused, report.shifted)

            outcome = foley.generate(
                job.path,
                job.out,
                settings,
                MixSettings(**changes),
                seed=self.seed,
                audio_track=self.audio_track or "",
                start_timecode=self.start_timecode or "",
                same_name=self.same_name,
                checked=tell,
                sign=sign,
                overwrite=self.overwrite,
                discard_edits=self.discard_edits,
                progress=progress,
            )
            report = describe(outcome)
            report = report._replace(warnings=[w for w in report.warnings if w not in said])
            cues = outcome.folder / "cues.json"
            # Without --overwrite, sessions that may have been edited since are left alone.
            wanted = formats if self.overwrite or not formats else missing_formats(cues, formats)
            if not wanted:
                return report
            exported = export_cues(
                cues,
                wanted,
                video=job.path,
                library=self.library,
                overwrite=self.overwrite,
                progress=progress,
            )
            return report._replace(warnings=(*report.warnings, *exported.warnings))

        return generate


def describe(outcome: "RunResult") -> Report:
    """Say what was made of a video or cue list."""
    if outcome.status == "unchanged":
        return Report(f"unchanged -> {outcome.folder}", outcome.warnings, is_new=False)
    more = () if outcome.changes is None else (outcome.changes,)
    page = outcome.folder / "review.html"
    if page.is_file():
        review = f"temporal-foley review {quoted(outcome.folder)}"
        more = (*more, f"listen and edit in {page}", f"or edit, render and export there: {review}")
    return Report(f"{_summary(outcome)} -> {outcome.folder}", outcome.warnings, more)


def quoted(path: Path) -> str:
    """Return a path as one types it in a terminal."""
    return shlex.quote(str(path))


def _summary(outcome: "RunResult") -> str:
    cues = "1 cue" if len(outcome.cues) == 1 else f"{len(outcome.cues)} cues"
    if outcome.already_heard:
        cues += f", {len(outcome.already_heard)} more already in the original"
    if outcome.events is None:
        return cues
    if not outcome.events:
        return "no effect was found"
    found = [_event(event) for event in outcome.events[:MOST_SHOWN]]
    if len(outcome.events) > MOST_SHOWN:
        found.append(f"{len(outcome.events) - MOST_SHOWN} more")
    return ", ".join(found) if outcome.timeline is None else f"{', '.join(found)}: {cues}"


def _event(event: "Event") -> str:
    return f"{event.effect} {event.onset:.2f}-{event.offset:.2f} s"
