"""The commands `decide`, `background` and `fine-tune`: change a bundle after training."""

import dataclasses

from data_pipeline.after_training.options import (
    BackgroundOptions,
    DecideOptions,
    FineTuneOptions,
)
from temporal_foley.cli.console import Console


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decide(DecideOptions):
    """Fit the decision of a bundle on features: its calibration and thresholds.

    The new bundle differs only in its decision.
    """

    def run(self, console: Console) -> None:
        """Fit the decision, and write the bundle."""
        from data_pipeline.after_training import decide

        decide.run(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddBackground(BackgroundOptions):
    """Add example pictures of everything else to a bundle, so that `teach` works better with it.

    What the bundle detects stays as it is.
    """

    def run(self, console: Console) -> None:
        """Choose the pictures, and write the bundle."""
        from data_pipeline.after_training import background

        background.run(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTune(FineTuneOptions):
    """Fine-tune a bundle end to end, its image network and its tagger, on pictures.

    The same command continues a run that was stopped.
    """

    def run(self, console: Console) -> int:
        """Fine-tune, and write the bundle."""
        from data_pipeline.after_training import fine_tune
        from temporal_foley.training.checkpoint import disk_errors_told

        with disk_errors_told(self.out):
            return fine_tune.run(self)
