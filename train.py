"""Train a tagger: `python train.py CONFIG --data FEATURES --out RUN`.

CONFIG is a file of `configs/`, or a path to one of your own. The same as `python -m data_pipeline
train`, which an installed package has.
"""

import sys

from data_pipeline.commands.train_tagger import STOPPED, TrainTagger, main
from temporal_foley.errors import leave

__all__ = ["STOPPED", "TrainTagger", "main"]

if __name__ == "__main__":
    # Not sys.exit: it would wait twenty minutes for parts of a failed checkpoint.
    leave(main(sys.argv[1:]))
