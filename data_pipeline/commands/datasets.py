"""The commands `build`, `list` and `check`: build datasets of labelled media."""

import dataclasses
from pathlib import Path
from typing import Annotated

from data_pipeline.prepare.options import BuildOptions
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build(BuildOptions):
    """Build a dataset of labelled media. The same command resumes a build that was stopped."""

    def run(self, console: Console) -> None:
        """Build the dataset, with progress."""
        from data_pipeline.prepare.build import build_dataset

        options = self
        if self.parts == "report_000":
            console.note("--parts report_000 is now --parts stills_baseline")
            options = dataclasses.replace(self, parts="stills_baseline")
        with console.progress(self.dataset) as progress:
            build_dataset(options, progress)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListDatasets:
    """List the datasets in a folder, with the size of each split."""

    out: Annotated[Path, Arg(positional=True, metavar="FOLDER")]
    """Folder of all datasets."""

    def run(self, console: Console) -> None:
        """Print the datasets."""
        from data_pipeline.prepare.build import list_datasets

        list_datasets(self.out)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckDataset:
    """Check the digests, splits and pictures of a dataset."""

    folder: Annotated[Path, Arg(positional=True, metavar="DATASET")]
    """Folder with its dataset_info.json."""

    def run(self, console: Console) -> None:
        """Read all of the dataset."""
        from data_pipeline.prepare.build import check_dataset

        with console.progress(self.folder.name) as progress:
            check_dataset(self.folder, progress)
