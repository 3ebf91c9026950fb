"""The command `score`: compute the metric that papers on a data set report."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """Compute the metric of a published data set, to compare a model with papers.

    Segment accuracy for ave, Type@AV and its parts for avvp (LLP), event mAP for unav100. Give the
    publisher's files and the media, or features of its clips that were made earlier. Classes that
    are no effect of the model count as background.
    """

    dataset: Annotated[str, Arg(positional=True, metavar="ave|avvp|unav100")]
    """The data set."""
    bundle: Annotated[Path, Arg(positional=True, metavar="BUNDLE")]
    """The model."""
    data: Annotated[Path, Arg(metavar="FEATURES")]
    """Folder of features of its clips; with --media they are made there first, resumably."""
    annotations: Annotated[tuple[Path, ...], Arg(metavar="PATH...")] = ()
    """The publisher's files."""
    media: Annotated[Path | None, Arg(metavar="DIR")] = None
    """Folder of the videos."""
    split: str = "test"
    """Split of the features."""
    workers: int = 1
    """Processes that build and extract."""

    def run(self, console: Console) -> None:
        """Apply the model, and print its scores."""
        from data_pipeline.features.split import open_split
        from data_pipeline.train.evaluation import decision_of
        from data_pipeline.train.published import SETS, make_split, published_scores
        from temporal_foley.models.bundle.bundle import load_bundle

        if self.dataset not in SETS:
            raise UsageError.unknown("data set", self.dataset, SETS)
        if bool(self.annotations) != (self.media is not None):
            raise UsageError("--annotations and --media go together")
        bundle = load_bundle(self.bundle)
        data = self.data
        if self.media is not None:
            with console.progress(self.dataset) as progress:
                data = make_split(
                    self.dataset,
                    self.bundle,
                    self.annotations,
                    self.media,
                    self.data,
                    split=self.split,
                    workers=self.workers,
                    progress=progress,
                )
        split = open_split(data, self.split)
        scores = published_scores(self.dataset, bundle, split, decision_of(bundle))
        console.print(f"{self.dataset}, {self.split}: {len(split)} clips")
        console.table([(name, f"{100 * value:.1f} %") for name, value in scores.items()])
