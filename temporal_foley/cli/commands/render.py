"""The command `render`: make stems, mix and video from a cue list."""

import dataclasses
from typing import Annotated

from temporal_foley.cli.batch import Job, Report, cue_list_jobs, run_jobs
from temporal_foley.cli.commands.generate import describe
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import (
    AdvancedNames,
    CueLists,
    File,
    LibraryFolder,
    MixOptions,
    OutFolder,
    SignOptions,
    allowed_licences,
)
from temporal_foley.errors import UsageError
from temporal_foley.files.run_record import Progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class Render(MixOptions, SignOptions):
    """Make stems, mix and video from an edited cue list, without a model.

    Mix options that are not given stay as they are in the cue list.
    """

    cues: CueLists
    """Cue lists (cues.json), or folders with them."""
    out: OutFolder = None
    """Where stems, mix and video go. (default: the folder of the cue list)"""
    video: File = None
    """The video, if it was moved."""
    library: LibraryFolder = None
    """The sound library that the cues were made with, if it was not the built-in one."""
    allow: AdvancedNames = None
    """Refuse sounds under other licences than these, such as cc0,cc-by."""
    same_name: Annotated[bool | None, Arg(advanced=True)] = None
    """Name the new video as the source, not VIDEO.foley.mp4. (default: as the last run did)"""
    overwrite: bool = False
    """Replace earlier stems, mix and video."""

    def run(self, console: Console) -> int:
        """Render all cue lists."""
        allowed, mix = allowed_licences(self.allow), self.mix_changes()
        jobs = cue_list_jobs(self.cues, self.out)
        if self.video is not None and len(jobs) > 1:
            raise UsageError(f"is one video, for {len(jobs)} cue lists", option="--video")
        sign = self.credentials()
        from temporal_foley.render import render_cue_list

        def render(job: Job, progress: Progress) -> Report:
            return describe(
                render_cue_list(
                    job.path,
                    job.out,
                    video=self.video,
                    library=self.library,
                    allowed=allowed,
                    mix_changes=mix,
                    sign=sign,
                    same_name=self.same_name,
                    overwrite=self.overwrite,
                    progress=progress,
                )
            )

        return run_jobs(jobs, console, render)
