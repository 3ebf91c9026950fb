"""Define the options of `temporal-foley train`."""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.builders.labelled_files import Grouping
from temporal_foley.errors import UsageError

if TYPE_CHECKING:
    from temporal_foley.training.config import Config


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What to train on, and how."""

    out: Path
    pictures: Path | None = None
    """Folder of pictures by class: DIR/CLASS/[SOURCE/]FILE."""
    sounds: Path | None = None
    """Folder of sounds by class."""
    videos: Path | None = None
    """Folder of videos, by class unless there are annotations."""
    annotations: Path | None = None
    """Times of the events in the videos."""
    reader: str = "dcase"
    """Reads the annotations."""
    vocabulary: str | None = None
    """Name or file; by default made from the names of the folders."""
    nothing: tuple[str, ...] = ()
    """Classes that show none of the effects, besides `other`."""
    leave_out: tuple[str, ...] = ()
    """Patterns of files to skip."""
    group: Grouping = "source"
    """What stays in one split."""
    config: "Config | None" = None
    """Settings of the training; by default those of foley20."""
    steps: int | None = None
    clips: int | None = None
    """Number of clips to compose from pictures and sounds."""
    baseline: bool = True
    """Train a tagger of single frames too, to compare with."""
    workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    demo: bool = False
    """Draw a set, instead of reading folders."""
    overwrite: bool = False
    """Train again in a folder that was started with other settings."""

    def __post_init__(self) -> None:
        folders = (self.pictures, self.sounds, self.videos)
        if self.demo and any(folder is not None for folder in folders):
            raise UsageError("needs no folders", option="--demo", remedy="leave out the others")
        if not self.demo and all(folder is None for folder in folders):
            raise UsageError(
                "nothing to train on",
                remedy="give --pictures DIR, --sounds DIR or --videos DIR, or try --demo",
            )
        if self.annotations is not None and self.videos is None:
            raise UsageError("needs --videos DIR", option="--annotations")
        for name in ("pictures", "sounds", "videos"):
            folder = getattr(self, name)
            if folder is not None and not folder.is_dir():
                raise UsageError("no such folder", option=f"--{name}", path=folder)
        if self.annotations is not None and not self.annotations.exists():
            raise UsageError("no such file", option="--annotations", path=self.annotations)
        for name in ("steps", "clips", "workers"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UsageError(f"must be at least 1, got {value}", option=f"--{name}")

    @property
    def work(self) -> Path:
        """Folder of everything that can be made again."""
        return self.out / "work"

    @property
    def vocabulary_file(self) -> Path:
        """The vocabulary that is trained on; its name is that of the one given."""
        name = Path(self.vocabulary).stem if self.vocabulary else self.out.resolve().name
        return self.work / f"{name}.toml"
