"""Test metrics of frames and clips: known answers, oracles, undefined numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.models.metric_parity import EFFECTS, differences, make_clips
from temporal_foley.evaluation import bootstrap, curves, metrics
from temporal_foley.evaluation.calibration import expected_calibration_error, reliability
from temporal_foley.evaluation.scored_clip import ScoredClip, plain, without_overlaps
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

EVENT_ORACLE_TOLERANCE = 1e-6


def make_clip(probabilities, labels, known=None, source="a", **fields):
    probabilities = np.asarray(probabilities, np.float32)
    return ScoredClip(
        id=source,
        source=source,
        dataset="d",
        grid=TimeGrid(frame_rate=Fraction(4), frames=len(probabilities)),
        probabilities=probabilities,
        labels=np.asarray(labels, np.float32),
        known=np.ones(probabilities.shape, bool) if known is None else np.asarray(known),
        has_sound=True,
        has_picture=True,
        **fields,
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("oracle", ["sed_eval", "sed_scores_eval"])
def test_figures_of_events_equal_those_of_the_oracles(oracle, seed):
    pytest.importorskip(oracle)
    for name, apart in differences(seed, oracle).items():
        assert apart < EVENT_ORACLE_TOLERANCE, name


def test_area_under_a_small_curve_is_the_share_of_pairs_in_order():
    truth = np.array([True, False, True, False])
    # Pairs: .9 > .4, .9 > .5, .4 = .4 (half), .4 < .5.
    assert curves.roc_auc(truth, np.array([0.9, 0.4, 0.4, 0.5])) == 2.5 / 4


def test_one_class_alone_is_undefined_and_becomes_null():
    alone, scores = np.ones(3, bool), np.array([0.1, 0.5, 0.9])
    for metric in metrics.METRICS.values():
        assert math.isnan(metric(alone, scores))
        assert math.isnan(metric(~alone, scores))
    assert math.isnan(curves.source_log_loss(alone[:0], scores[:0]))
    assert curves.source_log_loss(alone, scores) == pytest.approx(-np.log(scores).mean())
    result = metrics.evaluate([make_clip([[0.2], [0.3]], [[0], [0]])], ["fire"], draws=10)
    assert plain(result)["frames"]["macro"]["roc_auc"] is None
    assert result["frames"]["macro"]["defined_effects"] == 0


def test_cells_that_are_not_known_change_nothing():
    probabilities, labels = [[0.9, 0.2], [0.1, 0.4], [0.6, 0.7]], [[1, 0], [0, 0], [0, 1]]
    plain_clip = make_clip(probabilities, labels)
    longer = make_clip(
        [*probabilities, [0.99, 0.01]],
        [*labels, [0, 1]],
        known=[[True, True]] * 3 + [[False, False]],
    )
    one, other = (
        metrics.evaluate([c], ["a", "b"], draws=10)["frames"] for c in (plain_clip, longer)
    )
    assert plain(one) == plain(other)


def test_macro_runs_over_defined_effects_and_counts_them():
    clip = make_clip([[0.9, 0.2], [0.1, 0.4], [0.2, 0.3]], [[1, 0], [0, 0], [0, 0]])
    frames = metrics.evaluate([clip], ["a", "b"], draws=10)["frames"]
    assert frames["macro"]["roc_auc"] == 1.0
    assert (frames["macro"]["defined_effects"], frames["macro"]["effects"]) == (1, 2)
    assert (frames["effects"]["a"]["positives"], frames["effects"]["a"]["negatives"]) == (1, 2)


def test_any_effect_is_judged_both_ways_and_needs_all_to_be_known_for_nothing():
    clip = make_clip(
        [[0.5, 0.5], [0.6, 0.0], [0.1, 0.1]],
        [[1, 0], [0, 0], [0, 0]],
        known=[[True, True], [True, True], [True, False]],
    )
    found = metrics.any_effect(metrics.frame_cells([clip]))
    truth, scores, _ = found["one_minus_product"]
    assert truth.tolist() == [True, False]
    np.testing.assert_allclose(scores, [0.75, 0.6], atol=1e-7)
    np.testing.assert_allclose(found["max"][1], [0.5, 0.6], atol=1e-7)
    # The two ways disagree here: that is why both are told.
    frames = metrics.evaluate([clip], ["a", "b"], draws=10)["frames"]["any_effect"]
    assert (frames["one_minus_product"]["roc_auc"], frames["max"]["roc_auc"]) == (1.0, 0.0)


def test_clips_are_judged_by_their_most_probable_frame():
    clips = [
        make_clip([[0.1], [0.8]], [[0], [1]], source="a"),
        make_clip([[0.2], [0.3]], [[0], [0]], source="b"),
        # Something is somewhere in it, nobody knows where.
        make_clip(
            [[0.2], [0.7]],
            [[0], [0]],
            known=[[False], [False]],
            source="c",
            clip_labels=np.array([1.0], np.float32),
            clip_known=np.array([True]),
        ),
    ]
    judged = metrics.evaluate(clips, ["a"], draws=10)["clips"]["effects"]["a"]
    assert (judged["positives"], judged["negatives"], judged["roc_auc"]) == (2, 1, 1.0)


def test_calibration_error_is_zero_for_honest_probabilities():
    truth = np.array([True] * 3 + [False] * 7 + [True] * 8 + [False] * 2)
    honest = np.array([0.3] * 10 + [0.8] * 10)
    assert expected_calibration_error(truth, honest) == pytest.approx(0.0, abs=1e-12)
    assert expected_calibration_error(truth, honest - 0.1) == pytest.approx(0.1)
    assert reliability(truth, honest).cells.tolist() == [10, 10]


def test_interval_holds_the_value_and_needs_two_sources():
    clips = make_clips(np.random.default_rng(0))
    frames = metrics.evaluate(clips, EFFECTS, draws=300)["frames"]
    for judged in (*frames["effects"].values(), frames["macro"], frames["any_effect"]["max"]):
        low, high = judged["roc_auc_interval"]
        assert low < judged["roc_auc"] < high
    alone = make_clip([[0.9], [0.2], [0.3]], [[1], [0], [1]])
    judged = metrics.evaluate([alone], ["a"], draws=50)["frames"]["effects"]["a"]
    assert judged["roc_auc"] == 0.5 + 0.5
    assert np.isnan(judged["roc_auc_interval"]).all()


def test_drawing_every_source_once_gives_the_exact_area():
    random = np.random.default_rng(3)
    truth, source = random.random(5000) < 0.1, random.integers(0, 30, 5000)
    scores = random.normal(truth * 1.0, 1.0)
    once = np.ones((1, 30), np.float32)
    drawn = bootstrap.drawn_roc_auc(truth, scores, source, once)[0]
    assert drawn == pytest.approx(curves.roc_auc(truth, scores), abs=1e-3)
    ties = np.round(scores, 1)
    drawn = bootstrap.drawn_roc_auc(truth, ties, source, once)[0]
    assert drawn == pytest.approx(curves.roc_auc(truth, ties), abs=1e-6)


def test_the_same_seed_gives_the_same_intervals_whatever_the_order_of_effects():
    clips = make_clips(np.random.default_rng(1), clips=5)
    first = metrics.evaluate(clips, EFFECTS, seed=5, draws=100)
    assert plain(first) == plain(metrics.evaluate(clips, EFFECTS, seed=5, draws=100))


def test_curves_begin_and_end_where_they_should_however_thinned():
    random = np.random.default_rng(2)
    truth = random.random(3000) < 0.3
    scores = random.normal(truth * 1.0, 1.0)
    roc = curves.roc_curve(truth, scores, most_points=50)
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert len(roc.x) <= 52
    area = np.sum(np.diff(roc.x) * (roc.y[1:] + roc.y[:-1]) / 2)
    assert area == pytest.approx(curves.roc_auc(truth, scores), abs=0.01)
    assert curves.precision_recall_curve(truth, scores).x[-1] == 1.0


def test_overlapping_events_of_an_effect_happen_once():
    def event(effect, onset, offset):
        return Event(effect=effect, onset=onset, offset=offset, confidence=1.0)

    joined = without_overlaps(
        [event("b", 0.0, 1.0), event("a", 1.0, 3.0), event("a", 0.0, 2.0), event("b", 1.0, 2.0)]
    )
    assert [(e.effect, e.onset, e.offset) for e in joined] == [
        ("a", 0.0, 3.0),
        ("b", 0.0, 1.0),
        ("b", 1.0, 2.0),
    ]


@pytest.mark.wrong_types
def test_clips_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="labels must be"):
        make_clip([[0.1]], [[0, 1]])
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        make_clip([[np.nan]], [[0]])
    with pytest.raises(ValueError, match="at least one clip"):
        metrics.evaluate([], ["fire"])
    with pytest.raises(ValueError, match="2 effects, got 1"):
        metrics.evaluate([make_clip([[0.1]], [[0]])], ["fire", "wave"])
    with pytest.raises(ValueError, match="one bool a score"):
        curves.roc_auc(np.array([0, 1]), np.array([0.1, 0.2]))
