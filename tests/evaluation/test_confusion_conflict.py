"""Who is taken for whom, and where eye and ear are at odds."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.evaluation import conflict
from temporal_foley.evaluation.confusion import (
    accuracy,
    class_scores,
    confusion_matrix,
    frame_confusion,
    row_shares,
)
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.spotting.decision import Decision, EffectDecision
from temporal_foley.timegrid import TimeGrid

# The unimodal recalls of report 004 (audio-visual scenes).
REPORT_004 = {
    "airport": (0.28, 0.77),
    "bus": (0.82, 0.72),
    "metro": (0.69, 0.64),
    "metro_station": (0.85, 0.70),
    "park": (0.82, 0.77),
    "public_square": (0.58, 0.66),
    "shopping_mall": (0.69, 0.62),
    "street_pedestrian": (0.49, 0.62),
    "street_traffic": (0.70, 0.82),
    "tram": (0.48, 0.76),
}


def test_conflicts_of_report_004_are_ranked_and_tram_is_not_missed():
    video, audio = zip(*REPORT_004.values(), strict=True)
    ranked = conflict.rank_conflicts(list(REPORT_004), np.array(video), np.array(audio))
    assert [c.name for c in ranked[:6]] == [
        "airport",
        "tram",
        "metro_station",
        "street_pedestrian",
        "street_traffic",
        "bus",
    ]
    shown = [round(abs(c.difference), 2) for c in ranked[:6]]
    assert shown == [0.49, 0.28, 0.15, 0.13, 0.12, 0.10]
    assert ranked[0].difference > 0 > ranked[2].difference


def test_airport_is_sent_where_report_004_says():
    names = ["airport", "bus", "metro_station", "public_square", "shopping_mall"]
    # Of 303 airports by video: .49, .3267, .06, .0198 elsewhere.
    seen = np.diag([31, 10, 10, 10, 10])
    seen[0] = [31, 18, 99, 6, 149]
    sent = conflict.where_sent(names, seen, "airport")
    assert [name for name, _ in sent] == ["shopping_mall", "metro_station", "bus"]
    assert sent[0][1] == pytest.approx(149 / 303)
    assert sent[1][1] == pytest.approx(0.3267, abs=1e-4)


def test_class_scores_equal_those_of_scikit_learn():
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    random = np.random.default_rng(0)
    truth, said = random.integers(0, 4, 200), random.integers(0, 4, 200)
    confusion = confusion_matrix(truth, said, 4)
    expected = precision_recall_fscore_support(truth, said)
    for ours, theirs in zip(class_scores(confusion), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12, rtol=0)
    assert accuracy(confusion) == pytest.approx(accuracy_score(truth, said))


def test_a_class_that_never_happens_has_no_recall_and_no_place_in_the_ranking():
    confusion = confusion_matrix(np.array([0, 0]), np.array([0, 1]), 3)
    scores = class_scores(confusion)
    assert scores.recall[0] == 0.5
    assert np.isnan(scores.recall[1:]).all()
    assert scores.precision[1] == 0.0
    assert np.isnan(scores.precision[2])
    assert np.isnan(row_shares(confusion)[2]).all()
    ranked = conflict.evaluate(["a", "b", "c"], confusion, confusion)
    assert [c.name for c in ranked] == ["a"]


def test_frames_are_taken_for_the_effect_farthest_above_its_threshold():
    decision = Decision(
        effects=(
            EffectDecision(effect="fire", threshold_on=0.9),
            EffectDecision(effect="wave", threshold_on=0.2, threshold_off=0.1),
        )
    )
    probabilities = np.array(
        [[0.95, 0.1], [0.8, 0.3], [0.1, 0.1], [0.95, 0.9], [0.2, 0.9]], np.float32
    )
    labels = np.array([[1, 0], [0, 1], [0, 0], [1, 1], [1, 0]], np.float32)
    known = np.ones((5, 2), bool)
    known[4, 1] = False
    clip = ScoredClip(
        id="a",
        source="a",
        dataset="d",
        grid=TimeGrid(frame_rate=Fraction(4), frames=5),
        probabilities=probabilities,
        labels=labels,
        known=known,
        has_sound=True,
        has_picture=True,
    )
    # Frame 3 holds two effects; of frame 4 nobody knows whether it shows a wave.
    expected = [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_array_equal(frame_confusion([clip], decision), expected)


def test_a_softmax_takes_a_frame_for_other_when_that_is_largest():
    effects = (EffectDecision(effect="fire"), EffectDecision(effect="wave"))
    decision = Decision(effects=effects, output="softmax", decoder="mode")
    from temporal_foley.spotting.decision import most_likely

    probabilities = np.array([[0.4, 0.3], [0.3, 0.2], [0.1, 0.46]], np.float32)
    assert most_likely(probabilities, decision).tolist() == [0, 2, 1]


@pytest.mark.wrong_types
def test_wrong_classes_are_refused():
    with pytest.raises(ValueError, match=r"in \[0, 2\), got 5"):
        confusion_matrix(np.array([0, 5]), np.array([0, 0]), 2)
    with pytest.raises(ValueError, match="one class an item"):
        confusion_matrix(np.array([0, 1]), np.array([0]), 2)
    with pytest.raises(ValueError, match="one a class"):
        conflict.rank_conflicts(["a"], np.zeros(2), np.zeros(2))
    one = conflict.Conflict(name="a", first_recall=0.2, second_recall=0.5)
    assert dataclasses.replace(one, second_recall=0.1).difference == pytest.approx(-0.1)
