"""The command `evaluate` of the pipeline, which is also `evaluate.py`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.runner import run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Evaluate a model on cached features that it was not trained on.

    Writes DIR/metrics.json and DIR/report.html. The methods that the model is built on are
    evaluated, too: the ImageNet map, a regression on single frames, and single frames with tags.
    A warning names each in which the model is behind. Other models are given by --baseline; each
    is evaluated on the same frames, with its own decision.
    """

    bundle: Annotated[Path, Arg(positional=True, metavar="BUNDLE")]
    """Folder of the model."""
    data: Annotated[Path, Arg(metavar="FEATURES")]
    """Folder of cached features."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Where the report goes."""
    split: str = "test"
    """Which split of the features to use."""
    datasets: Annotated[tuple[str, ...], Arg(metavar="NAME...")] = ()
    """Only these datasets."""
    baseline: Annotated[tuple[str, ...], Arg(metavar="NAME=BUNDLE...")] = ()
    """Other models to evaluate on the same frames."""
    labels_of: Literal["picture", "sound"] | None = None
    """Count only events that are visible, or only those that are audible."""
    without_sound: bool = False
    """Evaluate as if no clip had any sound."""
    pictures: Annotated[Path | None, Arg(metavar="DATA")] = None
    """Built datasets, for pictures of mistakes."""
    alpha_curve: Annotated[Path | None, Arg(metavar="FILE.json")] = None
    """A sweep of late fusion to plot: [{"alpha": .1, "accuracy": .8, "log_loss": .5}, ...]"""
    seed: int = 0
    """Seed of the confidence intervals."""
    draws: int = 1000
    """Bootstrap draws for the confidence intervals."""
    overwrite: bool = False
    """Replace an earlier report."""

    def run(self, console: Console) -> None:
        """Evaluate all models, and write the report."""
        from data_pipeline.train.compare import behind, score_table
        from data_pipeline.train.evaluation import EvaluateOptions, evaluate

        options = EvaluateOptions(**vars(self))
        with console.progress(self.split) as progress:
            models = evaluate(options, progress)
        console.table(score_table(models))
        for line in behind(models):
            console.warn(line)
        console.print(self.out / "report.html")


def main(argv: Sequence[str] | None = None, program: str = "evaluate.py") -> int:
    """Run the command under a name; returns its exit code."""
    return run(program, Evaluate, argv)
