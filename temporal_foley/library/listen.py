"""Classify sounds among the effects of a vocabulary with the shipped audio network.

The student network computes features, and the tag layer of its teacher turns them into
probabilities of AudioSet classes. The probability of an effect is the highest of its classes.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
import soxr
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.library.effect_names import Recognition

LISTENING_RATE_HZ = 32_000
WINDOWS_S = (2.56, 10.24)
"""Sounds are repeated to fill one of these: the network is compiled for these lengths only."""
AT_ONCE = 16

# How often the most probable effect is correct at a probability, over about a thousand free sounds
# with known classes: the tag layer on the student's features underestimates.
_PROBABLE = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
_CONFIDENT = (0.0, 0.25, 0.4, 0.65, 0.9, 0.98)

# How much more probable than any effect a class outside the vocabulary must be.
_CLEARLY = 2.0
_TOO_GENERAL = frozenset(
    {
        *("speech", "music", "silence", "noise", "vehicle", "animal", "sound_effect", "engine"),
        *("inside_small_room", "inside_large_room_or_hall", "inside_public_space", "mechanisms"),
        *("outside_urban_or_manmade", "outside_rural_or_natural", "water", "wild_animals"),
        *("domestic_animals_pets", "tools", "wood", "glass", "liquid", "bell", "alarm", "siren"),
    }
)

Wave = Float[np.ndarray, " _"]
Embed = Callable[[Float[np.ndarray, "sounds samples"]], Float[np.ndarray, "sounds features"]]


class Listener:
    """An audio classifier; the network is loaded at the first sound."""

    def __init__(self, vocabulary: Vocabulary, embed: Embed | None = None):
        from temporal_foley.models.audio.audioset import audioset_classes, class_places

        self._effects = [effect for effect in vocabulary.effects if effect.audioset]
        self._places = [class_places(effect.audioset) for effect in self._effects]
        self._own_names = [_plain_name(one.name) for one in audioset_classes()]
        taken = {place for places in self._places for place in places}
        self._is_other = np.array(
            [
                place not in taken and name not in _TOO_GENERAL
                for place, name in enumerate(self._own_names)
            ]
        )
        self._embed = embed

    def recognise(self, waves: Sequence[Wave]) -> list[Recognition]:
        """Return the most probable effect of each sound (mono at 32 kHz), however uncertain."""
        if not waves or not self._effects:
            return [Recognition(by="listening")] * len(waves)
        tags = self._tags(waves)
        found = []
        for row, all_tags in zip(self._of_effects(tags), tags, strict=True):
            best = int(np.argmax(row))
            name, probability = self._effects[best].name, float(row[best])
            other = int(np.argmax(np.where(self._is_other, all_tags, 0.0)))
            # A bleep is no siren: what is clearly of another class keeps the name of that class.
            if all_tags[other] > _CLEARLY * probability:
                name, probability = self._own_names[other], float(all_tags[other])
            confidence = round(float(np.interp(probability, _PROBABLE, _CONFIDENT)), 3)
            found.append(Recognition(effect=name, confidence=confidence, by="listening"))
        return found

    def probabilities(self, waves: Sequence[Wave]) -> Float[np.ndarray, "sounds effects"]:
        """Return the probability of each effect that has an AudioSet class, for each sound."""
        return self._of_effects(self._tags(waves))

    def _tags(self, waves: Sequence[Wave]) -> Float[np.ndarray, "sounds classes"]:
        from temporal_foley.models.audio.tag_layer import tag_probabilities

        return tag_probabilities(self.embeddings(waves))

    def _of_effects(
        self, tags: Float[np.ndarray, "sounds classes"]
    ) -> Float[np.ndarray, "sounds effects"]:
        return np.stack([tags[:, places].max(axis=1) for places in self._places], axis=1)

    def embeddings(self, waves: Sequence[Wave]) -> Float[np.ndarray, "sounds features"]:
        """Return the features of sounds, processing those of one length together."""
        embed = self._embed = self._embed or _load_student()
        filled = [fill_window(wave) for wave in waves]
        order = sorted(range(len(filled)), key=lambda place: len(filled[place]))
        rows: dict[int, Float[np.ndarray, " features"]] = {}
        for length in sorted({len(wave) for wave in filled}):
            same = [place for place in order if len(filled[place]) == length]
            for first in range(0, len(same), AT_ONCE):
                some = same[first : first + AT_ONCE]
                rows.update(zip(some, embed(np.stack([filled[i] for i in some])), strict=True))
        return np.stack([rows[place] for place in range(len(filled))])


def fill_window(wave: Wave) -> Wave:
    """Cut a sound to the longest window, or repeat it until it fills one."""
    wave = wave[: _samples(WINDOWS_S[-1])]
    length = next(_samples(window) for window in WINDOWS_S if len(wave) <= _samples(window))
    if not len(wave):
        return np.zeros(length, np.float32)
    return np.resize(wave, length).astype(np.float32)


def listening_wave(samples: Float[np.ndarray, "samples channels"], rate_hz: int) -> Wave:
    """Convert a recording to the network's input: mono, at 32 kHz, up to the longest window."""
    longest = int((WINDOWS_S[-1] + 1.0) * rate_hz)
    mono = samples[:longest].mean(axis=1)
    return soxr.resample(mono, rate_hz, LISTENING_RATE_HZ).astype(np.float32)


def _plain_name(name: str) -> str:
    """Return the name of an AudioSet class as the name of an effect: `beep_bleep`."""
    return re.sub(r"[^a-z]+", "_", re.sub(r"['()]", "", name.lower())).strip("_")[:48]


def _samples(seconds: float) -> int:
    return round(seconds * LISTENING_RATE_HZ)


def _load_student() -> Embed:
    from temporal_foley.models.audio.student import load_student
    from temporal_foley.models.compilation import enable_compilation_cache

    enable_compilation_cache()
    return load_student().clip_embeddings
