"""Dataset `composed`: labelled stills and recordings in, clips with exact labels out."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from data_pipeline.builders.dataset import Plan, PlanConfig, dataset_info, split_generators
from data_pipeline.builders.staging import Rejected, Work
from data_pipeline.builders.stills import StillsConfig, read_all, split_files
from data_pipeline.compose import ClipNumber, compose_clip, make_pools
from data_pipeline.compose_config import ComposeConfig
from data_pipeline.splits import PARTS
from temporal_foley.effects import Vocabulary


class Composed(tfds.core.GeneratorBasedBuilder):
    """Clips composed of stills and recordings."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release of the schema."}
    BUILDER_CONFIGS: ClassVar[list[PlanConfig]] = []

    def _info(self) -> tfds.core.DatasetInfo:
        return dataset_info(self, "Clips composed of stills and recordings, with exact labels.")

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterable[tuple[str, Any]]]:
        return split_generators(self)

    def _generate_examples(self, **kwargs: Any) -> Iterable[tuple[str, Any]]:
        raise NotImplementedError("the splits are streams already")


def plan_composed(stills: StillsConfig, config: ComposeConfig, vocabulary: Vocabulary) -> Plan:
    """Read the lists of files, share them out as `stills` does, and open each picture once."""
    files, rejected = read_all(stills, vocabulary)
    split_of = split_files(files, stills)
    works: dict[str, Work] = {}
    parts = PARTS[stills.parts]
    for split, part in parts.parts.items():
        of_split = [file for file in files if split_of[file.source] == split]
        pools, split_rejected = make_pools(of_split, vocabulary)
        rejected += split_rejected
        count = max(1, round(config.clips * part)) if of_split else 0
        works[split] = Work(
            name=f"composed-{split}",
            items=[ClipNumber(split=split, index=i, seed=stills.seed) for i in range(count)],
            make=functools.partial(compose_clip, pools=pools, config=config, vocabulary=vocabulary),
            settings=_digest(vocabulary, config, of_split),
        )
    name = f"{vocabulary.name}-by_{stills.grouping}-{stills.parts}-{config.clips}_clips"
    return Plan(
        config_name=f"{name}-seed_{stills.seed}",
        description=f"{config.clips} clips of {len(files)} files",
        vocabulary=vocabulary,
        works=works,
        rejected=tuple(Rejected(item=r.item, reason=r.reason) for r in rejected),
    )


def _digest(vocabulary: Vocabulary, config: ComposeConfig, files: Iterable[Any]) -> str:
    digest = hashlib.sha256(f"{vocabulary.sha256} {Composed.VERSION} {config!r}".encode())
    for file in files:
        # Not the path: the same files elsewhere give the same clips.
        digest.update(repr(dataclasses.replace(file, path="")).encode())
    return digest.hexdigest()
