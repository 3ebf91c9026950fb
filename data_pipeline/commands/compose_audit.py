"""The command `compose-audit`: check that composing does not give classes away."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComposeAudit:
    """Measure how well classes can be distinguished by traces that composing leaves."""

    files: Annotated[tuple[Path, ...], Arg(metavar="PATH...")]
    """Class folders, or CSV tables with the columns `file` and `class`."""
    vocabulary: Annotated[str, Arg(metavar="NAME|FILE")] = DEFAULT_VOCABULARY
    """Effects to label."""
    each: int = 150
    """Pictures per class."""

    def run(self, console: Console) -> None:
        """Print the ROC-AUC of each class."""
        from data_pipeline.builders.stills import StillsConfig, read_all
        from data_pipeline.compose.audit import audit
        from data_pipeline.compose.pools import make_pools

        vocabulary = load_vocabulary(self.vocabulary)
        files, _ = read_all(StillsConfig(paths=self.files), vocabulary)
        pictures = [file for file in files if file.medium == "picture"]
        for way, score in audit(make_pools(pictures, vocabulary)[0], self.each).items():
            console.print(
                f"{way}: macro ROC-AUC {score.macro_auc:.3f}, accuracy {score.accuracy:.3f}"
            )
            for name, auc in sorted(score.auc.items(), key=lambda item: -item[1]):
                console.print(f"  {auc:.3f}  {name}")
