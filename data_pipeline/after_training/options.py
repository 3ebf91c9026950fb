"""The options of what is done with a bundle after training."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from temporal_foley.cli.options import Arg
from temporal_foley.errors import UsageError

BundleArg = Annotated[Path, Arg(positional=True, metavar="BUNDLE")]
Folder = Annotated[Path, Arg(metavar="FEATURES")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecideOptions:
    """How to fit the decision of a bundle."""

    bundle: BundleArg
    """The bundle."""
    data: Folder
    """Folder of features that it was not trained on."""
    split: tuple[str, ...] = ("validation",)
    """Splits of the features."""
    leave_out: Annotated[tuple[str, ...], Arg(metavar="PATTERN...")] = ()
    """Clips to ignore, by patterns of their names, because their labels are a matter of taste."""
    out_of_fold: Annotated[tuple[str, ...], Arg(metavar="BUNDLE:SPLIT...")] = ()
    """More splits, each with a bundle that was not trained on it: for a bundle that was trained on
    everything, together with bundles that were trained on its folds."""
    common: Annotated[float | None, Arg(metavar="PROBABILITY")] = None
    """One threshold for all effects, on calibrated probabilities. With few real videos it
    generalises better than one threshold per effect."""
    datasets: Annotated[tuple[str, ...], Arg(metavar="NAME...")] = ()
    """Only these datasets."""
    out: Annotated[Path | None, Arg(metavar="BUNDLE", short="-o")] = None
    """Folder of the new bundle. (default: only print the decision)"""
    card: Annotated[Path | None, Arg(metavar="FILE")] = None
    """Text to put into the bundle as its card."""
    rule: Literal["max_f1", "false_alarm_rate", "false_cues"] = "max_f1"
    """What thresholds are chosen by."""
    most: float = 1.0
    """Limit of the last two rules: a share, or cues per minute."""
    decoder: Literal["mode", "median", "hysteresis", "semi_markov"] = "hysteresis"
    """How probabilities become events."""
    least_clips: int = 4
    """Effects in fewer clips keep their default thresholds."""
    raw: bool = False
    """Do not calibrate the logits."""
    smoothing: Literal["none", "mean", "gaussian"] = "mean"
    """How to smooth probabilities over time."""
    window: Annotated[float, Arg(metavar="SECONDS")] = 1.25
    """Length of the smoothing window."""
    without_sound: bool = False
    """Decide as if no clip had any sound."""
    overwrite: bool = False
    """Replace an earlier bundle."""

    def folds(self) -> list[tuple[Path, str]]:
        """Return the bundles and splits of `out_of_fold`."""
        pairs = [text.rpartition(":") for text in self.out_of_fold]
        for text, (bundle, _, split) in zip(self.out_of_fold, pairs, strict=True):
            if not bundle or not split:
                raise UsageError(f"must be BUNDLE:SPLIT, got {text!r}", option="--out-of-fold")
        return [(Path(bundle), split) for bundle, _, split in pairs]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackgroundOptions:
    """What to take as examples of everything else."""

    bundle: BundleArg
    """The bundle."""
    data: Folder
    """Folder of features."""
    out: Annotated[Path, Arg(metavar="BUNDLE", short="-o")]
    """Folder of the new bundle."""
    split: str = "train"
    """Split of the features."""
    datasets: Annotated[tuple[str, ...], Arg(metavar="NAME...")] = ()
    """Only these datasets."""
    pictures: int = 512
    """Pictures to keep, of as many sources as possible."""
    without: Annotated[tuple[str, ...], Arg(metavar="EFFECT...")] = ()
    """Leave out all pictures of these effects, to try `teach` on them."""
    overwrite: bool = False
    """Replace an earlier bundle."""

    def __post_init__(self) -> None:
        if self.pictures < 16:
            raise UsageError(f"must be at least 16, got {self.pictures}", option="--pictures")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuneOptions:
    """How to fine-tune a bundle."""

    bundle: BundleArg
    """The bundle, trained on features of a frozen backbone."""
    data: Annotated[Path, Arg(metavar="BUILT")]
    """Folder of built datasets, with the splits train and validation."""
    out: Annotated[Path, Arg(metavar="BUNDLE", short="-o")]
    """Folder of the new bundle."""
    run_folder: Annotated[Path | None, Arg(metavar="RUN", short="--run")] = None
    """Folder of the run. (default: BUNDLE.run)"""
    datasets: Annotated[tuple[str, ...], Arg(metavar="NAME...")] = ()
    """Train on these datasets only."""
    steps: int = 200
    """Training steps."""
    batch_size: Annotated[int, Arg(metavar="CLIPS")] = 2
    """Clips per step."""
    frames: int = 8
    """Frames per clip."""
    learning_rate: float = 1e-5
    """Learning rate of the backbone."""
    head_learning_rate: float = 1e-4
    """Learning rate of the tagger."""
    freeze_steps: int = 0
    """Train only the tagger for the first steps."""
    augment: bool = True
    """Change pictures at random."""
    validation_clips: int = 40
    """Clips per dataset to validate on, evenly chosen."""
    evaluate_every: int | None = None
    """Steps between evaluations. (default: a quarter of all steps)"""
    seed: int = 0
    """Seed of the order of clips."""
    overwrite: bool = False
    """Replace an earlier bundle."""
    quiet: bool = False
    """Do not show progress."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "frames", "validation_clips", "evaluate_every"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UsageError(f"must be at least 1, got {value}", option=_flag(name))
        for name in ("learning_rate", "head_learning_rate"):
            if not 0.0 < (value := getattr(self, name)) < 1.0:
                raise UsageError(f"must be in (0, 1), got {value}", option=_flag(name))
        if not 0 <= (value := self.freeze_steps) < self.steps:
            raise UsageError(f"must be in [0, steps), got {value}", option="--freeze-steps")
        if self.seed < 0:
            raise UsageError(f"must be at least 0, got {self.seed}", option="--seed")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
