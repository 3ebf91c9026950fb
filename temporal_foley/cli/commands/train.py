"""The command `train`: train a model from folders of pictures, sounds and videos."""

import dataclasses
import importlib
from pathlib import Path
from typing import Annotated, Literal

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.errors import FoleyError

INSTALL = "pip install 'temporal-foley[train]'"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """Train a model from folders of pictures, sounds and videos, one folder per effect.

    Builds datasets, computes features, trains, fits the decision, evaluates and makes a library.
    Give the same command again to resume; stages whose input is unchanged are skipped.
    """

    pictures: Annotated[Path | None, Arg(metavar="DIR")] = None
    """Pictures: DIR/EFFECT/SOURCE/FILE. Those in DIR/other show none of the effects."""
    sounds: Annotated[Path | None, Arg(metavar="DIR")] = None
    """Sounds: DIR/EFFECT/SOURCE/FILE."""
    videos: Annotated[Path | None, Arg(metavar="DIR")] = None
    """Videos: any, with --annotations, or DIR/EFFECT/SOURCE/FILE."""
    annotations: Annotated[Path | None, Arg(metavar="FILE")] = None
    """When the effects happen in the videos: a table with the columns filename, onset, offset,
    event_label. A column modality says where they are only audible or only visual."""
    vocabulary: Annotated[str | None, Arg(metavar="NAME|FILE")] = None
    """The effects. (default: made from the names of the folders)"""
    out: Annotated[Path, Arg(metavar="MODEL", short="-o")] = Path("foley-model")
    """Folder of the model, its library and its report."""
    demo: bool = False
    """Train on drawn scenes: needs no data and some minutes, and tests the installation."""
    nothing: Annotated[tuple[str, ...], Arg(metavar="CLASS...")] = ()
    """Folders that show none of the effects, besides `other`."""
    leave_out: Annotated[tuple[str, ...], Arg(metavar="PATTERN...", advanced=True)] = ()
    """Files to skip, such as 'dog_barking/blurred*'."""
    group: Annotated[Literal["source", "series"], Arg(advanced=True)] = "source"
    """What stays in one split: the files of a source, or pictures that are alike."""
    reader: Annotated[str, Arg(metavar="NAME", advanced=True)] = "dcase"
    """Format of the annotations, such as audacity or label_studio."""
    config: Annotated[str | None, Arg(metavar="NAME|FILE.py", advanced=True)] = None
    """Settings of the training. (default: foley20)"""
    steps: Annotated[int | None, Arg(advanced=True)] = None
    """Training steps. (default: those of the configuration)"""
    clips: Annotated[int | None, Arg(advanced=True)] = None
    """Clips to compose from pictures and sounds. (default: 2 per file, from 150 to 1000)"""
    no_baseline: Annotated[bool, Arg(advanced=True)] = False
    """Do not train a tagger of single frames to compare with."""
    workers: Annotated[int | None, Arg(advanced=True)] = None
    """Processes. (default: one per core)"""
    overwrite: bool = False
    """Train again in a folder that was started with other settings."""

    def run(self, console: Console) -> None:
        """Train, and print the scores."""
        pipeline = _load("data_pipeline.train.pipeline")
        given = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("config", "no_baseline", "workers")
        }
        if self.workers is not None:
            given["workers"] = self.workers
        if self.config is not None:
            given["config"] = _load("data_pipeline.train.configuration").load_config(self.config)
        options = _load("data_pipeline.train.options").TrainOptions(
            baseline=not self.no_baseline, **given
        )
        pipeline.train_model(
            options,
            progress=console.progress,
            print_line=console.print,
            print_table=console.table,
            warn=console.warn,
        )


def _load(name: str):
    """Import a module that only training needs."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise FoleyError(
            f"training needs {error.name}, which is not installed", remedy=f"run {INSTALL}"
        ) from None
