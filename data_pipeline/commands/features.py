"""The commands `features all`, `features dataset` and `features media`: cache features."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.effects import DEFAULT_VOCABULARY

if TYPE_CHECKING:
    from data_pipeline.features.source import FeatureSource

Beam = Annotated[tuple[str, ...], Arg(positional=True, metavar="-- BEAM...")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureOptions:
    """Options of the features."""

    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for the features."""
    bundle: Annotated[Path | None, Arg(metavar="DIR")] = None
    """Use a bundle's networks and rate, instead of the next four options."""
    frame_rate: Annotated[Fraction | None, Arg(metavar="HZ")] = None
    """Pictures per second. (default: 4)"""
    backbone: str | None = None
    """Image network. (default: efficientnet_lite0)"""
    aspect: str | None = None
    """How pictures are brought to the network's shape: stretch, crop, letterbox or native.
    (default: stretch)"""
    listener: Literal["teacher", "student"] | None = None
    """Audio network. (default: teacher)"""
    listener_weights: Annotated[Path | None, Arg(metavar="FILE")] = None
    """The audio network's file. (default: the downloaded one, or that of the package)"""
    toned: bool = False
    """Convert pictures to shades of one colour each: a second copy to train on."""
    items_per_shard: int = 64
    """Items per shard."""
    workers: int = 0
    """Processes; 0 is one per core."""
    overwrite: bool = False
    """Replace features of another source or configuration."""
    beam: Beam = ()
    """Options after a `--` go to Apache Beam: a runner and its flags."""

    def make(self, jobs: "Sequence[tuple[FeatureSource, Path]]") -> None:
        """Make the features of sources in their folders."""
        import logging

        from data_pipeline.features.jobs import extraction_config, make_features

        logging.getLogger("apache_beam").setLevel(logging.ERROR)
        config = extraction_config(
            bundle=self.bundle,
            frame_rate=self.frame_rate,
            backbone=self.backbone,
            aspect=self.aspect,
            listener=self.listener,
            listener_weights=self.listener_weights,
            toned=self.toned,
            items_per_shard=self.items_per_shard,
        )
        make_features(
            jobs, config, beam_flags=self.beam, workers=self.workers, overwrite=self.overwrite
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeaturesAll(FeatureOptions):
    """Cache image and audio features of every split of every built dataset."""

    data: Annotated[Path, Arg(positional=True, metavar="FOLDER")]
    """Folder of the datasets."""

    def run(self, console: Console) -> None:
        """Make the features."""
        from data_pipeline.features.jobs import all_jobs

        self.make(all_jobs(self.data, self.out))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeaturesDataset(FeatureOptions):
    """Cache image and audio features of one split of a built dataset."""

    folder: Annotated[Path, Arg(positional=True, metavar="DATASET")]
    """Folder of its dataset_info.json."""
    split: str = "train"
    """The split."""

    def run(self, console: Console) -> None:
        """Make the features."""
        from data_pipeline.features.jobs import dataset_jobs

        self.make(dataset_jobs(self.folder, self.split, self.out))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeaturesMedia(FeatureOptions):
    """Cache image and audio features of media files with a table of events."""

    folder: Annotated[Path, Arg(positional=True, metavar="FOLDER")]
    """Folder of the files."""
    events: Annotated[Path, Arg(metavar="TABLE")]
    """A DCASE table."""
    vocabulary: Annotated[str, Arg(metavar="NAME|FILE")] = DEFAULT_VOCABULARY
    """Effects to label."""
    labelled: Annotated[tuple[str, ...] | None, Arg(metavar="A,B", commas=True)] = None
    """Effects that the table names wherever they occur. (default: those in it)"""

    def run(self, console: Console) -> None:
        """Make the features."""
        from data_pipeline.features.jobs import media_jobs

        self.make(
            media_jobs(
                self.folder,
                self.events,
                self.out,
                vocabulary=self.vocabulary,
                labelled=self.labelled,
            )
        )
