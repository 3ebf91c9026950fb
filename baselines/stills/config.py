"""The configurations of the stills baseline, and the folder of a run."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from baselines.stills.small_resnet import SmallResNetConfig
from temporal_foley.cli.options import Arg
from temporal_foley.errors import OutputExistsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Options that both models share."""

    model: ClassVar[str]

    data: Annotated[Path, Arg(metavar="DATASET")]
    """A built dataset of stills."""
    out: Annotated[Path, Arg(metavar="RUN", short="-o")]
    """Folder for the log, the metrics, the plots and the weights."""
    vocabulary: str = "foley20"
    """Effects to classify."""
    size_px: int = 224
    """Width and height of pictures."""
    aspect: Literal["stretch", "crop", "letterbox", "native"] = "stretch"
    """How pictures are brought to that size."""
    batch_size: int = 32
    """Pictures per step."""
    epochs: int = 150
    """Training epochs."""
    learning_rate: float = 1e-3
    """Highest learning rate."""
    other: bool = True
    """Whether pictures without an effect are a class. The report's first model had none."""
    augment: bool = True
    """Change pictures at random."""
    checks_per_epoch: int = 1
    """Measurements of the validation accuracy per epoch."""
    seed: int = 0
    """Seed of weights and batches."""
    overwrite: bool = False
    """Replace an earlier run."""

    def __post_init__(self) -> None:
        for name in ("size_px", "batch_size", "epochs", "checks_per_epoch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.aspect == "native":
            raise ValueError("aspect must be stretch, crop or letterbox: a batch has one shape")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScratchConfig(Run):
    """A small ResNetV2 with five blocks per stage, from random weights."""

    model: ClassVar[str] = "scratch"

    network: SmallResNetConfig = dataclasses.field(default_factory=SmallResNetConfig)
    kernel_l2: float = 1e-4
    """Weight decay of the kernels, that of the Keras example."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransferConfig(Run):
    """A pretrained backbone with a new fully connected top."""

    model: ClassVar[str] = "transfer"

    backbone: str = "efficientnet_lite0"
    """The report's is resnet152v2; it needs --weights."""
    weights: Path | None = None
    """A weights file of the backbone, where none is installed with it."""
    freeze_epochs: int = 100
    """Epochs that train only the top; the report's accuracy falls near the 100th."""
    fine_tune_learning_rate: float = 1e-4
    """Learning rate of the epochs that train everything."""
    views: int = 8
    """Versions of each picture that the frozen backbone sees: the picture itself, then augmented
    ones; epochs take turns."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.freeze_epochs <= self.epochs:
            raise ValueError(
                f"freeze_epochs must be in [1, epochs = {self.epochs}], got {self.freeze_epochs}"
            )
        if self.views < 1 or self.fine_tune_learning_rate <= 0:
            raise ValueError("views must be at least 1 and fine_tune_learning_rate above 0")


def claim_folder(config: Run) -> dict[str, Any]:
    """Make the folder of a run, write its settings into it, and return them.

    An unfinished run with the same settings is continued.

    Raises:
        OutputExistsError: The folder holds this run, finished, or something else.
    """
    asked = {"model": config.model, **dataclasses.asdict(config)}
    asked = json.loads(
        json.dumps({k: v for k, v in asked.items() if k != "overwrite"}, default=str)
    )
    settings = config.out / "config.json"
    if config.overwrite and settings.is_file():
        for phase in ("scratch", "frozen", "fine_tuning"):
            shutil.rmtree(config.out / phase, ignore_errors=True)
        (config.out / "metrics.json").unlink(missing_ok=True)
    elif config.out.exists() and any(config.out.iterdir()):
        begun = json.loads(settings.read_text("utf-8")) if settings.is_file() else None
        if begun != asked or (config.out / "metrics.json").exists():
            found = "this run, finished" if begun == asked else "something else"
            raise OutputExistsError(
                f"holds {found}", path=config.out, remedy="give --overwrite or another folder"
            )
    config.out.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(asked, indent=1) + "\n", "utf-8")
    return asked
