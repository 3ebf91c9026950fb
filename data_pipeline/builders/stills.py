"""Build the dataset `stills` from single pictures and sounds by class."""

import dataclasses
import fnmatch
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from data_pipeline.builders.absence import known_absent
from data_pipeline.builders.clips import ClipItem
from data_pipeline.builders.dataset import Plan, PlannedBuilder
from data_pipeline.builders.labelled_files import (
    Grouping,
    LabelledFile,
    check_known,
    read_labelled_files,
)
from data_pipeline.builders.pictures import SHORT_SIDE_PX, encode_picture, read_still, shrink
from data_pipeline.builders.sounds import read_mono, to_int16
from data_pipeline.builders.splits import PARTS, Member, assign_splits
from data_pipeline.builders.staging import Rejected, Work
from data_pipeline.schema import SOUND_RATE_HZ, EffectEvent, Example
from temporal_foley.effects import Vocabulary

LONGEST_SOUND_S = 30.0
STILL_S = 1.0
"""Nominal length of the event of a still."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StillsConfig:
    """The labelled files, and how they are assigned to splits."""

    paths: tuple[Path, ...] = ()
    parts: str = "80_10_10"
    grouping: Grouping = "source"
    nothing: tuple[str, ...] = ()
    """Classes that are known not to be an effect; `other` always is one."""
    leave_out: tuple[str, ...] = ()
    """Patterns of files to skip, though they count in the assignment of splits."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.parts not in PARTS:
            raise ValueError(f"stills.parts must be one of {', '.join(PARTS)}, got {self.parts!r}")
        if self.grouping not in ("source", "series"):
            raise ValueError(f"stills.grouping must be source or series, got {self.grouping!r}")


class Stills(PlannedBuilder):
    """Single pictures and sounds of a class each."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release of the schema."}


def plan_stills(config: StillsConfig, vocabulary: Vocabulary) -> Plan:
    """Read the lists of files and assign splits; no picture is decoded yet."""
    files, rejected = read_all(config, vocabulary)
    split_of = split_files(files, config)
    files, left_out = leave_out(files, config.leave_out)
    check_known(files, vocabulary)
    make = functools.partial(make_still, vocabulary=vocabulary)
    settings = f"{vocabulary.sha256} {Stills.VERSION} {SHORT_SIDE_PX} {LONGEST_SOUND_S}"
    return Plan(
        config_name=f"{vocabulary.name}-by_{config.grouping}-{config.parts}",
        description=f"{len(files)} files, split by {config.grouping} into {config.parts}",
        vocabulary=vocabulary,
        works={
            split: Work(
                name=f"stills-{split}",
                items=[file for file in files if split_of[file.source] == split],
                make=make,
                settings=settings,
            )
            for split in PARTS[config.parts].parts
        },
        rejected=(*rejected, *left_out),
    )


def read_all(
    config: StillsConfig, vocabulary: Vocabulary
) -> tuple[list[LabelledFile], list[Rejected]]:
    """Read all lists of labelled files."""
    files: list[LabelledFile] = []
    rejected: list[Rejected] = []
    for path in config.paths:
        some, some_rejected = read_labelled_files(
            path, vocabulary, nothing=config.nothing, grouping=config.grouping
        )
        files += some
        rejected += some_rejected
    return files, rejected


def leave_out(
    files: Sequence[LabelledFile], patterns: Sequence[str]
) -> tuple[list[LabelledFile], list[Rejected]]:
    """Remove the files whose names match one of the patterns.

    Raises:
        ValueError: No file matches a pattern.
    """
    fitting = {
        pattern: [file for file in files if fnmatch.fnmatchcase(file.id, pattern)]
        for pattern in patterns
    }
    if idle := [pattern for pattern, some in fitting.items() if not some]:
        raise ValueError(f"--leave-out must match a file, {idle[0]!r} matches none")
    left_out = {file.id for some in fitting.values() for file in some}
    rejected = [
        Rejected(item=file.id, reason="matches --leave-out")
        for file in files
        if file.id in left_out
    ]
    return [file for file in files if file.id not in left_out], rejected


def split_files(
    files: Sequence[LabelledFile], config: StillsConfig, clips: Sequence[ClipItem] = ()
) -> dict[str, str]:
    """Assign the sources to splits; pictures, sounds and clips of a class are counted apart."""
    members = [
        Member(
            source=file.source,
            classes=tuple(f"{file.medium} {name}" for name in file.member.classes),
            split=file.split,
        )
        for file in files
    ]
    members += [
        Member(
            source=item.clip.source,
            classes=tuple({f"clip {event.name}": None for event in item.clip.events}),
            split=item.split,
        )
        for item in clips
    ]
    return assign_splits(members, PARTS[config.parts], config.seed)


def make_still(file: LabelledFile, *, vocabulary: Vocabulary) -> Example:
    """Make the example of one picture or sound.

    Raises:
        MediaError: The file cannot be read.
    """
    times_s, pictures, sound = np.zeros(0, np.float64), (), np.zeros(0, np.int16)
    length_s = STILL_S
    if file.medium == "picture":
        picture = shrink(read_still(file.path))
        times_s, pictures = np.zeros(1, np.float64), (encode_picture(picture),)
    else:
        heard = read_mono(file.path)[: round(LONGEST_SOUND_S * SOUND_RATE_HZ)]
        sound = to_int16(heard)
        length_s = len(sound) / SOUND_RATE_HZ
    events = tuple(
        EffectEvent(
            effect=name,
            onset_s=0.0,
            offset_s=length_s,
            modality="picture" if file.medium == "picture" else "sound",
            # The label does not say when in a recording it sounds.
            strength="frame" if file.medium == "picture" else "clip",
        )
        for name in file.effects
    )
    return Example(
        id=f"{file.medium}/{file.id}",
        source=file.source,
        origin=file.path.name,
        licence=file.licence,
        times_s=times_s,
        pictures=pictures,
        sound=sound,
        events=events,
        labelled=known_absent(file.effects, vocabulary) if file.is_known else (),
    )
