"""Recompute the audio features with another network, and keep the image features.

    python -m data_pipeline.features.relisten DATASET --split train --features FEATURES --out NEW

Records are matched by the hash of their media. Finished shards are kept.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_pipeline.features.extractor import RejectedItem
from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.source import FeatureSource
from data_pipeline.features.store import (
    FeatureStore,
    begin,
    finish,
    read_note,
    shard_name,
    write_shard,
)
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.models.audio.encoders import AudioEncoder, listen


def relisten(
    source: FeatureSource, old: FeatureStore, folder: Path, encoder: AudioEncoder
) -> FeatureStore:
    """Write the records of a store with the embeddings of another audio network.

    Args:
        source: What the store was made from.
        old: Features of the source.
        folder: Where the new ones go.
        encoder: What listens.
    """
    if old.settings["source"] != source.digest:
        raise UsageError(
            "was not made from this dataset", path=old.folder, remedy="extract it anew"
        )
    settings = {
        **old.settings,
        "listener": encoder.name,
        "weights": {**old.settings["weights"], "listener": encoder.sha256},
    }
    begin(folder, settings)
    known = {record.sha256: record for record in (old[i] for i in range(len(old)))}
    size, notes = settings["items_per_shard"], []
    for number in range(settings["shards"]):
        name = shard_name(number, settings["shards"])
        note = read_note(folder, name)
        if note is None:
            items = range(number * size, min((number + 1) * size, len(source)))
            note = write_shard(folder, name, _listen(source, items, known, encoder))
        notes.append(note)
        print(f"{folder}: shard {number + 1} of {settings['shards']}", flush=True)
    finish(folder, settings, notes)
    return FeatureStore(folder)


def _listen(
    source: FeatureSource, items: range, known: dict[str, FeatureRecord], encoder: AudioEncoder
) -> Iterator[FeatureRecord | RejectedItem]:
    for item in items:
        try:
            material = source.load(item, next(iter(known.values())).frame_rate)
            record = known.get(material.sha256)
            if record is None:
                yield RejectedItem(item=source.name(item), reason="was rejected before")
                continue
            # Copies of one file share their hash; each keeps what is its own.
            facts = material.facts
            record = dataclasses.replace(
                record,
                id=facts.id,
                source=facts.source,
                events=facts.events,
                labelled=facts.labelled,
            )
            if material.sound is not None:
                heard = listen(encoder, material.sound(), material.grid)
                if heard is None and not record.has_picture:
                    yield RejectedItem(item=source.name(item), reason="holds only silence")
                    continue
                audio = np.zeros_like(record.audio) if heard is None else heard
                record = dataclasses.replace(record, audio=audio, has_sound=heard is not None)
            yield record
        except (FoleyError, ValueError, OSError) as error:
            yield RejectedItem(item=source.name(item), reason=str(error) or type(error).__name__)
