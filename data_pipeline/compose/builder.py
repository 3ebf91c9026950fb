"""Build the dataset `composed`: clips with exact labels from stills, recordings and videos."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from data_pipeline.builders.clips import ClipItem
from data_pipeline.builders.dataset import Plan, PlannedBuilder
from data_pipeline.builders.labelled_files import LabelledFile, check_known
from data_pipeline.builders.splits import PARTS
from data_pipeline.builders.staging import Rejected, Work
from data_pipeline.builders.stills import StillsConfig, leave_out, read_all, split_files
from data_pipeline.compose.clip import ClipNumber, compose_clip
from data_pipeline.compose.config import ComposeConfig
from data_pipeline.compose.pools import Pools, make_pools
from temporal_foley.effects import Vocabulary


class Composed(PlannedBuilder):
    """Clips composed of stills and recordings, with exact labels."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.1.0": "Videos as shots, cut-outs along outlines, effects that stay behind a cut.",
        "1.0.0": "First release of the schema.",
    }


def plan_composed(
    stills: StillsConfig,
    config: ComposeConfig,
    vocabulary: Vocabulary,
    clips: Sequence[ClipItem] = (),
) -> Plan:
    """Read the lists of files, assign splits as `stills` does, and open each picture once.

    Videos are assigned apart, so that the stills keep the splits that they have without videos.
    """
    files, rejected = read_all(stills, vocabulary)
    split_of = split_files(files, stills, clips)
    files, left_out = leave_out(files, stills.leave_out)
    check_known(files, vocabulary)
    rejected += left_out
    works: dict[str, Work] = {}
    parts = PARTS[stills.parts]
    for split, part in parts.parts.items():
        of_split = [file for file in files if split_of[file.source] == split]
        clips_of_split = [clip for clip in clips if split_of[clip.clip.source] == split]
        pools, split_rejected = make_pools(of_split, vocabulary, clips_of_split)
        rejected += split_rejected
        count = max(1, round(config.clips * part)) if of_split or clips_of_split else 0
        works[split] = Work(
            name=f"composed-{split}",
            items=[
                ClipNumber(split=split, index=config.first_clip + i, seed=stills.seed)
                for i in range(count)
            ],
            make=functools.partial(compose_clip, pools=pools, config=config, vocabulary=vocabulary),
            settings=_digest(vocabulary, config, of_split, pools),
        )
    name = f"{vocabulary.name}-by_{stills.grouping}-{stills.parts}-{config.clips}_clips"
    name += "-with_videos" if clips else ""
    name += f"-from_{config.first_clip}" if config.first_clip else ""
    return Plan(
        config_name=f"{name}-seed_{stills.seed}",
        description=f"{config.clips} clips of {len(files)} files and {len(clips)} videos",
        vocabulary=vocabulary,
        works=works,
        rejected=tuple(Rejected(item=r.item, reason=r.reason) for r in rejected),
    )


def _digest(
    vocabulary: Vocabulary, config: ComposeConfig, files: Iterable[Any], pools: Pools
) -> str:
    digest = hashlib.sha256(f"{vocabulary.sha256} {Composed.VERSION} {config!r}".encode())
    for file in files:
        # Not the path: the same files elsewhere give the same clips.
        digest.update(repr(_unplaced(file)).encode())
    for video in sorted({v.file.id: v for some in pools.videos.values() for v in some}.items()):
        # The file's digest covers its sound too, unless that is another file.
        told = dataclasses.replace(video[1], sound_path=None)
        digest.update(repr(dataclasses.replace(told, file=_unplaced(told.file))).encode())
        digest.update(repr(video[1].sound_path is not None).encode())
    return digest.hexdigest()


def _unplaced(file: LabelledFile) -> LabelledFile:
    return dataclasses.replace(file, path=Path())
