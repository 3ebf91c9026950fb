"""The recurrent tagger without sound, to measure what sound adds: baseline (c).

Data       as for foley20; the sound is not used
Hardware   2 CPU cores, 4 GB of memory
Duration   about an hour (3,000 steps of up to 2.3 s of CPU time)
Score      macro ROC-AUC .809 and any effect .879 by frame on composed test clips; see
           docs/results/experiments.md
Command    python train.py foley20_video --data FEATURES --out RUN
"""

from temporal_foley.models.tagging.class_prior import PriorConfig
from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    return Config(
        name="foley20_video",
        tagger=TaggerConfig(
            fusion=FusionConfig(kind="video"),
            recurrent=RecurrentConfig(cell="gru"),
            prior=PriorConfig(),
        ),
    )
