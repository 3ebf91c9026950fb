"""The tagger of the default bundle: single frames, corrected by a bidirectional GRU within a bound.

Data       pictures, recordings and real clips, features at 4 Hz (about 5,500 records); vocabulary
           foley20
Hardware   2 CPU cores, 2 GB of memory
Duration   two minutes (200 steps)
Score      nested out of fold on 132 real clips: docs/results/experiments.md
Command    python train.py foley20 --data FEATURES --out RUN --config.datasets stills clips:4
           python evaluate.py RUN/bundle --data FEATURES --split test --out RUN/test
"""

from temporal_foley.models.tagging.class_prior import PriorConfig
from temporal_foley.models.tagging.frame_regression import RegressionConfig
from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tag_prior import TagPriorConfig
from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    return Config(
        name="foley20",
        steps=200,
        tagger=TaggerConfig(
            fusion=FusionConfig(kind="concat"),
            recurrent=RecurrentConfig(cell="gru"),
            regression=RegressionConfig(roots=True),
            prior=PriorConfig(gain=0.35, absent=-4.6, least=-4.6, most=3.0),
            tag_prior=TagPriorConfig(alone=(2.0, -3.0)),
            correction=0.5,
        ),
    )
