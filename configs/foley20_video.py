"""The recurrent tagger without sound: baseline (c), what listening adds is measured against it.

python train.py foley20_video --data FEATURES --out RUN
"""

import dataclasses

from configs import foley20
from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    base = foley20.config()
    fusion = dataclasses.replace(base.tagger.fusion, kind="video")
    tagger = dataclasses.replace(base.tagger, fusion=fusion, tag_prior=None)
    return dataclasses.replace(base, name="foley20_video", tagger=tagger)
