"""The command `library add`: put sounds into a library."""

import dataclasses
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import File, Names, allowed_licences
from temporal_foley.errors import UsageError, one_line

DEFAULT_LIBRARY = Path("foley-library")
MOST_SHOWN = 10
"""Files that are named one by one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryAdd:
    """Add sounds to a library: a file, or all files of a folder or ZIP file.

    Each sound is recognised by its name, its folders, its metadata or its sound, measured once, and
    listed in LIBRARY/library.tsv, a table to check and correct.
    """

    source: Annotated[Path, Arg(positional=True, metavar="FILE|DIR|ZIP")]
    """A sound file, a folder, or a ZIP file. Sounds are copied, unless the folder is the library
    itself."""
    to: Annotated[Path, Arg(metavar="LIBRARY", short="-o")] = DEFAULT_LIBRARY
    """The library, which is made if it does not exist."""
    vocabulary: Annotated[str, Arg(metavar="NAME|FILE")] = "foley20"
    """The effects to recognise: a shipped vocabulary, or a TOML file of your own."""
    table: File = None
    """Facts about the files: a corrected copy of library.tsv, or any TSV or CSV with a column
    `file` and others of library.tsv."""
    allow: Names = None
    """Add only sounds under these licences, such as cc0,cc-by."""
    licence: Annotated[str | None, Arg(metavar="TEXT")] = None
    """The licence of sounds that do not state one."""
    credit: Annotated[str | None, Arg(metavar="TEXT")] = None
    """Whom to credit for sounds that do not state it."""
    digital_source: Annotated[str | None, Arg(metavar="SOURCE")] = None
    """Where sounds come from whose files do not state it: recorded, synthesised, generated (by a
    model) or composite, or a term of the IPTC. (default: recorded)"""
    no_listen: bool = False
    """Use names and metadata only."""

    def run(self, console: Console) -> None:
        """Add the sounds and print what was recognised."""
        from temporal_foley.effects import load_vocabulary
        from temporal_foley.files.records import RecordError
        from temporal_foley.library.add import AddSettings, add_sounds
        from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME
        from temporal_foley.sound.takes.digital_source import read_digital_source
        from temporal_foley.sound.takes.licences import plain_licence

        began = time.perf_counter()
        try:
            source = read_digital_source(self.digital_source or "")
        except RecordError as error:
            raise UsageError(error.problem, option="--digital-source") from None
        settings = AddSettings(
            vocabulary=load_vocabulary(self.vocabulary),
            allowed=allowed_licences(self.allow),
            licence=plain_licence(self.licence) if self.licence else "",
            credit=one_line(self.credit or ""),
            digital_source=source or "",
            listen=not self.no_listen,
            table=self.table,
        )
        with console.progress(self.source.name) as progress:
            outcome = add_sounds(self.source, self.to, settings, progress=progress)
        for file, why in outcome.left_out[:MOST_SHOWN]:
            console.warn(f"{file}: left out ({why})")
        if len(outcome.left_out) > MOST_SHOWN:
            console.warn(f"{len(outcome.left_out) - MOST_SHOWN} more files left out")
        added = outcome.added
        used = sum(row.use for row in added)
        guesses = sum(bool(row.effect) and not row.use for row in added)
        console.print(
            f"{self.source.name}: {len(added)} added, {outcome.known} known, "
            f"{outcome.corrected} corrected, {len(outcome.left_out)} left out "
            f"({time.perf_counter() - began:.1f} s)"
        )
        console.print(
            f"  {used} in use{by_whom(outcome.recognised_by)}, {guesses} guesses to check, "
            f"{len(added) - used - guesses} of no effect"
        )
        console.print(f"  correct them in {self.to / CATALOGUE_NAME}: effect, use, licence, credit")
        console.print(f"  temporal-foley generate VIDEO --library {self.to}")


def by_whom(counts: Counter[str]) -> str:
    """Say how sounds were recognised: ` (12 by name, 3 by listening)`."""
    parts = ", ".join(f"{count} by {by}" for by, count in counts.most_common())
    return f" ({parts})" if parts else ""
