"""The command `annotations`: read published annotations."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Annotations:
    """Read published annotations: print what they contain, and what was rejected and why.

    READER is the name of a set, such as ave, vggsound, audioset, dcase or label_studio; `list`
    prints all of them, and `survey` reads every file of a folder of sets.
    """

    reader: Annotated[str, Arg(positional=True, metavar="READER")]
    """Reader of the files."""
    paths: Annotated[tuple[Path, ...], Arg(positional=True, metavar="PATH...")] = ()
    """Files or folders."""
    vocabulary: Annotated[str | None, Arg(metavar="NAME|FILE")] = None
    """Name the events as effects of this vocabulary."""
    ontology: Annotated[Path | None, Arg(metavar="FILE")] = None
    """AudioSet's ontology. (default: the one beside the files)"""
    out: Annotated[Path | None, Arg(metavar="FILE.tsv", short="-o")] = None
    """Write all events as a table."""
    overwrite: bool = False
    """Replace an earlier table."""
    frame_rate: Annotated[float | None, Arg(metavar="HZ")] = None
    """Of the videos, for Label Studio's timelines that count frames."""

    def run(self, console: Console) -> None:
        """Read and print the annotations."""
        from data_pipeline.annotations.catalogue import READERS
        from data_pipeline.commands.print_annotations import show_annotations

        if self.reader == "list":
            console.table([(name, reader.about) for name, reader in READERS.items()])
            return
        if self.reader not in (*READERS, "survey"):
            raise UsageError.unknown("reader", self.reader, (*READERS, "survey", "list"))
        if not self.paths:
            raise UsageError("missing", option="PATH...", remedy="give files or folders")
        show_annotations(
            self.reader,
            self.paths,
            vocabulary=self.vocabulary,
            ontology=self.ontology,
            out=self.out,
            overwrite=self.overwrite,
            frame_rate_hz=self.frame_rate,
        )
