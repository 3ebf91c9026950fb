"""Analyse a video's own sound for timing: levels every 5 ms and effect tags every 0.16 s."""

from collections.abc import Iterable

from temporal_foley.effects import Vocabulary
from temporal_foley.models.audio.columns import Wave
from temporal_foley.models.audio.effect_tags import OTHER_SOUNDS, likeness, tagged_probabilities
from temporal_foley.models.audio.encoders import SILENCE
from temporal_foley.models.audio.geometry import count_columns
from temporal_foley.models.audio.heard_sound import HeardSound
from temporal_foley.models.audio.student import load_student
from temporal_foley.spotting.own_sound.evidence import SoundEvidence


def analyse_sound(
    sound: Iterable[Wave] | HeardSound, vocabulary: Vocabulary, samples: int
) -> SoundEvidence | None:
    """Analyse a sound of any length; return None if all of it is silent.

    Args:
        sound: Mono at 32 kHz in blocks, sample 0 at the first picture; or a `HeardSound`.
        vocabulary: The effects that may be audible.
        samples: Length of the video at 32 kHz.
    """
    heard = sound if isinstance(sound, HeardSound) else HeardSound(lambda: sound, samples)
    student = load_student()
    columns = heard.columns(student)[: count_columns(samples, student.columns_each)]
    if heard.peak < SILENCE:
        return None
    effects = [(effect.name, effect.audioset) for effect in vocabulary.effects]
    tags = tagged_probabilities(columns, [*effects, *OTHER_SOUNDS.items()])
    count = len(vocabulary)
    return SoundEvidence(
        vocabulary=vocabulary,
        levels=heard.levels,
        tags=tags[:, :count],
        speech=tags[:, count],
        music=tags[:, count + 1],
        likeness=likeness(columns, vocabulary.names),
    )
