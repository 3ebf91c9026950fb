"""The tagger of `temporal-foley train --demo`: small, without priors from other classifiers.

python train.py foley_demo --data FEATURES --out RUN
"""

from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.config import Config
from temporal_foley.training.loop import LoopConfig


def config() -> Config:
    """Return the settings."""
    return Config(
        name="demo",
        steps=300,
        lengths_frames=(8, 24),
        mix=0.0,
        tagger=TaggerConfig(),
        loop=LoopConfig(evaluate_every=50),
    )
