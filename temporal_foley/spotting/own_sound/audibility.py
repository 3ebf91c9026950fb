"""Decide whether an effect that the detector expects is audible in the video's own sound.

The tag of the effect alone is not enough: a door that slams gives a dog some of a tag, too. What
counts is the best moments of the effect's tag, how far they stand out from the rest of the stretch,
and how probable other effects, speech and music are at these moments. A logistic regression weighs
them (`benchmarks/detection/fit_audibility.py`); its weights are the same for all effects, so that
none learns the few recordings that there are of it.
"""

import numpy as np
from jaxtyping import Float

from temporal_foley.spotting.own_sound.evidence import SoundEvidence

BEST_PART, GOOD_PART = 0.06, 0.2
"""Parts of the columns of a stretch whose tags are averaged."""
FEATURES = ("best", "stands_out", "others", "speech", "music", "all_speech", "all_music")
WEIGHTS = (0.742, 0.472, -1.017, -0.29, -0.22, 0.091, 0.203)
BIAS = -1.451
"""Chosen so that one of twenty effects that are not audible counts as audible."""

LEAST_TAG = -1.5
"""Log odds of the best moments below which an effect is not audible, whatever else is not."""
LEAST_OTHER, LEAST_VOICE = -2.0, -4.0
"""Log odds below which other effects, speech and music count as absent, as in what was fitted."""


def audible_probability(sound: SoundEvidence, effect: str, start: float, end: float) -> float:
    """Return how probably an effect is audible somewhere from `start` to `end` seconds."""
    features = audibility_features(sound, effect, start, end)
    if not len(features) or features[0] < LEAST_TAG:
        return 0.0
    return float(0.5 * (1.0 + np.tanh(0.5 * (features @ np.array(WEIGHTS) + BIAS))))


def audibility_features(
    sound: SoundEvidence, effect: str, start: float, end: float
) -> Float[np.ndarray, " features"]:
    """Return what the decision rests on, as log odds; nothing for a sound without columns."""
    columns = sound.columns(start, end)
    place = sound.vocabulary.index(effect)
    tags = _log_odds(sound.tags[columns])
    if not len(tags):
        return np.zeros(0)
    own = tags[:, place]
    others = np.delete(tags, place, axis=1).max(axis=1, initial=-9.0)
    speech, music = _log_odds(sound.speech[columns]), _log_odds(sound.music[columns])
    order = np.argsort(-own, kind="stable")
    best = order[: max(1, round(BEST_PART * len(own)))]
    good = order[: max(1, round(GOOD_PART * len(own)))]
    voices = [speech[good].mean(), music[good].mean(), speech.mean(), music.mean()]
    return np.array(
        [
            own[best].mean(),
            own[good].mean() - np.median(own),
            max(others[good].mean(), LEAST_OTHER),
            *(max(voice, LEAST_VOICE) for voice in voices),
        ]
    )


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    odds = np.clip(probabilities, 1.25e-4, 1.0 - 1.25e-4).astype(np.float64)
    return np.log(odds) - np.log1p(-odds)
