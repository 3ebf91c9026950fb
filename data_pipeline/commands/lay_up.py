"""The command `lay_up`: add effects to many videos with Apache Beam."""

import dataclasses
from pathlib import Path
from typing import Annotated

from data_pipeline.commands.features import Beam
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.errors import FoleyError, UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayUp:
    """Add effects to many videos with Apache Beam: what `generate` does, on any runner.

    The same command resumes: finished videos are left alone. What became of each, with the reason
    of each failure, is in report.tsv of the output folder.
    """

    videos: Annotated[tuple[str, ...], Arg(metavar="GLOB...")]
    """The videos, by patterns such as 'films/**/*.mp4'."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Where the VIDEO.foley folders go."""
    model: Annotated[str, Arg(metavar="NAME|DIR")] = ""
    """The model. (default: foley20)"""
    library: Annotated[Path | None, Arg(metavar="DIR")] = None
    """A sound library of your own."""
    seed: int = 0
    """Another seed chooses other takes."""
    runner: str | None = None
    """A runner of Beam, such as DataflowRunner, FlinkRunner or SparkRunner; its flags follow a
    `--`. (default: processes on this machine)"""
    workers: int = 0
    """Processes on this machine; 0 is one per core."""
    overwrite: bool = False
    """Replace earlier outputs; edits in their cue lists are kept."""
    beam: Beam = ()
    """Options after a `--` go to Apache Beam."""

    def run(self, console: Console) -> int:
        """Add the effects, and list what failed."""
        import logging

        from data_pipeline.lay_up.pipeline import LayUpConfig, films_of, lay_up

        if self.workers < 0:
            raise UsageError(f"must be 0 or more, got {self.workers}", option="--workers")
        logging.getLogger("apache_beam").setLevel(logging.ERROR)
        flags = [*([f"--runner={self.runner}"] if self.runner else []), *self.beam]
        config = LayUpConfig(
            model=self.model,
            library=None if self.library is None else self.library.resolve(),
            seed=self.seed,
            overwrite=self.overwrite,
        )
        reports = lay_up(
            films_of(self.videos), self.out, config, beam_flags=flags, workers=self.workers
        )
        failed = [report for report in reports if report.status == "failed"]
        for report in failed:
            console.error(report.reason)
        made = sum(report.status == "made" for report in reports)
        unchanged = len(reports) - made - len(failed)
        console.print(
            f"{len(reports)} videos: {made} made, {unchanged} unchanged, {len(failed)} failed -> "
            f"{self.out}"
        )
        return FoleyError.exit_code if failed else 0
