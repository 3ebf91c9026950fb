"""The tagger of the default bundle: picture and sound, bidirectional GRU, 20 effects.

python train.py foley20 --data FEATURES --out RUN
python evaluate.py RUN/bundle --data FEATURES --split test --out RUN/test
"""

from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    return Config(name="foley20")
