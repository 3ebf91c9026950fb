"""Decisions: calibration, decoders, and the plain data they are kept as."""

import dataclasses
import json
from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.spotting.decision import (
    DECODERS,
    Decision,
    DecisionError,
    EffectDecision,
    apply_decision,
    calibrate,
    decision_from_json,
    decision_to_json,
    default_decision,
    with_usual_durations,
)
from temporal_foley.spotting.semi_markov import Stays, most_probable_activity
from temporal_foley.timegrid import TimeGrid


def vocabulary(*names, **fields):
    effects = tuple(
        Effect(
            name=name,
            kind="loop",
            bus="foley",
            min_duration_s=0.0,
            merge_gap_s=0.0,
            **fields,
        )
        for name in names
    )
    return Vocabulary(name="small", effects=effects)


def grid(frames):
    return TimeGrid(frame_rate=Fraction(4), frames=frames)


def spans(events):
    return [(event.effect, event.onset, event.offset) for event in events]


def test_calibration_is_the_sigmoid_of_a_line():
    decision = Decision(effects=(EffectDecision(effect="fire", slope=2.0, bias=-1.0),))
    logits = np.array([[0.5], [1.5], [-1e4], [1e4]], np.float32)
    expected = [0.5, 1 / (1 + np.exp(-2.0)), 0.0, 1.0]
    np.testing.assert_allclose(calibrate(logits, decision)[:, 0], expected, atol=1e-7)


def test_softmax_keeps_the_last_logit_for_other():
    decision = default_decision(vocabulary("fire", "wave"), output="softmax")
    logits = np.log(np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]], np.float32)) + 7.0
    np.testing.assert_allclose(
        calibrate(logits, decision), [[0.2, 0.3], [0.6, 0.1]], rtol=1e-6, atol=0
    )
    with pytest.raises(ValueError, match=r"\(frames, 3\)"):
        calibrate(logits[:, :2], decision)


def test_softmax_and_mode_decide_as_report_000():
    names = vocabulary("fire", "wave")
    decision = default_decision(names, output="softmax", decoder="mode")
    # Below any threshold of 0.5, yet the largest of all; frame 8 is a slip of one frame.
    rows = [[0.1, 0.1]] * 4 + [[0.4, 0.25]] * 4 + [[0.2, 0.45]] + [[0.4, 0.25]] * 4
    rows += [[0.1, 0.2]] * 4
    found = apply_decision(np.array(rows, np.float32), grid(17), names, decision)
    assert spans(found) == [("fire", 1.0, 3.25)]


def test_a_picture_with_nothing_to_hear_gives_no_effect_by_any_decoder():
    names = vocabulary("fire", "wave")
    nothing = np.full((40, 2), 0.02, np.float32)
    for decoder in DECODERS:
        assert (
            apply_decision(nothing, grid(40), names, default_decision(names, decoder=decoder)) == []
        )


def test_a_clear_event_is_found_by_every_decoder_where_it_is():
    names = vocabulary("fire", "wave")
    clear = np.full((40, 2), 0.01, np.float32)
    clear[12:28, 1] = 0.99
    for decoder in DECODERS:
        found = apply_decision(clear, grid(40), names, default_decision(names, decoder=decoder))
        assert spans(found) == [("wave", 3.0, 7.0)], decoder


def test_thresholds_of_the_decision_stand_above_those_of_the_vocabulary():
    names = vocabulary("fire")
    decision = default_decision(names)
    weak = np.full((12, 1), 0.3, np.float32)
    assert apply_decision(weak, grid(12), names, decision) == []
    eager = dataclasses.replace(decision.effects[0], threshold_on=0.25, threshold_off=0.2)
    found = apply_decision(weak, grid(12), names, dataclasses.replace(decision, effects=(eager,)))
    assert spans(found) == [("fire", 0.0, 3.0)]


def test_baseline_of_report_b_is_hysteresis_over_a_mean_of_five_frames():
    names = vocabulary("fire", threshold_on=0.65, threshold_off=0.35)
    decision = default_decision(names)
    column = np.zeros(20, np.float32)
    column[5:9] = [0.9, 0.9, 0.9, 0.4]
    # Means of five: at most 0.62, so nothing; with one more frame it is.
    assert apply_decision(column[:, None], grid(20), names, decision) == []
    column[8] = 0.9
    assert spans(apply_decision(column[:, None], grid(20), names, decision)) == [
        ("fire", 1.25, 2.25)
    ]


def test_events_end_with_the_picture():
    names = vocabulary("fire")
    for decoder in DECODERS:
        decision = default_decision(names, decoder=decoder)
        found = apply_decision(np.ones((8, 1), np.float32), grid(8), names, decision, duration=1.9)
        assert spans(found) == [("fire", 0.0, 1.9)]


