"""The stills baseline: two image classifiers on a dataset of stills, after the first report.

    python -m baselines.stills scratch  --data data/stills/.../1.0.0 --out runs/scratch
    python -m baselines.stills transfer --data data/stills/.../1.0.0 --out runs/transfer

`scratch` trains a small ResNetV2 from nothing; `transfer` puts a new top on a backbone, trains the
top, then all of it. Augmentation, Adam and 150 epochs are the report's. Learning rates and batch
size are not given there: 1e-3 is Keras' default of Adam, 32 that of its example, and fine-tuning
uses a tenth of the rate. The report's whole run needs an accelerator.
"""

import dataclasses
import sys
from collections.abc import Sequence

from baselines.stills.config import ScratchConfig, TransferConfig
from temporal_foley.cli.console import Console
from temporal_foley.cli.runner import Program, run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scratch(ScratchConfig):
    """Train a small ResNetV2 on stills, from random weights."""

    def run(self, console: Console) -> None:
        """Train, and print the table of results."""
        # Imported here: help should not wait for jax.
        from baselines.stills.run import run_scratch

        print(run_scratch(self), end="")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transfer(TransferConfig):
    """Train a new top on a pretrained backbone, then all of it, on stills."""

    def run(self, console: Console) -> None:
        """Train, and print the table of results."""
        from baselines.stills.run import run_transfer

        print(run_transfer(self), end="")


PROGRAM = Program(
    about="Train the image classifiers of the first report on a dataset of stills.",
    groups={"models": {"scratch": Scratch, "transfer": Transfer}},
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run("python -m baselines.stills", PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
