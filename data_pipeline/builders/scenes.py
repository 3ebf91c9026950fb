"""Build the dataset `scenes` from clips of one scene each."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import tensorflow_datasets as tfds

from data_pipeline.annotations.records import AnnotatedClip
from data_pipeline.builders.clips import ClipItem, ClipsConfig, find_media, plan_items
from data_pipeline.builders.dataset import Plan, PlannedBuilder
from data_pipeline.builders.staging import Rejected
from temporal_foley.effects import Vocabulary


class Scenes(PlannedBuilder):
    """Clips of one scene each, to be seen and heard."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release of the schema."}


def plan_scenes(
    clips: Sequence[AnnotatedClip], config: ClipsConfig, vocabulary: Vocabulary, name: str
) -> Plan:
    """Use the one class of each clip as its scene; reject clips with none or several.

    Scenes are sorted by name. Their effects are unknown.
    """
    found, rejected = find_media(clips, config.media)
    items: list[ClipItem] = []
    for item in found:
        names = sorted({event.name for event in item.clip.events})
        if len(names) == 1:
            clip = dataclasses.replace(item.clip, events=())
            items.append(dataclasses.replace(item, clip=clip, scene=names[0]))
        else:
            rejected.append(
                Rejected(item=item.id, reason=f"has {len(names)} scenes, should have one")
            )
    return plan_items(
        items,
        rejected,
        config,
        vocabulary,
        f"scenes-{name}",
        version=str(Scenes.VERSION),
        scenes=tuple(sorted({item.scene for item in items})),
    )
