"""The command `deploy`: write a model as programs that run without this package."""

import dataclasses
import time
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.shared import File, Model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deploy:
    """Write a model as programs that run without this package (StableHLO).

    looker.stablehlo turns pictures into features, tagger.stablehlo features into logits, and
    clip.stablehlo does both for ten seconds of pictures and sound. deployment.json lists shapes,
    platforms, SHA-256, and how logits become probabilities.
    """

    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Where the programs go."""
    model: Model = None
    """The bundle. (default: foley20)"""
    weights: File = None
    """A weights file of the image network, if none is installed with it."""
    overwrite: bool = False
    """Replace earlier programs."""

    def run(self, console: Console) -> None:
        """Write the programs and print their sizes."""
        from temporal_foley.models.bundle.deploy import deploy

        began = time.perf_counter()
        sizes = deploy(self.model or "", self.out, weights=self.weights, overwrite=self.overwrite)
        for name, size in sizes.items():
            console.print(f"{name}: {size / 1e6:.1f} MB")
        console.print(f"-> {self.out} ({time.perf_counter() - began:.1f} s)")
