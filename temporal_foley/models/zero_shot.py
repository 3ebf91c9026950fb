"""Estimate the probability of effects from ImageNet classes and AudioSet tags, without training.

The log odds of an effect are those of an ordinary frame, plus the evidence of the picture, plus the
evidence of the sound. The picture's is the log likelihood ratio of the ImageNet map (see
`imagenet_detector`) or, of what no class shows, of a regression on pictures (`image/sights`); the
sound's is how far the effect's AudioSet tags are above the level that
tags have where nothing of the kind is audible. Either is limited: what is neither seen nor heard
may still be there, off screen or in a silent film, so absence counts for little. Tags of what a
vocabulary refuses, such as instruments, count against every effect.
"""

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.models.audio.effect_tags import column_features, tag_log_odds
from temporal_foley.models.image.sights import load_sights
from temporal_foley.models.imagenet_classes import class_weights
from temporal_foley.models.imagenet_detector import effect_probabilities

PRIOR_LOG_ODDS = -4.8
"""Log odds of an effect in a frame of an ordinary video; one number, so that one threshold serves
all effects."""
THRESHOLD_ON, THRESHOLD_OFF = 0.05, 0.015
"""The one threshold."""
LOOKS_PER_S = 1.0
"""How much a second of neighbouring frames counts (`Decision.looks_per_s`): tags and classes of
each differ more than what a trained network says of them."""
TAGS_OF_NOTHING = -4.0
"""Usual log odds of a tag where nothing of the kind is audible."""
SEEN_WEIGHT, HEARD_WEIGHT = 0.8, 1.5
"""Neighbouring tags agree for good reasons; classes often for bad ones, such as a background."""
FAR_AWAY = ("aeroplane",)
"""Effects that enlarged parts of a plain picture may show; of others, parts show false ones."""
LEAST_SEEN, MOST_SEEN = -1.0, 5.0
LEAST_HEARD, MOST_HEARD = -2.0, 10.0

LogOdds = Float[np.ndarray, "frames effects"]


def class_evidence(logits: Float[np.ndarray, "frames classes"], vocabulary: Vocabulary) -> LogOdds:
    """Return the log likelihood ratio of each effect in single frames; 0 where no class shows it.

    Args:
        logits: The outputs of an ImageNet classifier.
        vocabulary: The effects, with their ImageNet rules.
    """
    weights = class_weights(vocabulary)
    ratio = effect_probabilities(logits, weights, prior_odds=1.0).astype(np.float64)
    within = np.clip(ratio, 1e-9, 1.0 - 1e-9)
    ratios = SEEN_WEIGHT * (np.log(within) - np.log1p(-within))
    evidence = np.clip(ratios, LEAST_SEEN, MOST_SEEN)
    return np.where(weights.any(axis=0), evidence, 0.0)


def sight_evidence(visual: Float[np.ndarray, "frames features"], vocabulary: Vocabulary) -> LogOdds:
    """Return the evidence of single frames for effects with a regression; NaN for the others.

    Args:
        visual: Image features of the backbone that the regressions were fitted to.
        vocabulary: The effects.
    """
    sights = load_sights()
    found = np.full((len(visual), len(vocabulary)), np.nan)
    ratios = np.clip(SEEN_WEIGHT * sights.ratios(visual), LEAST_SEEN, MOST_SEEN)
    for place, name in enumerate(sights.effects):
        if name in vocabulary.names:
            found[:, vocabulary.index(name)] = ratios[:, place]
    return found


def closer_evidence(
    logits: Float[np.ndarray, "looks parts classes"], vocabulary: Vocabulary
) -> Float[np.ndarray, "looks effects"]:
    """Return the evidence of the part that shows an effect best; NaN but for what flies far away.

    Args:
        logits: The outputs of an ImageNet classifier for enlarged parts of pictures.
        vocabulary: The effects, with their ImageNet rules.
    """
    looks, parts, classes = logits.shape
    evidence = class_evidence(logits.reshape(-1, classes), vocabulary)
    best = evidence.reshape(looks, parts, len(vocabulary)).max(axis=1)
    return np.where([name in FAR_AWAY for name in vocabulary.names], best, np.nan)


def tag_evidence(
    embeddings: Float[np.ndarray, "frames features"], vocabulary: Vocabulary
) -> LogOdds:
    """Return how much the sound of each frame speaks for each effect; 0 without AudioSet names.

    Args:
        embeddings: Of the audio network, per frame.
        vocabulary: The effects and refusals, with their AudioSet names.
    """
    names = [effect.audioset for effect in vocabulary.effects]
    refused = [refusal.audioset for refusal in vocabulary.refused if refusal.audioset]
    tags = tag_log_odds(column_features(embeddings), [*names, *refused]).astype(np.float64)
    above = HEARD_WEIGHT * (tags[:, : len(names)] - TAGS_OF_NOTHING)
    heard = np.clip(above, LEAST_HEARD, MOST_HEARD)
    heard = np.where([bool(own) for own in names], heard, 0.0)
    against = np.clip(tags[:, len(names) :], 0.0, -TAGS_OF_NOTHING).sum(axis=1, keepdims=True)
    return heard - against


def zero_shot_log_odds(
    logits: Float[np.ndarray, "frames classes"],
    embeddings: Float[np.ndarray, "frames features"] | None,
    vocabulary: Vocabulary,
    sights: LogOdds | None = None,
    closer: LogOdds | None = None,
) -> LogOdds:
    """Return the log odds of each effect in each frame, by pictures and, if there is one, sound.

    Args:
        logits: The outputs of an ImageNet classifier.
        embeddings: Of the audio network, per frame; None without sound.
        vocabulary: The effects and refusals.
        sights: What `sight_evidence` returned; it replaces the evidence of classes.
        closer: What `closer_evidence` returned, by frame; it counts where it is more.
    """
    seen = class_evidence(logits, vocabulary)
    if sights is not None:
        seen = np.where(np.isnan(sights), seen, sights)
    if closer is not None:
        seen = np.fmax(seen, closer)
    odds = PRIOR_LOG_ODDS + seen
    # Without sound, an effect that pictures cannot show stays at the usual odds, far from a cue.
    return odds if embeddings is None else odds + tag_evidence(embeddings, vocabulary)


def detection_basis(vocabulary: Vocabulary, *, with_sights: bool = False) -> dict[str, str]:
    """Return what the detection of each effect rests on: `seen`, `heard` or `seen and heard`.

    Args:
        vocabulary: The effects.
        with_sights: Whether `sight_evidence` is used.
    """
    weights = class_weights(vocabulary)
    pictured = load_sights().effects if with_sights else ()
    basis = {}
    for column, effect in enumerate(vocabulary.effects):
        is_seen = bool(weights[:, column].any()) or effect.name in pictured
        ways = ["seen"] * is_seen + ["heard"] * bool(effect.audioset)
        basis[effect.name] = " and ".join(ways)
    return basis
