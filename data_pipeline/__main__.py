"""Make training data and models: `python -m data_pipeline VERB`."""

import sys
from collections.abc import Sequence

from data_pipeline.commands import evaluate, train_tagger
from data_pipeline.commands.acquire import AcquireClips, AcquirePictures
from data_pipeline.commands.after_training import AddBackground, Decide, FineTune
from data_pipeline.commands.annotations import Annotations
from data_pipeline.commands.compose_audit import ComposeAudit
from data_pipeline.commands.datasets import Build, CheckDataset, ListDatasets
from data_pipeline.commands.distill import DistillTrain, DistillWindows
from data_pipeline.commands.feature_tools import Folds, Relisten
from data_pipeline.commands.features import FeaturesAll, FeaturesDataset, FeaturesMedia
from data_pipeline.commands.lay_up import LayUp
from data_pipeline.commands.published import Score
from data_pipeline.commands.self_label import SelfLabel
from temporal_foley.cli.runner import Program, run
from temporal_foley.errors import leave

PROGRAM = Program(
    about="Make training data, features and models. `train CONFIG` and `evaluate BUNDLE` do what "
    "train.py and evaluate.py do; see their --help.",
    groups={
        "collect": {
            "acquire": Program(
                about="Download open media with author, licence and source.",
                groups={"commands": {"pictures": AcquirePictures, "clips": AcquireClips}},
            ),
            "annotations": Annotations,
            "self-label": SelfLabel,
        },
        "datasets": {
            "build": Build,
            "list": ListDatasets,
            "check": CheckDataset,
            "compose-audit": ComposeAudit,
        },
        "features": {
            "features": Program(
                about="Cache image and audio features, resumably.",
                groups={
                    "commands": {
                        "all": FeaturesAll,
                        "dataset": FeaturesDataset,
                        "media": FeaturesMedia,
                    }
                },
            ),
            "relisten": Relisten,
            "folds": Folds,
        },
        "films": {"lay_up": LayUp},
        "models": {
            "decide": Decide,
            "background": AddBackground,
            "fine-tune": FineTune,
            "score": Score,
            "distill": Program(
                about="Train a small audio network on a large one.",
                groups={"commands": {"windows": DistillWindows, "train": DistillTrain}},
            ),
        },
    },
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Their programs are of their own: the settings of a configuration are options of `train`.
    if words[:1] == ["train"]:
        return train_tagger.main(words[1:], "python -m data_pipeline train")
    if words[:1] == ["evaluate"]:
        return evaluate.main(words[1:], "python -m data_pipeline evaluate")
    return run("python -m data_pipeline", PROGRAM, words)


if __name__ == "__main__":
    # Not sys.exit: it would wait twenty minutes for parts of a failed checkpoint.
    leave(main(sys.argv[1:]))
