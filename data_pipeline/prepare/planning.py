"""Plan a dataset: find what its lists name, and assign it to splits."""

import dataclasses
import os
from pathlib import Path
from typing import Literal

import tensorflow_datasets as tfds

from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.collect import join
from data_pipeline.annotations.ontology import read_ontology
from data_pipeline.builders.clips import Clips, ClipsConfig, name_effects, plan_clips
from data_pipeline.builders.dataset import Plan
from data_pipeline.builders.labelled_files import Grouping
from data_pipeline.builders.scenes import Scenes, plan_scenes
from data_pipeline.builders.staging import Rejected
from data_pipeline.builders.stills import Stills, StillsConfig, plan_stills
from data_pipeline.compose.builder import Composed, plan_composed
from data_pipeline.compose.config import ComposeConfig, read_compose_config
from temporal_foley.effects import DEFAULT_VOCABULARY, Vocabulary
from temporal_foley.errors import UsageError

Dataset = Literal["stills", "clips", "composed", "scenes"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """The options of `build`."""

    dataset: Dataset
    out: Path
    """Folder of all datasets."""
    files: tuple[Path, ...] = ()
    """Class folders, or CSV tables with the columns `file` and `class` (stills, composed)."""
    nothing: tuple[str, ...] = ()
    """Classes that are known not to be an effect; `other` always is one (stills, composed)."""
    leave_out: tuple[str, ...] = ()
    """Patterns of files to skip, such as `helicopter/frames/*`; other files keep their split."""
    annotations: tuple[Path, ...] = ()
    """The publisher's files (clips, scenes, and videos for composed)."""
    reader: str = "dcase"
    """Reads the annotations."""
    ontology: Path | None = None
    """AudioSet's, for the annotations."""
    media: Path | None = None
    """Folder of the annotated media."""
    frame_rate: float | None = None
    """In Hz; 4 by default."""
    config: Path | None = None
    """TOML file of `ComposeConfig` (composed)."""
    clips: int | None = None
    """Number of clips over all splits (composed)."""
    vocabulary: str = DEFAULT_VOCABULARY
    parts: str = "80_10_10"
    group: Grouping = "source"
    """What stays in one split: a folder of pictures, or pictures that are alike (`series`)."""
    seed: int = 0
    workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"--workers must be at least 1, got {self.workers}")
        if self.dataset in ("stills", "composed") and not self.files:
            raise UsageError(f"{self.dataset} needs --files: class folders or CSV tables")
        if self.dataset in ("clips", "scenes") or self.annotations:
            if not self.annotations or self.media is None:
                raise UsageError(f"{self.dataset} needs --annotations and --media")
            if self.reader not in READERS:
                known = ", ".join(READERS)
                raise UsageError(f"--reader must be one of {known}, got {self.reader!r}")


def make_plan(
    options: BuildOptions, vocabulary: Vocabulary
) -> tuple[type[tfds.core.GeneratorBasedBuilder], Plan]:
    """Read all lists and assign what they name to splits.

    Raises:
        UsageError: An option is out of range.
    """
    try:
        if options.dataset == "stills":
            return Stills, plan_stills(_stills(options), vocabulary)
        if options.dataset == "composed":
            return Composed, _composed(options, vocabulary)
        config = _clips(options)
        reading = join([READERS[options.reader].read(path) for path in options.annotations])
        rejected = tuple(Rejected(item=r.text, reason=r.reason) for r in reading.rejected)
        if options.dataset == "clips":
            ontology = read_ontology(options.ontology) if options.ontology else None
            plan = plan_clips(reading.clips, config, vocabulary, options.reader, ontology)
        else:
            plan = plan_scenes(reading.clips, config, vocabulary, options.reader)
    except ValueError as error:
        raise UsageError(str(error)) from None
    builder = Clips if options.dataset == "clips" else Scenes
    return builder, dataclasses.replace(plan, rejected=rejected + plan.rejected)


def _stills(options: BuildOptions) -> StillsConfig:
    return StillsConfig(
        paths=options.files,
        parts=options.parts,
        grouping=options.group,
        nothing=options.nothing,
        leave_out=options.leave_out,
        seed=options.seed,
    )


def _clips(options: BuildOptions) -> ClipsConfig:
    assert options.media is not None
    return ClipsConfig(
        media=options.media,
        frame_rate_hz=options.frame_rate or ClipsConfig.frame_rate_hz,
        parts=options.parts,
        seed=options.seed,
    )


def _composed(options: BuildOptions, vocabulary: Vocabulary) -> Plan:
    config = read_compose_config(options.config) if options.config else ComposeConfig()
    config = dataclasses.replace(
        config,
        frame_rate_hz=options.frame_rate or config.frame_rate_hz,
        clips=options.clips or config.clips,
    )
    if not options.annotations:
        return plan_composed(_stills(options), config, vocabulary)
    reading = join([READERS[options.reader].read(path) for path in options.annotations])
    ontology = read_ontology(options.ontology) if options.ontology else None
    items, rejected = name_effects(reading.clips, _clips(options).media, vocabulary, ontology)
    plan = plan_composed(_stills(options), config, vocabulary, items)
    return dataclasses.replace(plan, rejected=(*rejected, *plan.rejected))