def test_semi_markov_passes_over_flicker_and_gaps():
    names = vocabulary("fire")
    decision = default_decision(names, decoder="semi_markov")
    column = np.full(60, 0.1, np.float32)
    column[5] = 0.95
    column[20:40] = 0.9
    column[30] = 0.05
    found = apply_decision(column[:, None], grid(60), names, decision)
    assert spans(found) == [("fire", 5.0, 10.0)]


def test_semi_markov_equals_the_best_of_all_courses():
    # Every course of 9 frames, scored by the same tables.
    from temporal_foley.spotting.semi_markov import _age_tables

    random = np.random.default_rng(0)
    stays = Stays(median=np.array([2.5]), spread=np.array([0.6]), gap=np.array([4.0]))
    goes_on, ends, first_age = (table[0] for table in _age_tables(stays))

    def score(course, evidence, age):
        total, start = 0.0, -np.log(4.0)
        if course[0]:
            total += first_age[age] + evidence[0]
        for frame in range(1, len(course)):
            if course[frame] and course[frame - 1]:
                total += goes_on[age] + evidence[frame]
                age = min(age + 1, len(goes_on) - 1)
            elif course[frame]:
                total, age = total + start + evidence[frame], 0
            elif course[frame - 1]:
                total += ends[age]
            else:
                total += np.log1p(-np.exp(start))
        return total

    courses = [tuple(bool(n >> bit & 1) for bit in range(9)) for n in range(512)]
    for _ in range(12):
        evidence = random.normal(0.0, 2.0, 9)
        best = max(
            score(course, evidence, age)
            for course in courses
            for age in (range(len(goes_on)) if course[0] else [0])
        )
        found = most_probable_activity(evidence[:, None], stays)[:, 0]
        reached = max(
            score(found, evidence, age) for age in (range(len(goes_on)) if found[0] else [0])
        )
        assert reached == pytest.approx(best, abs=1e-9)


def test_semi_markov_decides_each_effect_by_itself():
    random = np.random.default_rng(1)
    evidence = random.normal(0.0, 1.5, (80, 3))
    lengths = np.array([2.0, 8.0, 30.0])
    spread, gap = np.array([0.5, 1.0, 0.8]), np.array([10.0, 20.0, 40.0])
    together = most_probable_activity(evidence, Stays(median=lengths, spread=spread, gap=gap))
    for column in range(3):
        one = slice(column, column + 1)
        alone = most_probable_activity(
            evidence[:, one], Stays(median=lengths[one], spread=spread[one], gap=gap[one])
        )
        np.testing.assert_array_equal(together[:, one], alone)


def quiet_pulse(names, seconds, log_odds, **own):
    """Decide on a stretch of equal evidence with long quiet before and behind it."""
    chances = np.full((160, len(names)), 0.01, np.float32)
    chances[40 : 40 + int(4 * seconds)] = 1.0 / (1.0 + np.exp(-log_odds))
    decision = with_usual_durations(default_decision(names, decoder="semi_markov"), names)
    effects = tuple(
        dataclasses.replace(
            e, threshold_on=0.5, threshold_off=0.3, spread=0.5, gap_s=20.0, presence=0.5, **own
        )
        for e in decision.effects
    )
    decision = dataclasses.replace(decision, effects=effects, looks_per_s=0.1)
    return apply_decision(chances, grid(160), names, decision)


def test_all_of_a_short_event_is_one_look_at_least():
    names = vocabulary("fire")
    assert quiet_pulse(names, 1.5, 7.9, lasts_s=1.0)
    # As much of an event that usually lasts long is little of a look.
    assert not quiet_pulse(names, 1.5, 7.9, lasts_s=20.0)


def test_an_effect_may_have_looks_of_its_own():
    names = vocabulary("fire")
    assert not quiet_pulse(names, 5.0, 4.0, lasts_s=10.0)
    assert quiet_pulse(names, 5.0, 4.0, lasts_s=10.0, looks_per_s=2.0)
    with pytest.raises(ValueError, match="looks_per_s must be in"):
        EffectDecision(effect="fire", looks_per_s=0.0)


def test_a_decision_survives_json():
    names = vocabulary("fire", "wave")
    decision = dataclasses.replace(
        default_decision(names, decoder="semi_markov"), rule="max F1", looks_per_s=2.0
    )
    text = json.dumps(decision_to_json(decision))
    assert decision_from_json(json.loads(text), names) == decision


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder": "guess"}, "decision.decoder must be one of mode"),
        ({"colour": "red"}, "colour"),
        ({"version": 9}, "version 1"),
        ({"effects": [{"effect": "fire", "threshold_on": 2.0}]}, "threshold"),
        ({"effects": [{"effect": "rain"}]}, "differ from the vocabulary's in fire"),
    ],
)
def test_a_wrong_decision_is_told_in_one_line(change, message):
    names = vocabulary("fire")
    document = decision_to_json(default_decision(names)) | change
    with pytest.raises(DecisionError, match=message) as told:
        decision_from_json(document, names)
    assert "\n" not in str(told.value)
