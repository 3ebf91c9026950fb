"""Define the settings of a training run of a tagger; each is a flag of `train.py`."""

import dataclasses

from temporal_foley.effects import DEFAULT_VOCABULARY
from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.loop import LoopConfig
from temporal_foley.training.losses import LossConfig
from temporal_foley.training.mesh import MeshConfig
from temporal_foley.training.optimizer import OptimizerConfig
from temporal_foley.training.tagging import DropoutConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """An experiment."""

    name: str = "foley20"
    vocabulary: str = DEFAULT_VOCABULARY
    """Name or TOML file."""
    datasets: tuple[str, ...] = ()
    """Datasets in the data folder to train on, as `name` or `name:times`; empty: all. Validation
    uses all of them."""
    steps: int = 3000
    batch_size: int = 32
    """Clips per step, over all processes."""
    lengths_frames: tuple[int, ...] = (8, 48)
    """Lengths that clips are padded to; longer ones are cut at random places."""
    still_frames: int = 8
    """Number of frames that a single picture is repeated for."""
    mix: float = 0.3
    """Share of the clips that are mixed with another one."""
    ema_decay: float = 0.995
    """Decay of the running mean of the weights, which is evaluated and released."""
    seed: int = 0
    tagger: TaggerConfig = dataclasses.field(default_factory=TaggerConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    dropout: DropoutConfig = dataclasses.field(default_factory=DropoutConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    loop: LoopConfig = dataclasses.field(default_factory=LoopConfig)
    mesh: MeshConfig = dataclasses.field(default_factory=MeshConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "still_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 <= self.mix <= 1.0 or not 0.0 <= self.ema_decay < 1.0:
            raise ValueError("mix must be in [0, 1] and ema_decay in [0, 1)")
