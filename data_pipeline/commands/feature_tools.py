"""The commands `relisten` and `folds`: change cached features."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relisten:
    """Replace the audio features of a dataset, and keep its image features."""

    dataset: Annotated[Path, Arg(positional=True, metavar="DATASET")]
    """Folder of its dataset_info.json."""
    features: Annotated[Path, Arg(metavar="DIR")]
    """The features to change."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for the changed features."""
    split: str = "train"
    """The split."""
    listener: Literal["student", "teacher"] = "student"
    """Audio network."""
    listener_weights: Annotated[Path | None, Arg(metavar="FILE")] = None
    """The audio network's file. (default: the downloaded one, or that of the package)"""

    def run(self, console: Console) -> None:
        """Write the changed features."""
        from data_pipeline.features.relisten import relisten
        from data_pipeline.features.source import DatasetSource
        from data_pipeline.features.store import FeatureStore
        from temporal_foley.models.audio.encoders import load_encoder
        from temporal_foley.models.compilation import enable_compilation_cache

        enable_compilation_cache()
        encoder = load_encoder(self.listener, self.listener_weights)
        source = DatasetSource(str(self.dataset.resolve()), self.split)
        store = relisten(source, FeatureStore(self.features), self.out, encoder)
        console.print(f"{len(store)} records, sha256 {store.sha256}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folds:
    """Divide cached features into folds by source."""

    folder: Annotated[Path, Arg(positional=True, metavar="FEATURES")]
    """A finished folder of features."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for the folds."""
    folds: int = 2
    """Number of folds."""

    def run(self, console: Console) -> None:
        """Write the folds."""
        from data_pipeline.features.folds import write_folds
        from data_pipeline.features.store import FeatureStore

        for store in write_folds(FeatureStore(self.folder), self.out, self.folds):
            console.print(f"{store.folder}: {len(store)} records, {sum(store.frames)} frames")
