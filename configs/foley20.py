"""The tagger of the default bundle: picture and sound, bidirectional GRU, both priors.

python train.py foley20 --data FEATURES --out RUN
python evaluate.py RUN/bundle --data FEATURES --split test --out RUN/test
"""

from temporal_foley.models.tagging.class_prior import PriorConfig
from temporal_foley.models.tagging.tag_prior import TagPriorConfig
from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    return Config(
        name="foley20", tagger=TaggerConfig(prior=PriorConfig(), tag_prior=TagPriorConfig())
    )
