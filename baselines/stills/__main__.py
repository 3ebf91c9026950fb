"""Report 000 (dubbing from single pictures): its two models on a dataset of stills.

```
python -m baselines.stills scratch  --data data/stills/.../1.0.0 --out runs/scratch
python -m baselines.stills transfer --data data/stills/.../1.0.0 --out runs/transfer
```

`scratch` trains a small ResNetV2 from nothing; `transfer` puts a new top on a backbone, trains the
top, then all of it. Augmentation, Adam and 150 epochs are the report's; learning rates and batch
size are not given there: 1e-3 is Keras' default of Adam, 32 that of its example, and fine-tuning
goes ten times slower. The report's whole run is for an accelerator; what was measured stands in
docs/how-to/baselines.md.
"""

import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from baselines.stills.small_resnet import SmallResNetConfig
from temporal_foley.errors import FoleyError, OutputExistsError, one_line
from temporal_foley.models.image.preparation import Aspect


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What both models share."""

    data: Path
    """A built dataset of stills."""
    out: Path
    """Folder for the log, the figures, the drawings and the weights."""
    vocabulary: str = "foley20"
    size_px: int = 224
    aspect: Aspect = "stretch"
    batch_size: int = 32
    epochs: int = 150
    learning_rate: float = 1e-3
    other: bool = True
    """Whether pictures without an effect are a class. The report's first model had none."""
    augment: bool = True
    checks_per_epoch: int = 1
    """How often validation accuracy is taken while pictures are trained on."""
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name in ("size_px", "batch_size", "epochs", "checks_per_epoch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.aspect == "native":
            raise ValueError("aspect must be stretch, crop or letterbox: a batch has one shape")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scratch(Run):
    """A small ResNetV2 of five blocks a stage, from nothing."""

    network: SmallResNetConfig = dataclasses.field(default_factory=SmallResNetConfig)
    kernel_l2: float = 1e-4
    """That of the Keras example."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transfer(Run):
    """A pretrained backbone with a new fully connected top: first the top, then all of it."""

    backbone: str = "efficientnet_lite0"
    """The report's is resnet152v2; it needs --weights."""
    weights: Path | None = None
    """A weights file of the backbone, where none is installed with it."""
    freeze_epochs: int = 100
    """Epochs for the top alone, out of all; the report's accuracy falls near the 100th."""
    fine_tune_learning_rate: float = 1e-4
    views: int = 8
    """How many times the frozen backbone looks at each picture, the first time as it is, then
    augmented; epochs take turns. As many as freeze_epochs is augmentation anew in each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.freeze_epochs <= self.epochs:
            raise ValueError(
                f"freeze_epochs must be in [1, epochs = {self.epochs}], got {self.freeze_epochs}"
            )
        if self.views < 1 or self.fine_tune_learning_rate <= 0:
            raise ValueError("views must be at least 1 and fine_tune_learning_rate above 0")


Command = (
    Annotated[Scratch, tyro.conf.subcommand("scratch")]
    | Annotated[Transfer, tyro.conf.subcommand("transfer")]
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    try:
        config = tyro.cli(
            Command,  # type: ignore[arg-type]
            args=argv,
            prog="python -m baselines.stills",
            description=(__doc__ or "").partition("\n\n")[0],
            config=(tyro.conf.OmitSubcommandPrefixes,),
        )
        # After the words are read, so that --help is there at once.
        from baselines.stills.run import run_scratch, run_transfer

        table = run_scratch(config) if isinstance(config, Scratch) else run_transfer(config)
    except FoleyError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return error.exit_code
    print(table, end="")
    return 0


def claim_folder(config: Run) -> None:
    """Make the folder of a run and write its settings there, or go on with the same run.

    Raises:
        OutputExistsError: The folder holds this run, finished, or something else.
    """
    asked = {"model": type(config).__name__.lower(), **dataclasses.asdict(config)}
    asked = json.loads(
        json.dumps({k: v for k, v in asked.items() if k != "overwrite"}, default=str)
    )
    settings = config.out / "config.json"
    if config.overwrite and settings.is_file():
        shutil.rmtree(config.out / "checkpoints", ignore_errors=True)
        (config.out / "metrics.json").unlink(missing_ok=True)
    elif config.out.exists() and any(config.out.iterdir()):
        begun = json.loads(settings.read_text("utf-8")) if settings.is_file() else None
        if begun != asked or (config.out / "metrics.json").exists():
            found = "this run, finished" if begun == asked else "something else"
            raise OutputExistsError(
                f"{config.out}: holds {found}; give --overwrite or another folder"
            )
    config.out.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(asked, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
