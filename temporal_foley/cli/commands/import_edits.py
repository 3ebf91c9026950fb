"""The command `import`: bring an edited session back into the cue list."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.commands.export import one_cue_list
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import LibraryFolder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Import:
    """Bring the edits of a session back into the cue list.

    Reads a REAPER project (.rpp) or an OpenTimelineIO file (.otio, .otioz) that `export` wrote and
    you changed: cues that were moved, trimmed, faded, panned, deleted or added.
    """

    edited: Annotated[Path, Arg(positional=True, metavar="SESSION")]
    """The session, as your editor saved it."""
    cues: Annotated[Path, Arg(metavar="CUES")]
    """The cue list that it was exported from, or its folder."""
    out: Annotated[Path | None, Arg(metavar="FILE", short="-o")] = None
    """Where the new cue list goes. (default: CUES.edited.json beside the old one)"""
    library: LibraryFolder = None
    """The sound library that the cues were made with, if it was not the built-in one; needed only
    where another editor dropped the notes of the session."""
    overwrite: bool = False
    """Replace an earlier cue list."""

    def run(self, console: Console) -> None:
        """Import the session."""
        from temporal_foley.edits.import_session import import_edits

        outcome = import_edits(
            self.edited,
            one_cue_list(self.cues),
            self.out,
            library=self.library,
            overwrite=self.overwrite,
        )
        for warning in outcome.warnings:
            console.warn(f"{self.edited.name}: {warning}")
        console.print(f"{self.edited.name}: {outcome.summary} -> {outcome.path}")
        console.print(f"render it with: temporal-foley render {outcome.path} --overwrite")
