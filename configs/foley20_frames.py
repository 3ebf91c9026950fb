"""Single frames with a sigmoid per effect, without sound: baseline (b).

Data       as for foley20; the sound is not used
Hardware   2 CPU cores, 4 GB of memory
Duration   about five minutes (3,000 steps of 0.1 s of CPU time)
Score      macro ROC-AUC .796 and any effect .888 by frame on composed test clips; see
           docs/results/experiments.md
Command    python train.py foley20_frames --data FEATURES --out RUN
"""

from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    return Config(
        name="foley20_frames",
        tagger=TaggerConfig(
            fusion=FusionConfig(kind="video"), recurrent=RecurrentConfig(cell="none")
        ),
    )
