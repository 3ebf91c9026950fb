"""Single frames with a softmax and a class `other`, no sound: baseline (a), the way of report 000.

python train.py foley20_softmax --data FEATURES --out RUN
"""

import dataclasses

from configs import foley20_frames
from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    base = foley20_frames.config()
    # A class a frame: clips laid over one another would have two.
    return dataclasses.replace(
        base,
        name="foley20_softmax",
        mix=0.0,
        tagger=dataclasses.replace(base.tagger, output="softmax"),
    )
