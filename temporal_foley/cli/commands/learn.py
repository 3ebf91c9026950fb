"""The command `learn`: improve a model from edited cue lists."""

import dataclasses
import time
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.batch import cue_list_jobs
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import CueLists, Model
from temporal_foley.errors import FoleyError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learn:
    """Improve a model from cue lists that you edited.

    Fits the last layer of a bundle, its calibration and its thresholds to what was accepted, moved,
    added or rejected. Some videos are held out in turn; the new bundle is written only if it does
    no worse on their edits than the old one.
    """

    edited: CueLists
    """Edited cue lists of at least two videos, or folders with them. The videos must be where they
    were."""
    out: Annotated[Path, Arg(metavar="BUNDLE", short="-o")]
    """Folder of the new bundle."""
    model: Model = None
    """The bundle to improve. (default: foley20)"""
    even_if_worse: bool = False
    """Write the bundle even if it does worse on held-out videos."""
    overwrite: bool = False
    """Replace an earlier bundle."""

    def run(self, console: Console) -> None:
        """Fit the bundle and print how it does before and after."""
        cues = tuple(job.path for job in cue_list_jobs(self.edited, None))
        from temporal_foley.teaching.learn import learn_from_edits

        began = time.perf_counter()
        with console.progress("learn") as progress:
            outcome = learn_from_edits(
                cues,
                self.out,
                model=self.model or "",
                even_if_worse=self.even_if_worse,
                overwrite=self.overwrite,
                done=lambda part: progress("detect", part),
            )
        for warning in outcome.warnings:
            console.warn(warning)
        console.print(f"{outcome.edits} edits in {outcome.videos} videos; on held-out videos:")
        console.print(f"  before: {outcome.before}")
        console.print(f"  after:  {outcome.after}")
        if outcome.sha256 is None:
            raise FoleyError(
                "not written: it does worse on held-out videos",
                path=self.out,
                remedy="give more edits, or --even-if-worse",
            )
        console.print(f"-> {self.out} ({time.perf_counter() - began:.1f} s)")
