"""The command `reconform`: bring a cue list over to a new cut."""

import dataclasses
import time
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.commands.export import one_cue_list
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import File, OutFolder
from temporal_foley.errors import UsageError

MOST_SHOWN = 6
"""Orphans that are printed one by one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconform:
    """Bring a cue list over to a new cut of its video.

    Shots are recognised by their pictures, or by two cut lists, in whatever order, trimmed or
    repeated, and their cues move with them. The new list is VIDEO.foley/cues.json, ready for
    `render`; cues whose shot is gone are listed in orphans.tsv beside it.
    """

    cues: Annotated[Path, Arg(positional=True, metavar="CUES")]
    """The cue list of the old cut, or its folder."""
    video: Annotated[Path, Arg(metavar="FILE")]
    """The new cut. Its frame rate and size may differ."""
    out: OutFolder = None
    """Where the VIDEO.foley folder goes. (default: beside the new cut)"""
    old_video: File = None
    """The old cut, if it was moved."""
    old_list: File = None
    """The cut list of the old cut (.edl, .otio, .fcpxml); with --new-list the old video is not
    needed, and pictures are compared only where the lists leave something open."""
    new_list: File = None
    """The cut list of the new cut."""
    rate: Annotated[str | None, Arg(metavar="HZ")] = None
    """Frame rate of the EDLs. (default: the usual one nearest to the old video's)"""
    overwrite: bool = False
    """Replace an earlier cue list."""

    def run(self, console: Console) -> None:
        """Reconform the cue list."""
        if (self.old_list is None) != (self.new_list is None):
            missing = "--old-list" if self.old_list is None else "--new-list"
            raise UsageError("is missing: cut lists go in pairs", option=missing)
        from temporal_foley.edits.reconform import reconform_cues
        from temporal_foley.session.timecode import parse_rate

        lists = None
        if self.old_list is not None and self.new_list is not None:
            lists = (self.old_list, self.new_list)
        began = time.perf_counter()
        outcome = reconform_cues(
            one_cue_list(self.cues),
            self.video,
            self.out,
            old_video=self.old_video,
            lists=lists,
            rate=None if self.rate is None else parse_rate(self.rate),
            overwrite=self.overwrite,
        )
        name, seconds = self.video.name, time.perf_counter() - began
        console.print(f"{name}: {outcome.summary} -> {outcome.path} ({seconds:.1f} s)")
        orphans = outcome.result.orphans
        if orphans:
            ids = ", ".join(cue.id for cue in orphans[:MOST_SHOWN])
            more = ", ..." if len(orphans) > MOST_SHOWN else ""
            console.warn(f"{name}: orphans: {ids}{more}; see {outcome.orphans_path}")
        console.print(f"render it with: temporal-foley render {outcome.path}")
