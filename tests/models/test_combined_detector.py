"""The detector of `everyday`: the bundle's effects are the bundle's, the others are zero-shot."""

from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary, parse_vocabulary
from temporal_foley.errors import FoleyError, UsageError, VocabularyError
from temporal_foley.models.audio.encoders import load_encoder
from temporal_foley.models.bundle_detector import BundleDetector
from temporal_foley.models.by_name import bundle_folder, load_detector
from temporal_foley.models.combined_detector import CombinedDetector
from temporal_foley.models.detector import Detector, detect_all
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.zero_shot import THRESHOLD_ON
from temporal_foley.spotting.decision import decision_from_json
from temporal_foley.timegrid import TimeGrid
from tests.factories import make_bundle

EVERYDAY = load_vocabulary("everyday")
GRID = TimeGrid(frame_rate=Fraction(4), frames=5)


@pytest.fixture(scope="module")
def bundle():
    try:
        listener = load_encoder("student").sha256
    except FoleyError as error:
        pytest.skip(f"no audio network here: {error}")
    inputs = {"backbone_sha256": load_backbone().sha256, "listener_sha256": listener}
    return BundleDetector(make_bundle(inputs=inputs, sha256="0" * 64))


@pytest.fixture(scope="module")
def detector(bundle):
    return CombinedDetector(EVERYDAY, bundle)


def pictures(count=5):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (224, 224, 3), np.uint8) for _ in range(count)]


def test_the_bundle_s_effects_are_as_the_bundle_finds_them(bundle, detector):
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.normal(size=(40_000, 1))).astype(np.float32)
    for sound in (None, noise):
        blocks = [None if sound is None else [sound] for _ in range(2)]
        own = detect_all(bundle, pictures(), grid=GRID, sound=blocks[0]).probabilities
        found = detect_all(detector, pictures(), grid=GRID, sound=blocks[1], with_places=True)
        columns = [EVERYDAY.index(name) for name in bundle.vocabulary.names]
        np.testing.assert_array_equal(found.probabilities[:, columns], own)
        assert found.probabilities.shape == (5, len(EVERYDAY))
        assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()
        assert found.places is not None
        assert found.places.heats.shape[:2] == (5, len(EVERYDAY))


def test_plain_pictures_are_looked_at_more_closely_for_aeroplanes_only(bundle, detector):
    skies = [np.full((224, 224, 3), 180 + n, np.uint8) for n in range(5)]
    for sky in skies:
        sky[150:154, 40:60] = 20
    found = detect_all(detector, skies, grid=GRID).probabilities
    visual, _, _ = bundle.look_and_listen(skies, GRID, None, with_places=False)
    plain = detector.judge(visual, None)
    changed = np.flatnonzero((found != plain).any(axis=0))
    assert {EVERYDAY.names[column] for column in changed} <= {"aeroplane"}
    assert (found >= plain).all()


def test_what_cannot_be_seen_is_not_found_without_sound(detector):
    found = detect_all(detector, pictures(), grid=GRID).probabilities
    for name in detector.blind_effects():
        assert found[:, EVERYDAY.index(name)].max() < THRESHOLD_ON / 5


def test_what_the_bundle_finds_explains_away_others_of_its_group_only(detector, monkeypatch):
    trained = list(detector.bundle.vocabulary.names)
    sure = np.zeros((5, len(trained)), np.float32)
    sure[2:, trained.index("lightning")] = 0.9
    visual = np.zeros((5, 1280), np.float16)
    found = []
    for rows in (0 * sure, sure):
        monkeypatch.setattr(detector.bundle, "judge", lambda *_, rows=rows: rows)
        found.append(detector.judge(visual, None))
    rest = [n for n, name in enumerate(EVERYDAY.names) if name not in trained]
    part = np.ones_like(found[0])
    part[:, rest] = found[1][:, rest] / found[0][:, rest]
    explosion = EVERYDAY.index("explosion")
    np.testing.assert_allclose(part[:, explosion], [1.0, 1.0, 0.1, 0.1, 0.1], rtol=1e-4)
    blasts = next(group.effects for group in EVERYDAY.groups if "lightning" in group.effects)
    others = [n for n in rest if EVERYDAY.names[n] not in blasts]
    np.testing.assert_array_equal(part[:, others], 1.0)


def test_pictures_and_sound_are_judged_apart_where_both_are_used(bundle, detector):
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.normal(size=(40_000, 1))).astype(np.float32)
    for one in (bundle, detector):
        silent = detect_all(one, pictures(), grid=GRID)
        assert silent.apart is None
        both = detect_all(one, pictures(), grid=GRID, sound=[noise])
        assert both.apart is not None
        assert both.apart.heard.shape == both.probabilities.shape
        own = [one.vocabulary.index(name) for name in bundle.vocabulary.names]
        np.testing.assert_array_equal(both.apart.seen[:, own], silent.probabilities[:, own])
    # What cannot be seen stays where it is without evidence.
    blind = [EVERYDAY.index(name) for name in detector.blind_effects()]
    assert both.apart.seen[:, blind].max() < THRESHOLD_ON / 5


def test_no_pictures_give_no_rows(detector):
    assert detect_all(detector, [], grid=GRID).probabilities.shape == (0, len(EVERYDAY))


def test_it_is_a_detector_whose_decision_fits_its_vocabulary(bundle, detector):
    assert isinstance(detector, Detector)
    decision = decision_from_json(detector.decision, EVERYDAY)
    new = [e for e in decision.effects if e.effect not in bundle.vocabulary.names]
    assert {e.threshold_on for e in new} == {THRESHOLD_ON}
    assert set(detector.seen_effects()) == set(EVERYDAY.names)


def test_a_vocabulary_without_the_bundle_s_effects_is_refused(bundle):
    text = '[[effect]]\nname = "frying"\nkind = "loop"\nbus = "foley"\n'
    with pytest.raises(VocabularyError, match="does not have train_passing"):
        CombinedDetector(parse_vocabulary(text, "mine"), bundle)


def test_everyday_is_no_bundle_and_takes_no_vocabulary():
    with pytest.raises(UsageError, match="trained bundle, not everyday"):
        bundle_folder("everyday")
    with pytest.raises(UsageError, match="has its own"):
        load_detector("everyday", vocabulary="foley20")
