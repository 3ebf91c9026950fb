"""Dataset `scenes`: clips of one scene each in, clips with pictures, sound and the scene out."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from data_pipeline.annotations.records import AnnotatedClip
from data_pipeline.builders.clips import ClipItem, ClipsConfig, find_media, plan_items
from data_pipeline.builders.dataset import Plan, PlanConfig, dataset_info, split_generators
from data_pipeline.builders.staging import Rejected
from temporal_foley.effects import Vocabulary


class Scenes(tfds.core.GeneratorBasedBuilder):
    """Clips of one scene each."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release of the schema."}
    BUILDER_CONFIGS: ClassVar[list[PlanConfig]] = []

    def _info(self) -> tfds.core.DatasetInfo:
        return dataset_info(self, "Clips of one scene each, to be seen and heard.")

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterable[tuple[str, Any]]]:
        return split_generators(self)

    def _generate_examples(self, **kwargs: Any) -> Iterable[tuple[str, Any]]:
        raise NotImplementedError("the splits are streams already")


def plan_scenes(
    clips: Sequence[AnnotatedClip], config: ClipsConfig, vocabulary: Vocabulary, name: str
) -> Plan:
    """Take the one class of each clip as its scene; clips of none or several are left out.

    The order of the scenes is that of their names. Of effects nothing is known in them.
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
