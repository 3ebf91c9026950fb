"""Single frames with a softmax and a class `other`, without sound, as in the stills baseline: (a).

Data       as for foley20; the sound is not used
Hardware   2 CPU cores, 4 GB of memory
Duration   about five minutes (3,000 steps of 0.1 s of CPU time)
Score      macro ROC-AUC .844 and any effect .924 by frame on composed test clips; see
           docs/results/experiments.md
Command    python train.py foley20_softmax --data FEATURES --out RUN
"""

from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.config import Config


def config() -> Config:
    """Return the settings."""
    return Config(
        name="foley20_softmax",
        # One class per frame: mixed clips would have two.
        mix=0.0,
        tagger=TaggerConfig(
            fusion=FusionConfig(kind="video"),
            recurrent=RecurrentConfig(cell="none"),
            output="softmax",
        ),
    )
