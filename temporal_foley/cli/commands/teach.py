"""The command `teach`: add an effect of your own to a model."""

import dataclasses
import time
from pathlib import Path
from typing import Annotated, Literal

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import File, LibraryFolder, Model
from temporal_foley.errors import OutputExistsError, plain_name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teach:
    """Teach a model a new effect from a handful of pictures or clips.

    Writes a bundle with all effects of the old one and the new one, for --model of `generate`,
    `tag` and `info`.
    """

    name: Annotated[str, Arg(positional=True, metavar="NAME")]
    """Name of the effect, such as guitar_strumming."""
    examples: Annotated[Path, Arg(metavar="DIR")]
    """A folder of pictures and clips that show it. Four of different places are a good start."""
    out: Annotated[Path, Arg(metavar="BUNDLE", short="-o")]
    """Folder of the new bundle."""
    model: Model = None
    """The bundle to extend. (default: foley20)"""
    negatives: LibraryFolder = None
    """A folder of pictures and clips of similar things that are not the effect."""
    kind: Literal["one_shot", "repeated", "loop", "ambience"] = "loop"
    """How it sounds: once, repeatedly, continuously, or as a background."""
    bus: Literal["hard_effects", "foley", "backgrounds"] = "hard_effects"
    """Where it is mixed."""
    description: Annotated[str | None, Arg(metavar="TEXT")] = None
    """What it is, in a few words."""
    interval: Annotated[tuple[float, float] | None, Arg(metavar="S S")] = None
    """Only for repeated: shortest and longest time from one hit to the next. (default: 0.3 0.6)"""
    take: Annotated[tuple[Path, ...], Arg(metavar="FILE...")] = ()
    """Sounds of it. They are copied into the library BUNDLE.sounds, for `generate --library`."""
    licence: Annotated[str, Arg(metavar="TEXT")] = "not stated"
    """The licence of these sounds."""
    weights: File = None
    """A weights file of the image network, if none is installed with it."""
    overwrite: bool = False
    """Replace an earlier bundle and library."""

    def run(self, console: Console) -> None:
        """Fit the new effect, and write the bundle and its library."""
        from temporal_foley.teaching.sounds import write_sounds
        from temporal_foley.teaching.teach import new_effect, teach

        began, name = time.perf_counter(), plain_name(self.name)
        effect = new_effect(
            name,
            kind=self.kind,
            bus=self.bus,
            description=self.description or "",
            interval_s=self.interval,
        )
        if self.out.exists() and not self.overwrite:
            raise OutputExistsError(
                "exists", path=self.out, remedy="use another --out, or --overwrite"
            )
        taught = teach(
            effect,
            self.examples,
            model=self.model or "",
            negatives=self.negatives,
            weights=self.weights,
        )
        from temporal_foley.models.bundle.bundle import save_bundle

        sounds = self.out.with_name(f"{self.out.name}.sounds") if self.take else None
        if sounds is not None:
            write_sounds(sounds, name, self.take, licence=self.licence, overwrite=self.overwrite)
        save_bundle(self.out, taught.bundle, overwrite=self.overwrite)
        for reason in taught.skipped:
            console.warn(f"left out: {reason}")
        if taught.recognised < 0.5 or taught.mistaken > 0.05:
            console.warn(
                f"{name}: found in {taught.recognised:.0%} of its own examples and in "
                f"{taught.mistaken:.0%} of other pictures; give more examples of different "
                "places, or --negatives of what it is mistaken for"
            )
        against = f" and {taught.negatives} negatives" if taught.negatives else ""
        console.print(
            f"{name}: taught from {taught.examples} examples{against} -> {self.out} "
            f"({time.perf_counter() - began:.1f} s)"
        )
        library = f" --library {sounds}" if sounds else ""
        console.print(f"try it: temporal-foley generate VIDEO --model {self.out}{library}")
        if sounds is None:
            console.warn(
                f"{name} has no sound yet; add sounds by --take, or give generate a --library "
                "that has some"
            )
