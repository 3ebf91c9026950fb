"""Durations with censoring, presence, cuts, and why there is no cue."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from data_pipeline.after_training.fit_durations import TimedEvent, fit_class, fit_duration_priors
from temporal_foley.effects import Effect, EffectGroup, load_vocabulary
from temporal_foley.spotting.decision import (
    EffectDecision,
    apply_decision,
    default_decision,
    with_usual_durations,
)
from temporal_foley.spotting.detections import Detections
from temporal_foley.spotting.durations import usual_duration
from temporal_foley.spotting.semi_markov import Stays, most_probable_activity
from temporal_foley.spotting.why_no_cue import explain_missing
from temporal_foley.timegrid import TimeGrid
from tests.factories import make_cue, make_vocabulary


def test_censoring_recovers_lengths_that_videos_cut_off() -> None:
    rng = np.random.default_rng(0)
    true = np.exp(np.log(8.0) + 1.2 * rng.standard_normal(4000))
    seen_until = rng.uniform(2.0, 30.0, 4000)
    median, spread = fit_duration_priors(np.minimum(true, seen_until), true > seen_until)
    assert (median, spread) == (pytest.approx(8.0, rel=0.08), pytest.approx(1.2, rel=0.08))


def test_a_class_is_fitted_from_its_events() -> None:
    events = [TimedEvent(str(n), 30.0, 5.0, 5.0 + 2.0 * 1.1 ** (n % 5)) for n in range(50)]
    fit = fit_class(events)
    assert fit.lasts_s == pytest.approx(2.4, abs=0.1)
    assert fit.gap_s == pytest.approx(30.0 - 2.44, abs=0.1)
    assert fit.censored == 0.0


def test_wrong_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        fit_duration_priors(np.array([1.0, 0.0]), np.array([False, False]))
    with pytest.raises(ValueError, match=r"presence must be in \(0, 1\)"):
        EffectDecision(effect="dog", presence=1.5)


def test_every_shipped_effect_has_a_duration_and_its_source() -> None:
    vocabulary = load_vocabulary()
    durations = {effect.name: usual_duration(effect) for effect in vocabulary.effects}
    assert durations["dog_barking"].lasts_s < 10.0 < durations["typing"].lasts_s
    assert all(one.gap_s < 30.0 and one.source for one in durations.values())
    assert "stands in" in durations["writing"].source
    own = usual_duration(Effect(name="mine", kind="loop", bus="foley"))
    assert own.source == "usual for sustained sounds"


def test_a_decision_takes_the_usual_durations() -> None:
    vocabulary = load_vocabulary()
    decision = with_usual_durations(default_decision(vocabulary), vocabulary, presence=0.1)
    own = decision.effects[vocabulary.index("cat_meowing")]
    assert (own.lasts_s, own.presence) == (usual_duration(vocabulary["cat_meowing"]).lasts_s, 0.1)


def stays(presence: float) -> Stays:
    one = np.ones(1)
    return Stays(median=80 * one, spread=1.5 * one, gap=28 * one, presence=presence * one)


def test_presence_is_paid_once_and_the_pace_each_time() -> None:
    evidence = np.full((60, 1), -1.0)
    evidence[10:20] = evidence[40:50] = 1.5
    assert most_probable_activity(evidence, stays(0.05))[:, 0].sum() == 20
    assert not most_probable_activity(evidence, stays(1e-6)).any() or (
        most_probable_activity(evidence, stays(1e-6)).sum() == 20
    )
    weak = np.full((60, 1), -1.0)
    weak[10:12] = 1.5
    assert not most_probable_activity(weak, stays(0.05)).any()


def test_a_cut_censors_an_event() -> None:
    evidence = np.full((24, 1), -1.5)
    evidence[10:13] = 2.6
    assert not most_probable_activity(evidence, stays(0.05)).any()
    found = most_probable_activity(evidence, stays(0.05), cuts=(10, 13))[:, 0]
    assert np.flatnonzero(found).tolist() == [10, 11, 12]


def test_half_a_second_between_cuts_is_an_event_and_without_cuts_is_not() -> None:
    vocabulary = load_vocabulary()
    decision = with_usual_durations(default_decision(vocabulary), vocabulary, presence=0.05)
    effects = tuple(
        dataclasses.replace(one, threshold_on=0.15, threshold_off=0.07) for one in decision.effects
    )
    decision = dataclasses.replace(
        decision, decoder="semi_markov", looks_per_s=1.0, effects=effects
    )
    probabilities = np.full((16, len(vocabulary)), 0.001, np.float32)
    shots = {"typing": (3, 5), "wave": (8, 11), "cars": (11, 13)}
    for name, (first, last) in shots.items():
        probabilities[first:last, vocabulary.index(name)] = 0.97
    grid = TimeGrid(frame_rate=Fraction(4), frames=16)
    cuts = [3, 5, 8, 11, 13]
    events = apply_decision(probabilities, grid, vocabulary, decision, cuts=cuts)
    found = {event.effect: (round(4 * event.onset), round(4 * event.offset)) for event in events}
    assert found == shots
    assert apply_decision(probabilities, grid, vocabulary, decision) == []


def test_a_probability_above_the_line_without_a_cue_is_explained() -> None:
    vocabulary = make_vocabulary("motor", "bark")
    probabilities = np.zeros((40, 2), np.float32)
    probabilities[4:6, 0] = probabilities[20:30, 1] = 0.8
    seen = Detections(
        grid=TimeGrid(frame_rate=Fraction(4), frames=40),
        vocabulary=vocabulary,
        probabilities=probabilities,
        thumbnails=(),
    )
    first, second = explain_missing(seen, ())
    assert (first.effect, first.start, first.end) == ("motor", 1.0, 1.5)
    assert "0.80 for 0.5 s, brief" in first.reason
    assert second.effect == "bark"
    cue = make_cue("bark-1", 5.0, 1.0)
    assert [one.effect for one in explain_missing(seen, (cue,))] == ["motor"]


def test_what_was_left_out_or_taken_for_another_of_its_kind_is_said() -> None:
    pair = make_vocabulary("motor", "bark")
    group = EffectGroup(name="both", effects=("motor", "bark"))
    seen = Detections(
        grid=TimeGrid(frame_rate=Fraction(4), frames=40),
        vocabulary=dataclasses.replace(pair, groups=(group,)),
        probabilities=np.full((40, 2), 0.8, np.float32),
        thumbnails=(),
        left_out={"motor": "no sound for it in the library"},
    )
    (motor, bark) = explain_missing(seen, ())
    assert motor.reason.endswith("no sound for it in the library")
    assert "not sure enough" in bark.reason
    (motor,) = explain_missing(
        dataclasses.replace(seen, left_out={}), (make_cue("bark-1", 5.0, 1.0),)
    )
    assert motor.reason.endswith("taken to be bark")
