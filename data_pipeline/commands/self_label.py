"""The command `self-label`: label videos by their own sound."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary
from temporal_foley.errors import OutputExistsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfLabel:
    """Label ordinary videos by their own sound, checked against the picture.

    The same command resumes a run that was stopped.
    """

    folder: Annotated[Path, Arg(positional=True, metavar="FOLDER")]
    """Videos, at any depth."""
    out: Annotated[Path, Arg(metavar="FILE.tsv", short="-o")]
    """Table of the labels."""
    vocabulary: Annotated[str, Arg(metavar="NAME|FILE")] = DEFAULT_VOCABULARY
    """Effects to label."""
    weights: Annotated[Path | None, Arg(metavar="FILE")] = None
    """The audio network's file. (default: the downloaded one)"""
    overwrite: bool = False
    """Replace an earlier table."""

    def run(self, console: Console) -> None:
        """Label the videos, and print a summary."""
        vocabulary = load_vocabulary(self.vocabulary)
        if self.out.exists() and not self.overwrite:
            raise OutputExistsError("exists", path=self.out, remedy="use --overwrite")
        from data_pipeline.self_label.label_folder import find_videos, label_folder, summarise

        find_videos(self.folder)
        # Imported here: wrong options should not wait for the networks.
        from temporal_foley.models.audio.teacher import load_teacher
        from temporal_foley.models.imagenet_detector import load_imagenet_detector

        entries = label_folder(
            self.folder,
            self.out,
            load_teacher(self.weights),
            load_imagenet_detector(vocabulary),
            overwrite=self.overwrite,
            report=lambda line: print(line, file=sys.stderr, flush=True),
        )
        for line in summarise(entries, vocabulary):
            console.print(line)
        console.print(f"wrote {self.out}")
