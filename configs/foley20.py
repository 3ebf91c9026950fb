"""The tagger of the default bundle: images and sound, a bidirectional GRU, both priors.

Data       stills with toned copies, composed clips and real clips, features at 4 Hz (about 6,000
           records); vocabulary foley20
Hardware   2 CPU cores, 4 GB of memory
Duration   about an hour (3,000 steps of up to 2.3 s of CPU time)
Score      macro ROC-AUC .907 and any effect .934 by frame on composed test clips; see
           docs/results/experiments.md
Command    python train.py foley20 --data FEATURES --out RUN
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
        tagger=TaggerConfig(
            fusion=FusionConfig(kind="concat"),
            recurrent=RecurrentConfig(cell="gru"),
            regression=RegressionConfig(),
            prior=PriorConfig(gain=0.5, absent=-4.6, most=3.0),
            tag_prior=TagPriorConfig(),
            correction=1.5,
        ),
    )
