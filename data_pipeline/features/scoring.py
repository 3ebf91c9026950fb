"""Score cached features with a bundle.

The bridge from cached features to `temporal_foley.evaluation`, for `evaluate.py` and for fitting a
decision on validation data.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float32

from data_pipeline.features.record import FeatureRecord, record_labels
from data_pipeline.features.split import FeatureSplit
from temporal_foley.effects import Vocabulary
from temporal_foley.evaluation.scored_clip import ScoredClip, without_overlaps
from temporal_foley.models.bundle.bundle import Bundle
from temporal_foley.timeline import Event

LabelsOf = Literal["picture", "sound"] | None


def unscored_clip(
    record: FeatureRecord, dataset: str, vocabulary: Vocabulary, labels_of: LabelsOf = None
) -> ScoredClip:
    """Turn a record into a clip with its labels; all probabilities are 0."""
    labels = record_labels(record, vocabulary, modality=labels_of)
    duration = float(record.grid.end)
    events = [
        Event(
            effect=event.effect,
            onset=event.onset_s,
            offset=min(event.offset_s, duration),
            confidence=event.confidence,
        )
        for event in record.events
        if event.effect in vocabulary.names
        and event.strength == "frame"
        and event.onset_s < duration
        and (labels_of is None or event.modality in (labels_of, "both"))
    ]
    return ScoredClip(
        id=record.id,
        source=record.source,
        dataset=dataset,
        grid=record.grid,
        probabilities=np.zeros(labels.labels.shape, np.float32),
        labels=labels.labels,
        known=labels.known,
        has_sound=record.has_sound,
        has_picture=record.has_picture,
        reference=without_overlaps(events),
        clip_labels=labels.clip_labels,
        clip_known=labels.clip_known,
    )


def clips_and_logits(
    split: FeatureSplit,
    bundle: Bundle,
    *,
    labels_of: LabelsOf = None,
    with_sound: bool = True,
    done: Callable[[float], None] = lambda part: None,
) -> tuple[list[ScoredClip], list[Float32[np.ndarray, "_ outputs"]]]:
    """Return the labels of each record and the bundle's logits, the inputs of `fit_decision`."""
    clips, logits = [], []
    for number in range(len(split)):
        record = split[number]
        clips.append(unscored_clip(record, split.dataset(number), bundle.vocabulary, labels_of))
        logits.append(
            bundle.logits(
                record.visual,
                record.audio,
                has_picture=record.has_picture,
                has_sound=record.has_sound and with_sound,
            )
        )
        done((number + 1) / len(split))
    return clips, logits
