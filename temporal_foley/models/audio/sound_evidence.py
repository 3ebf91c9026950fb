"""Analyse a video's own sound for timing: levels every 5 ms and effect tags every 0.16 s."""

from collections.abc import Iterable, Iterator

import numpy as np

from temporal_foley.effects import Vocabulary
from temporal_foley.models.audio.columns import Wave
from temporal_foley.models.audio.effect_tags import OTHER_SOUNDS, tagged_probabilities
from temporal_foley.models.audio.encoders import SILENCE
from temporal_foley.models.audio.student import load_student
from temporal_foley.spotting.own_sound.evidence import SoundEvidence
from temporal_foley.spotting.own_sound.onset_strength import LevelMeter


def analyse_sound(
    sound: Iterable[Wave], vocabulary: Vocabulary, samples: int
) -> SoundEvidence | None:
    """Analyse a sound of any length; return None if all of it is silent.

    Args:
        sound: Mono at 32 kHz in blocks, sample 0 at the first picture.
        vocabulary: The effects that may be audible.
        samples: Length of the video at 32 kHz.
    """
    meter = LevelMeter()
    peak = 0.0

    def passed_on(blocks: Iterable[Wave]) -> Iterator[Wave]:
        nonlocal peak
        for block in blocks:
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            meter.add(block)
            yield block

    columns = load_student().column_embeddings(passed_on(sound), samples)
    if peak < SILENCE:
        return None
    effects = [(effect.name, effect.audioset) for effect in vocabulary.effects]
    tags = tagged_probabilities(columns, [*effects, *OTHER_SOUNDS.items()])
    count = len(vocabulary)
    return SoundEvidence(
        vocabulary=vocabulary,
        levels=meter.levels(),
        tags=tags[:, :count],
        speech=tags[:, count],
        music=tags[:, count + 1],
    )
