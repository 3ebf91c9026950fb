"""Decide whether an effect that the detector expects is audible in the video's own sound.

The tag of the effect alone is not enough: a door that slams gives a dog some of a tag, too. What
counts is the best moments of the effect's tag, how probable other effects are at its good ones, and
how like the effect the whole stretch sounds. A logistic regression weighs them, with a linear map
of the audio network's columns for each shipped effect (`benchmarks/detection/fit_audibility.py`).
Effects that were not fitted have the tags and weights that are the same for all of them.
"""

import numpy as np
from jaxtyping import Float

from temporal_foley.spotting.own_sound.evidence import SoundEvidence

BEST_PART, GOOD_PART = 0.06, 0.2
"""Parts of the columns of a stretch whose tags are averaged."""
FEATURES = ("best", "others")
WEIGHTS = (0.677, -0.515)
"""Of the features beside a likeness, which carries the bias."""
WEIGHTS_ALONE = (0.9, -0.69)
BIAS_ALONE = -0.266
"""Without a likeness. Chosen so that one of twenty effects that are not audible counts as audible.
"""
LEAST_TAG = -1.5
"""Log odds of the best moments below which an effect without likeness is not audible."""
LEAST_OTHER = -2.0
"""Log odds below which other effects count as absent, as in what was fitted."""


def audible_probability(sound: SoundEvidence, effect: str, start: float, end: float) -> float:
    """Return how probably an effect is audible somewhere from `start` to `end` seconds."""
    features = audibility_features(sound, effect, start, end)
    if not len(features):
        return 0.0
    likeness = mean_likeness(sound, effect, start, end)
    if likeness is not None:
        odds = float(features @ np.array(WEIGHTS)) + likeness
    elif features[0] < LEAST_TAG:
        return 0.0
    else:
        odds = float(features @ np.array(WEIGHTS_ALONE)) + BIAS_ALONE
    return float(0.5 * (1.0 + np.tanh(0.5 * odds)))


def mean_likeness(sound: SoundEvidence, effect: str, start: float, end: float) -> float | None:
    """Return how like an effect a stretch sounds on average, as log odds; None if not fitted."""
    place = sound.vocabulary.index(effect)
    if sound.likeness is None:
        return None
    mean = float(sound.likeness[sound.columns(start, end), place].mean())
    return None if np.isnan(mean) else mean


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
    order = np.argsort(-own, kind="stable")
    best = order[: max(1, round(BEST_PART * len(own)))]
    good = order[: max(1, round(GOOD_PART * len(own)))]
    return np.array([own[best].mean(), max(float(others[good].mean()), LEAST_OTHER)])


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    odds = np.clip(probabilities, 1.25e-4, 1.0 - 1.25e-4).astype(np.float64)
    return np.log(odds) - np.log1p(-odds)
