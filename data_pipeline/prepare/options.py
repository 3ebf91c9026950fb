"""The options of building a dataset."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated, Literal

from data_pipeline.annotations.records import Modality
from temporal_foley.cli.options import Arg
from temporal_foley.effects import DEFAULT_VOCABULARY
from temporal_foley.errors import UsageError

Dataset = Literal["stills", "clips", "composed", "scenes"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What to build, and of what."""

    dataset: Annotated[Dataset, Arg(positional=True, metavar="stills|clips|composed|scenes")]
    """Kind of dataset."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder of all datasets."""
    files: Annotated[tuple[Path, ...], Arg(metavar="PATH...")] = ()
    """Class folders, or CSV tables with the columns `file` and `class` (stills, composed)."""
    nothing: Annotated[tuple[str, ...], Arg(metavar="CLASS...")] = ()
    """Classes that are known not to be an effect; `other` always is one."""
    leave_out: Annotated[tuple[str, ...], Arg(metavar="PATTERN...")] = ()
    """Patterns of files to skip, such as `helicopter/frames/*`; other files keep their split."""
    annotations: Annotated[tuple[Path, ...], Arg(metavar="PATH...")] = ()
    """The publisher's files (clips, scenes, and videos for composed)."""
    reader: str = "dcase"
    """Reader of the annotations."""
    modality: Modality | None = None
    """What events are in tables without a column for it. (default: as the reader says)"""
    ontology: Annotated[Path | None, Arg(metavar="FILE")] = None
    """AudioSet's ontology, for the annotations."""
    media: Annotated[Path | None, Arg(metavar="DIR")] = None
    """Folder of the annotated media."""
    frame_rate: Annotated[float | None, Arg(metavar="HZ")] = None
    """Pictures per second. (default: 4)"""
    config: Annotated[Path | None, Arg(metavar="FILE.toml")] = None
    """File of `ComposeConfig`: the distribution of clips (composed)."""
    clips: int | None = None
    """Number of clips over all splits (composed)."""
    vocabulary: Annotated[str, Arg(metavar="NAME|FILE")] = DEFAULT_VOCABULARY
    """Effects to label."""
    parts: str = "80_10_10"
    """How to share out sources: 80_10_10, 60_20_20, 50_25_25 or stills_baseline."""
    group: Literal["source", "series"] = "source"
    """What stays in one split: a folder of pictures, or pictures that are alike (`series`)."""
    seed: int = 0
    """Seed of the splits and of composed clips."""
    workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    """Processes."""
    overwrite: bool = False
    """Replace an earlier dataset."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"must be at least 1, got {self.workers}", option="--workers")
        if self.dataset in ("stills", "composed") and not self.files:
            raise UsageError(f"{self.dataset} needs --files: class folders or CSV tables")
        needs_media = self.dataset in ("clips", "scenes") or bool(self.annotations)
        if needs_media and not (self.annotations and self.media):
            raise UsageError(f"{self.dataset} needs --annotations and --media")
