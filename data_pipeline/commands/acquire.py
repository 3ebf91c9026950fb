"""The commands `acquire pictures` and `acquire clips`: download open media."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg


@dataclasses.dataclass(frozen=True, kw_only=True)
class AcquirePictures:
    """Download open pictures of classes, found by Openverse. Run it again to resume."""

    classes: Annotated[tuple[str, ...], Arg(positional=True, metavar="CLASS[=QUERY]...")]
    """Classes, such as dog_barking='barking dog'."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for the pictures."""
    count: int = 200
    """Pictures per class."""
    licences: Annotated[tuple[str, ...] | None, Arg(metavar="A,B", commas=True)] = None
    """Licences to accept. (default: those that allow changes and commercial use)"""
    min_side: Annotated[int, Arg(metavar="PIXELS")] = 224
    """Shortest side of a picture."""
    api: Annotated[str | None, Arg(metavar="URL")] = None
    """Address of the search. (default: Openverse's)"""
    pause_s: Annotated[float, Arg(metavar="SECONDS")] = 1.0
    """Pause between requests to a host."""
    contact: Annotated[str | None, Arg(metavar="ADDRESS")] = None
    """Your mail or page, which is sent to the servers."""

    def run(self, console: Console) -> None:
        """Download the pictures."""
        from data_pipeline.acquire.download import download_pictures

        given = {} if self.api is None else {"api": self.api}
        if self.licences is not None:
            given["licences"] = ",".join(self.licences)
        outcomes = download_pictures(
            self.classes,
            self.out,
            count=self.count,
            min_side=self.min_side,
            pause_s=self.pause_s,
            contact=self.contact or "",
            **given,
        )
        print_outcomes(outcomes, console)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AcquireClips:
    """Download clips of a published list by yt-dlp. Run it again to resume."""

    table: Annotated[Path, Arg(positional=True, metavar="TABLE.tsv")]
    """A table of `python -m data_pipeline annotations`."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for the clips."""
    count: int | None = None
    """Most clips."""
    pause_s: Annotated[float, Arg(metavar="SECONDS")] = 5.0
    """Pause between clips."""
    any_licence: bool = False
    """Also download videos that are not Creative Commons."""

    def run(self, console: Console) -> None:
        """Download the clips."""
        from data_pipeline.acquire.download import download_clips

        outcomes = download_clips(
            self.table,
            self.out,
            count=self.count,
            pause_s=self.pause_s,
            any_licence=self.any_licence,
        )
        print_outcomes(outcomes, console)


def print_outcomes(outcomes: Counter[str], console: Console) -> None:
    """Print how many files had each outcome."""
    for outcome, number in outcomes.most_common():
        console.print(f"{number:>7}  {outcome}")
