"""Single frames with a sigmoid each effect, no sound: baseline (b).

python train.py foley20_frames --data FEATURES --out RUN
"""

import dataclasses

from configs import foley20_video
from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    base = foley20_video.config()
    recurrent = dataclasses.replace(base.tagger.recurrent, cell="none")
    tagger = dataclasses.replace(base.tagger, recurrent=recurrent, prior=None)
    return dataclasses.replace(base, name="foley20_frames", tagger=tagger)
