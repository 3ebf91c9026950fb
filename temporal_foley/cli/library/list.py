"""The command `library list`: print what is in a library."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.library.add import DEFAULT_LIBRARY, by_whom
from temporal_foley.cli.options import Arg
from temporal_foley.errors import LibraryError, UsageError, plain_name

if TYPE_CHECKING:
    from temporal_foley.sound.takes.catalogue import CatalogueRow

LibraryPath = Annotated[Path, Arg(positional=True, metavar="LIBRARY")]
EffectName = Annotated[str | None, Arg(metavar="NAME")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryList:
    """List a library: takes by effect, guesses to check, licences."""

    library: LibraryPath = DEFAULT_LIBRARY
    """The library."""
    effect: EffectName = None
    """List all takes of this effect, one per line."""

    def run(self, console: Console) -> None:
        """Print the takes."""
        rows = read_library_rows(self.library)
        effects = sorted({row.effect for row in rows} - {""})
        if self.effect is not None:
            wanted = known_effect(self.effect, effects)
            for row in rows:
                if row.effect == wanted:
                    console.print(_describe(row))
            return
        console.print(f"{self.library}: {len(rows)} sounds, {sum(r.use for r in rows)} in use")
        for effect in effects:
            own = [row for row in rows if row.effect == effect]
            used = [row for row in own if row.use]
            guesses = len(own) - len(used)
            more = f"; {guesses} guesses to check" if guesses else ""
            by = by_whom(Counter(row.by for row in used))
            console.print(f"  {effect}: {len(used)} in use{by}{more}")
        console.print(f"  of no effect: {sum(not row.effect for row in rows)}")
        console.print("Licences of the takes in use")
        for licence, count in Counter(row.licence for row in rows if row.use).most_common():
            console.print(f"  {licence}: {count}")
        marks = Counter(mark for row in rows if row.use for mark in row.marks.split())
        if marks:
            parts = ", ".join(f"{count} {mark}" for mark, count in marks.most_common())
            console.print(f"Marked: {parts}")


def read_library_rows(library: Path) -> "list[CatalogueRow]":
    """Read the table of a library."""
    from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME, read_catalogue

    catalogue = library / CATALOGUE_NAME
    if not catalogue.is_file():
        remedy = f"make it with temporal-foley library add DIR --to {library}"
        raise LibraryError("does not exist", path=catalogue, remedy=remedy)
    return read_catalogue(catalogue)


def known_effect(name: str, effects: "list[str] | tuple[str, ...]") -> str:
    """Return an effect of a library by its name; `Dog barking` is `dog_barking`."""
    for effect in effects:
        if plain_name(effect) == plain_name(name):
            return effect
    raise UsageError.unknown("effect", name, effects, option="--effect")


def _describe(row: "CatalogueRow") -> str:
    use = "in use" if row.use else "a guess"
    sure = f"{row.confidence:.2f} by {row.by}"
    parts = [use, sure, f"{row.seconds:.2f} s", row.licence, row.credit, row.marks]
    return f"{row.file}: " + ", ".join(part for part in parts if part)
