"""Zero-shot detection: classes and tags raise their effects, and refusals lower all of them."""

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.models.audio.effect_tags import tag_log_odds
from temporal_foley.models.image.sights import load_sights
from temporal_foley.models.imagenet_classes import load_class_tree
from temporal_foley.models.zero_shot import (
    LEAST_SEEN,
    MOST_HEARD,
    MOST_SEEN,
    PRIOR_LOG_ODDS,
    THRESHOLD_ON,
    class_evidence,
    detection_basis,
    sight_evidence,
    tag_evidence,
    zero_shot_log_odds,
)

EVERYDAY = load_vocabulary("everyday")
CHAINSAW = load_class_tree().classes["n03000684"][0]


def showing(index, sure=20.0):
    logits = np.zeros((3, 1000), np.float32)
    logits[:, index] = sure
    return logits


def test_a_class_speaks_for_its_effect_and_little_against_the_others():
    evidence = class_evidence(showing(CHAINSAW), EVERYDAY)
    column = EVERYDAY.index("chainsaw")
    assert evidence[:, column] == pytest.approx(MOST_SEEN)
    others = np.delete(evidence, column, axis=1)
    assert others.max() <= 0.0
    assert others.min() == LEAST_SEEN


def test_an_effect_that_cannot_be_seen_needs_sound():
    knock, chainsaw = EVERYDAY.index("knock"), EVERYDAY.index("chainsaw")
    silent = zero_shot_log_odds(showing(CHAINSAW), None, EVERYDAY)
    assert (silent[:, knock] == PRIOR_LOG_ODDS).all()
    assert np.log(THRESHOLD_ON / (1 - THRESHOLD_ON)) - 1.0 > PRIOR_LOG_ODDS
    assert (silent[:, chainsaw] > 0).all()


def test_pictures_speak_for_what_no_class_shows_within_limits():
    rng = np.random.default_rng(1)
    evidence = sight_evidence(rng.normal(size=(30, 1280)) * 3.0, EVERYDAY)
    known = [EVERYDAY.index(name) for name in load_sights().effects]
    assert known
    assert np.isnan(np.delete(evidence, known, axis=1)).all()
    assert evidence[:, known].min() == LEAST_SEEN
    assert evidence[:, known].max() <= MOST_SEEN
    assert np.isnan(sight_evidence(np.zeros((2, 1280)), load_vocabulary("foley20"))).all()


def test_sights_replace_classes_and_make_an_effect_visible():
    sights = np.full((3, len(EVERYDAY)), np.nan)
    crowd = EVERYDAY.index("crowd_murmur")
    sights[:, crowd] = 2.0
    plain = zero_shot_log_odds(showing(CHAINSAW), None, EVERYDAY)
    found = zero_shot_log_odds(showing(CHAINSAW), None, EVERYDAY, sights)
    assert found[:, crowd] == pytest.approx(PRIOR_LOG_ODDS + 2.0)
    assert (np.delete(found - plain, crowd, axis=1) == 0.0).all()
    assert detection_basis(EVERYDAY)["crowd_murmur"] == "heard"
    assert detection_basis(EVERYDAY, with_sights=True)["crowd_murmur"] == "seen and heard"


def test_tags_speak_for_their_effects_within_limits():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(40, 384)).astype(np.float32)
    evidence = tag_evidence(embeddings, EVERYDAY)
    assert evidence.shape == (40, len(EVERYDAY))
    assert evidence.max() <= MOST_HEARD
    elephant = EVERYDAY.index("elephant")
    assert not EVERYDAY["elephant"].audioset
    # Without a tag, only what is refused counts, and that only against it.
    assert (evidence[:, elephant] <= 0.0).all()


def test_what_is_refused_counts_against_every_effect(monkeypatch):
    instruments = EVERYDAY.refused[0]
    rng = np.random.default_rng(1)
    embeddings = 3.0 * rng.normal(size=(200, 384)).astype(np.float32)
    with_refusal = tag_evidence(embeddings, EVERYDAY)
    plain = type(EVERYDAY)(name="plain", effects=EVERYDAY.effects)
    difference = tag_evidence(embeddings, plain) - with_refusal
    odds = tag_log_odds(np.concatenate([embeddings, embeddings], axis=1), [instruments.audioset])
    assert class_places(instruments.audioset)
    assert difference.min() >= -1e-9
    assert np.ptp(difference, axis=1).max() == pytest.approx(0.0, abs=1e-9)
    assert odds.shape == (200, 1)


def test_every_effect_is_detected_by_something():
    assert all(detection_basis(EVERYDAY).values())
    assert detection_basis(EVERYDAY)["knock"] == "heard"
    assert detection_basis(EVERYDAY)["frying"] == "seen and heard"
