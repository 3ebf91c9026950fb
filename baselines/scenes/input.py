"""Read the cached features of clips with one scene each, to train scene heads on.

The folder holds a folder of features per split (`train`, `test` and perhaps `validation`), of a
dataset `scenes` or made by `baselines.scenes.pairs`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from baselines.scenes.clips import SceneClips
from data_pipeline.builders.splits import TEST, TRAIN, VALIDATION, Member, Parts, assign_splits
from data_pipeline.features.record import FeatureError, FeatureRecord
from data_pipeline.features.store import FeatureStore
from temporal_foley.errors import UsageError

# A published set may come without a split to choose on (TAU Urban Audio-Visual Scenes does).
_HELD_OUT = Parts(name="90_10", parts={TRAIN: 0.9, VALIDATION: 0.1})


def open_scene_splits(folder: Path, *, seed: int = 0) -> dict[str, SceneClips]:
    """Read training, validation and test clips; all have the length of the longest.

    Without a validation split a tenth of the training clips is held out by source.

    Raises:
        UsageError: The folder has no features of training or test clips.
        FeatureError: A clip has no scene, or the test has one that training has not.
    """
    stores = {
        split: FeatureStore(folder / split)
        for split in (TRAIN, VALIDATION, TEST)
        if (folder / split / "manifest.json").is_file()
    }
    for split in (TRAIN, TEST):
        if split not in stores:
            raise UsageError(
                "no finished features there",
                path=folder / split,
                remedy="see docs/how-to/baselines.md",
            )
    frames = max(max(store.frames, default=1) for store in stores.values())
    records = {split: _complete(store) for split, store in stores.items()}
    names = tuple(sorted({record.scene for record in records[TRAIN]}))
    clips = {split: _stack(folder / split, records.pop(split), names, frames) for split in stores}
    if VALIDATION not in clips:
        clips |= _hold_out(clips[TRAIN], seed)
    return clips


def _complete(store: FeatureStore) -> list[FeatureRecord]:
    """Read the records that have both modalities."""
    records = (store[place] for place in range(len(store)))
    return [record for record in records if record.has_picture and record.has_sound]


def _stack(
    folder: Path, records: Sequence[FeatureRecord], names: Sequence[str], frames: int
) -> SceneClips:
    if not records:
        raise FeatureError(
            "has no clip with pictures and sound", path=folder, remedy="extract others"
        )
    scenes = []
    for record in records:
        if not record.scene:
            raise FeatureError(
                f"{record.id} has no scene", path=folder, remedy="give features of scenes"
            )
        if record.scene not in names:
            raise FeatureError(f"{record.id} is {record.scene}, which is not in train", path=folder)
        scenes.append(names.index(record.scene))

    def padded(name: str) -> np.ndarray:
        width = getattr(records[0], name).shape[1]
        room = np.zeros((len(records), frames, width), np.float16)
        for row, record in zip(room, records, strict=True):
            row[: record.frames] = getattr(record, name)
        return room

    return SceneClips(
        visual=padded("visual"),
        audio=padded("audio"),
        lengths=np.array([record.frames for record in records], np.int32),
        scenes=np.array(scenes, np.int32),
        names=tuple(names),
        sources=tuple(record.source for record in records),
    )


def _hold_out(train: SceneClips, seed: int) -> dict[str, SceneClips]:
    members = [
        Member(source=source, classes=(train.names[scene],))
        for source, scene in zip(train.sources, train.scenes, strict=True)
    ]
    split_of = assign_splits(members, _HELD_OUT, seed)
    splits = np.array([split_of[source] for source in train.sources])
    places = {split: np.flatnonzero(splits == split) for split in (TRAIN, VALIDATION)}
    if not len(places[VALIDATION]):
        raise UsageError(
            f"{len(set(train.sources))} sources to train on are too few to hold some out; "
            "give features of a validation split"
        )
    return {split: train.select(chosen) for split, chosen in places.items()}
