"""The command `tag`: detect effects without making sound."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from temporal_foley.cli.batch import Job, Report, run_jobs, video_jobs
from temporal_foley.cli.commands.generate import describe
from temporal_foley.cli.console import Console
from temporal_foley.cli.shared import (
    AudioTrack,
    DetectionOptions,
    OutFolder,
    Processes,
    Videos,
    check_processes,
)
from temporal_foley.files.run_record import Progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tag(DetectionOptions):
    """Detect effects and write when they happen, without making sound.

    Each video gets a folder VIDEO.foley with events.tsv and scores.tsv, the probability of each
    effect in each frame.
    """

    videos: Videos
    """Video files, or folders of them."""
    out: OutFolder = None
    """Where the VIDEO.foley folders go. (default: beside each video)"""
    audio_track: AudioTrack = None
    """The sound track to use: its number from 1, or all. (default: the usual one)"""
    jobs: Processes = 1
    """Work on this many videos at a time, each in a process with its share of the cores."""
    overwrite: bool = False
    """Replace an earlier output."""

    def run(self, console: Console) -> int:
        """Tag all videos."""
        check_processes(self.jobs)
        jobs = video_jobs(self.videos, self.out)
        from temporal_foley.files.output import output_folder

        def target(job: Job) -> Path:
            return output_folder(job.path, job.out)

        work = self.worker(console)
        return run_jobs(jobs, console, work, target, worker=self, processes=self.jobs)

    def worker(self, console: Console) -> Callable[[Job, Progress], Report]:
        """Load the model and return the function that tags one video."""
        foley = self.load()
        settings = self.settings(foley.vocabulary)

        def tag(job: Job, progress: Progress) -> Report:
            return describe(
                foley.write_tags(
                    job.path,
                    job.out,
                    settings,
                    audio_track=self.audio_track or "",
                    overwrite=self.overwrite,
                    progress=progress,
                )
            )

        return tag
