"""The ImageNet detector: the class tree, the rules, the mathematics, streaming, real pictures."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest
from skimage import data

from temporal_foley.effects import Effect, ImageNetRule, Vocabulary, load_vocabulary
from temporal_foley.errors import VocabularyError
from temporal_foley.models.detector import BATCH_FRAMES, Detector, detect_all
from temporal_foley.models.imagenet_classes import CLASSES, class_weights, load_class_tree
from temporal_foley.models.imagenet_detector import (
    ImageNetDetector,
    effect_probabilities,
    load_imagenet_detector,
)

DOG, TABBY, GERMAN_SHEPHERD = "n02084071", 281, 235
AMBULANCE, CAB = 407, 468


class Outputs(NamedTuple):
    logits: np.ndarray


class OneClassBackbone:
    """Stands for a network: sees, without doubt, the class whose number the red channel holds."""

    name, sha256, aspect = "one_class", "0" * 64, "stretch"

    def __init__(self):
        self.batches: list[int] = []

    def prepare(self, image):
        return image[:2, :2]

    def load_ahead(self):
        pass

    def __call__(self, images):
        self.batches.append(len(images))
        logits = np.zeros((len(images), CLASSES), np.float32)
        logits[np.arange(len(images)), 4 * images[:, 0, 0, 0].astype(int)] = 50.0
        return Outputs(logits)


def picture(index: int, height: int = 2) -> np.ndarray:
    return np.full((height, 2, 3), index // 4, np.uint8)


def vocabulary(**rules: list[ImageNetRule]) -> Vocabulary:
    effects = (
        Effect(name=name, kind="loop", bus="foley", imagenet=tuple(given))
        for name, given in rules.items()
    )
    return Vocabulary(name="mine", effects=tuple(effects))


def rule(synset: str, **fields) -> ImageNetRule:
    return ImageNetRule(synset=synset, reason="test", **fields)


def test_the_tree_holds_the_thousand_classes_in_the_order_of_their_synsets():
    tree = load_class_tree()
    leaves = {s: c for s, c in tree.classes.items() if tree.names[s] == "tabby"}
    assert leaves == {"n02123045": (TABBY,)}
    assert tree.classes["n00001740"] == tuple(range(CLASSES))
    assert tree.names["n00001740"] == "entity"


def test_the_dogs_are_the_118_breeds():
    dogs = load_class_tree().classes[DOG]
    assert len(dogs) == 118
    assert GERMAN_SHEPHERD in dogs
    assert TABBY not in dogs


def test_an_exclusion_takes_a_class_out_of_its_group():
    cars = [rule("n02958343"), rule("n02701002", exclude=True)]
    weights = class_weights(vocabulary(cars=cars))[:, 0]
    assert weights[CAB] == 1.0
    assert weights[AMBULANCE] == 0.0


def test_a_later_rule_overrides_an_earlier_one():
    dogs = [rule(DOG, weight=0.5), rule("n02106662")]
    weights = class_weights(vocabulary(dogs=dogs))[:, 0]
    assert weights[GERMAN_SHEPHERD] == 1.0
    assert weights[GERMAN_SHEPHERD + 1] == 0.5


def test_a_picture_that_says_nothing_leaves_the_odds_as_they_were():
    weights = class_weights(vocabulary(dogs=[rule(DOG)], cat=[rule("n02123045", weight=0.5)]))
    know_nothing = np.zeros((1, CLASSES), np.float32)
    # Odds of 1 to 100, for 118 classes as for half a class.
    np.testing.assert_allclose(effect_probabilities(know_nothing, weights, 0.01), 1 / 101)


def test_probabilities_follow_bayes_rule():
    weights = class_weights(vocabulary(cat=[rule("n02123045")]))
    logits = np.zeros((1, CLASSES), np.float32)
    logits[0, TABBY] = np.log(999.0)  # The posterior of the tabby is a half.
    # Evidence of 1 : 1/999, odds of 1 : 100 before looking.
    odds = 999 * 0.01
    found = effect_probabilities(logits, weights, prior_odds=0.01, temperature=1.0)
    np.testing.assert_allclose(found, [[odds / (1 + odds)]], rtol=1e-5)


def test_certainty_and_huge_logits_stay_numbers():
    weights = class_weights(vocabulary(cat=[rule("n02123045")], blind=[]))
    logits = np.full((2, CLASSES), -1e4, np.float32)
    logits[0, TABBY] = logits[1, CAB] = 1e4
    np.testing.assert_array_equal(effect_probabilities(logits, weights), [[1, 0], [0, 0]])


def test_classes_in_another_order_give_the_same_answer():
    rng = np.random.default_rng(0)
    weights = class_weights(load_vocabulary())
    logits = rng.normal(size=(3, CLASSES)).astype(np.float32)
    order = rng.permutation(CLASSES)
    np.testing.assert_allclose(
        effect_probabilities(logits[:, order], weights[order]),
        effect_probabilities(logits, weights),
        rtol=1e-5,
    )


def test_frames_are_answered_in_order_and_in_bounded_batches():
    backbone = OneClassBackbone()
    detector = ImageNetDetector(load_vocabulary(), backbone)
    shown = [280, 232, 280, 232, 232] * 9
    taken = 0

    def frames():
        nonlocal taken
        for index in shown:
            taken += 1
            yield picture(index)

    blocks = detector.detect(frames())
    first = next(blocks)
    assert taken <= BATCH_FRAMES + 1
    table = np.concatenate([block.probabilities for block in (first, *blocks)])
    assert table.shape == (45, 20)
    assert max(backbone.batches) == BATCH_FRAMES
    dog = load_vocabulary().index("dog_barking")
    np.testing.assert_array_equal(table[:, dog] > 0.5, [index == 232 for index in shown])


def test_a_change_of_size_within_a_video_is_no_obstacle():
    detector = ImageNetDetector(load_vocabulary(), OneClassBackbone())
    shown = [picture(232), picture(232, height=3), picture(232)]
    assert len(detect_all(detector, shown).probabilities) == 3


def test_no_frames_give_no_rows():
    found = detect_all(ImageNetDetector(load_vocabulary(), OneClassBackbone()), [])
    assert found.probabilities.shape == (0, 20)
    assert found.places is None


def test_what_cannot_be_seen_is_said_and_never_spotted():
    detector = ImageNetDetector(load_vocabulary(), OneClassBackbone())
    blind, seen = detector.blind_effects(), detector.seen_effects()
    assert set(blind) == {"stars_shining", "lightning", "screaming", "glass_breaking", "blender"}
    assert list(seen) == [name for name in detector.vocabulary.names if name not in blind]
    assert seen["dog_barking"] == "dog (118 classes)"
    assert "not ambulance" in seen["cars"]
    block = detect_all(detector, [picture(4 * i) for i in range(16)]).probabilities
    columns = [detector.vocabulary.index(name) for name in blind]
    assert not block[:, columns].any()


def test_the_fingerprint_changes_with_all_that_changes_answers():
    plain, backbone = load_vocabulary(), OneClassBackbone()
    louder = dataclasses.replace(plain, effects=plain.effects[::-1])
    prints = {
        ImageNetDetector(plain, backbone).sha256,
        ImageNetDetector(louder, backbone).sha256,
        ImageNetDetector(plain, backbone, prior_odds=0.02).sha256,
        ImageNetDetector(plain, backbone, temperature=1.0).sha256,
    }
    assert len(prints) == 4
    assert ImageNetDetector(plain, OneClassBackbone()).sha256 in prints


def test_rules_that_fit_nothing_are_refused_by_name():
    with pytest.raises(VocabularyError, match=r"mine, effect cat: n99999999 is no ImageNet class"):
        class_weights(vocabulary(cat=[rule("n99999999")]))
    with pytest.raises(VocabularyError, match="no effect has an imagenet rule"):
        ImageNetDetector(vocabulary(cat=[]), OneClassBackbone())


@pytest.mark.slow
def test_it_sees_the_cat_and_hears_nothing_in_a_plain_wall():
    detector: Detector = load_imagenet_detector(load_vocabulary())
    wall = np.full((120, 160, 3), 180, np.uint8)
    frames = [detector.prepare(image) for image in (data.chelsea(), wall, data.rocket())]
    found = detect_all(detector, frames, with_places=True)
    assert found.places is not None
    assert found.places.heats.shape[:2] == (3, 20)
    table = found.probabilities
    cat = detector.vocabulary.index("cat_meowing")
    assert table[0].argmax() == cat
    assert table[0, cat] > 0.9
    assert table[1:].max() < 0.5
