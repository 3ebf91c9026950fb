"""The command `library check`: find what is wrong in a library."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from temporal_foley.cli.console import Console
from temporal_foley.cli.library.add import DEFAULT_LIBRARY, MOST_SHOWN
from temporal_foley.cli.library.list import LibraryPath, read_library_rows
from temporal_foley.cli.shared import Names, allowed_licences
from temporal_foley.errors import FoleyError, MediaError

if TYPE_CHECKING:
    from temporal_foley.sound.takes.catalogue import CatalogueRow


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryCheck:
    """Check a library for missing or changed files, takes without a licence, and other faults."""

    library: LibraryPath = DEFAULT_LIBRARY
    """The library."""
    allow: Names = None
    """Also report takes in use under other licences than these."""

    def run(self, console: Console) -> int:
        """Print the faults; the exit code is 3 if there are any."""
        from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME, was_changed
        from temporal_foley.sound.takes.library import load_library

        allowed = allowed_licences(self.allow)
        rows = read_library_rows(self.library)
        faults = [(row.file, text) for row in rows for text in _faults(row, self.library, allowed)]
        for file, text in faults:
            console.print(f"{file}: {text}")
        changed = [row.file for row in rows if was_changed(row)]
        if changed:
            more = f" and {len(changed) - MOST_SHOWN} more" if len(changed) > MOST_SHOWN else ""
            console.print(
                f"{self.library / CATALOGUE_NAME}: changed since `library add` wrote it: "
                f"{', '.join(changed[:MOST_SHOWN])}{more}; check them, then take them over with "
                f"temporal-foley library add {self.library} --to {self.library}"
            )
        if not faults:
            # Places and names in the rows are checked as `generate` does.
            load_library(self.library, allowed=allowed)
        in_use = sum(row.use for row in rows)
        console.print(f"{self.library}: {len(rows)} sounds, {in_use} in use, {len(faults)} faults")
        return FoleyError.exit_code if faults else 0


def _faults(row: "CatalogueRow", library: Path, allowed: frozenset[str]) -> Iterator[str]:
    from temporal_foley.files.digest import file_sha256
    from temporal_foley.sound.takes.licences import UNKNOWN, is_allowed, licence_families
    from temporal_foley.sound.takes.manifest import file_inside

    try:
        path = file_inside(library.resolve(), row.file)
        if row.sha256 and file_sha256(path) != row.sha256:
            yield (
                "has changed since it was added; take it over with temporal-foley library add "
                f"{library} --to {library}"
            )
    except (MediaError, ValueError) as error:
        is_missing = not (library / row.file).exists()
        text = "is missing; put it back" if is_missing else f"cannot be used ({error}); mend it"
        yield f"{text}, or delete its line"
    if not row.use:
        return
    if UNKNOWN in licence_families(row.licence or UNKNOWN):
        yield f"has no known licence ({row.licence or UNKNOWN}); write it into the table"
    if not is_allowed(row.licence, allowed):
        yield f"is under {row.licence}, which --allow leaves out"
    for mark in row.marks.split():
        yield f"is {mark}"
