"""The command `score`: compute the metric that papers on a data set report."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """Compute the metric of a published data set, to compare a model with papers.

    Segment accuracy for ave, Type@AV and its parts for avvp (LLP), event mAP for unav100. Build the
    clips with that reader, and a vocabulary of the data set's classes.
    """

    dataset: Annotated[str, Arg(positional=True, metavar="ave|avvp|unav100")]
    """The data set."""
    bundle: Annotated[Path, Arg(positional=True, metavar="BUNDLE")]
    """The model."""
    data: Annotated[Path, Arg(metavar="FEATURES")]
    """Folder of features of its clips."""
    split: str = "test"
    """Split of the features."""

    def run(self, console: Console) -> None:
        """Apply the model, and print its scores."""
        from data_pipeline.features.split import open_split
        from data_pipeline.train.evaluation import decision_of
        from data_pipeline.train.published import published_scores
        from temporal_foley.models.bundle.bundle import load_bundle

        bundle = load_bundle(self.bundle)
        split = open_split(self.data, self.split)
        scores = published_scores(self.dataset, bundle, split, decision_of(bundle))
        console.print(f"{self.dataset}, {self.split}: {len(split)} clips")
        console.table([(name, f"{100 * value:.1f} %") for name, value in scores.items()])
