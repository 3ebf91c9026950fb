"""The command `library audition`: write takes one after the other into a sound file."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.library.add import DEFAULT_LIBRARY
from temporal_foley.cli.library.list import EffectName, LibraryPath, known_effect
from temporal_foley.cli.options import Arg
from temporal_foley.errors import LibraryError, OutputExistsError, UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibraryAudition:
    """Write the takes of a library into one sound file, with a label file for Audacity."""

    library: LibraryPath = DEFAULT_LIBRARY
    """The library."""
    effect: EffectName = None
    """Only the takes of this effect."""
    out: Annotated[Path, Arg(metavar="FILE", short="-o")] = Path("audition.wav")
    """The sound file."""
    overwrite: bool = False
    """Replace an earlier file."""

    def run(self, console: Console) -> None:
        """Write the file and its labels."""
        from temporal_foley.library.audition import write_audition
        from temporal_foley.sound.takes.library import load_library

        if self.out.suffix.lower() != ".wav":
            raise UsageError(f"must end in .wav, got {str(self.out)!r}", option="--out")
        if self.out.exists() and not self.overwrite:
            raise OutputExistsError(
                "exists", path=self.out, remedy="use --overwrite or another --out"
            )
        library = load_library(self.library)
        effects = library.effects
        if self.effect is not None:
            effects = (known_effect(self.effect, effects),)
        takes = [
            take for name in effects for take in library.takes(name) if take.asset.kind == "file"
        ]
        if not takes:
            what = f" of {effects[0]}" if self.effect else ""
            raise LibraryError(
                f"no take{what} is in use",
                path=self.library,
                remedy=f"see temporal-foley library list {self.library}",
            )
        seconds = write_audition(library, takes, self.out)
        labels = self.out.with_suffix(".txt").name
        console.print(f"{self.out}: {len(takes)} takes, {seconds:.1f} s; labels in {labels}")
