"""The command `export`: write sessions and lists for editors."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.batch import Job, Report, cue_list_jobs, run_jobs
from temporal_foley.cli.console import Console
from temporal_foley.cli.formats import read_formats
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import CueLists, File, LibraryFolder, OutFolder
from temporal_foley.errors import UsageError
from temporal_foley.files.run_record import Progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
    """Write sessions and lists for editors from a cue list.

    Every cue becomes a clip over the sound file of its take, to be moved and trimmed. `stems` are
    broadcast WAV files; `csv`, `html`, `foley` and `departments` are lists; `vtt` are captions.
    """

    cues: CueLists
    """Cue lists (cues.json), or folders with them."""
    to: Annotated[tuple[str, ...], Arg(metavar="A,B", commas=True)]
    """Formats, separated by commas: stems, otio, otioz, reaper, aaf, dawproject, fcp7, fcpxml, edl,
    after_effects, markers, pro_tools_markers, audacity, csv, vtt, html, foley, departments, or all;
    or programs, such as premiere, resolve, protools, bitwig."""
    out: OutFolder = None
    """Where they go. (default: the folder export beside the cue list)"""
    video: File = None
    """The video, if it was moved."""
    library: LibraryFolder = None
    """The sound library that the cues were made with, if it was not the built-in one."""
    rate: Annotated[str | None, Arg(metavar="HZ")] = None
    """Frame rate of the edit, such as 23.976. (default: the usual one nearest to the video's)"""
    timecode: Annotated[str | None, Arg(metavar="HH:MM:SS:FF")] = None
    """Timecode of the first picture, with a semicolon before the frames for drop-frame. (default:
    that of the cue list, 01:00:00:00)"""
    handles: Annotated[float, Arg(metavar="SECONDS")] = 1.0
    """How much more of a take its file holds at either end, where there is more."""
    two_pop: bool = False
    """Begin ten seconds before the picture, with a tone of one frame two seconds before it."""
    slate: Annotated[str | None, Arg(metavar="TEXT")] = None
    """Put a marker with this text at the start."""
    embed: bool = False
    """Put the sound into the AAF instead of linking it."""
    overwrite: bool = False
    """Replace earlier sessions and lists."""

    def run(self, console: Console) -> int:
        """Export all cue lists."""
        formats = read_formats(self.to, console)
        jobs = cue_list_jobs(self.cues, self.out)
        if self.video is not None and len(jobs) > 1:
            raise UsageError(f"is one video, for {len(jobs)} cue lists", option="--video")
        from temporal_foley.session.export import ExportSettings, export_cues
        from temporal_foley.session.timecode import parse_rate

        settings = ExportSettings(
            rate=None if self.rate is None else parse_rate(self.rate),
            timecode=self.timecode,
            handles_s=self.handles,
            has_pop=self.two_pop,
            slate=self.slate or "",
            embed=self.embed,
        )

        def export(job: Job, progress: Progress) -> Report:
            outcome = export_cues(
                job.path,
                formats,
                job.out,
                settings,
                video=self.video,
                library=self.library,
                overwrite=self.overwrite,
                progress=progress,
            )
            files = ", ".join(outcome.files)
            return Report(f"{files} -> {outcome.folder}", outcome.warnings)

        return run_jobs(jobs, console, export)


def one_cue_list(path: Path) -> Path:
    """Return the cue list that a path is, or that is in the folder it is."""
    jobs = cue_list_jobs([path], None)
    if len(jobs) > 1:
        raise UsageError(f"{len(jobs)} cue lists in this folder", path=path, remedy="give one")
    return jobs[0].path
