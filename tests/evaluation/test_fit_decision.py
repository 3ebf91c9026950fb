"""Test fitting a decision: calibration, durations and thresholds by each rule."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.evaluation import events, metrics
from temporal_foley.evaluation.fit_calibration import fit_common_line, fit_lines
from temporal_foley.evaluation.fit_decision import FitConfig, choose_steps, fit_decision
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.evaluation.threshold_sweep import Sweep, decode_clip
from temporal_foley.spotting.decision import (
    apply_decision,
    calibrate,
    decision_from_json,
    decision_to_json,
    default_decision,
)
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

NAMES = ("fire", "wave", "cars")
VOCABULARY = Vocabulary(
    name="small",
    effects=tuple(
        Effect(name=name, kind="loop", bus="foley", merge_gap_s=0.25, min_duration_s=0.25)
        for name in NAMES
    ),
)


def make_clips(seed=0, clips=24, frames=60):
    """Make clips of two effects, every third with nothing; and the logits of a hasty network."""
    random = np.random.default_rng(seed)
    made, logits = [], []
    for number in range(clips):
        grid = TimeGrid(frame_rate=Fraction(4), frames=frames)
        reference = ()
        if number % 3:
            onset = float(random.integers(4, 24)) / 4
            length = float(random.integers(8, 24)) / 4
            name = NAMES[number % 2]
            reference = (Event(effect=name, onset=onset, offset=onset + length, confidence=1.0),)
        labels = events.activity(reference, NAMES, grid).astype(np.float32)
        noise = random.normal(0.0, 1.0, labels.shape)
        made.append(
            ScoredClip(
                id=str(number),
                source=str(number),
                dataset="d",
                grid=grid,
                probabilities=np.zeros(labels.shape, np.float32),
                labels=labels,
                known=np.ones(labels.shape, bool),
                has_sound=True,
                has_picture=True,
                reference=reference,
            )
        )
        logits.append((2.0 * (4.0 * labels - 3.0 + noise) + 1.0).astype(np.float32))
    return made, logits


def judged(clips, logits, decision):
    return [
        dataclasses.replace(clip, probabilities=calibrate(rows, decision))
        for clip, rows in zip(clips, logits, strict=True)
    ]


def test_calibration_undoes_a_slope_and_a_bias():
    random = np.random.default_rng(0)
    honest = random.normal(-1.0, 2.0, (4000, 2))
    labels = (random.random(honest.shape) < 1 / (1 + np.exp(-honest))).astype(np.float32)
    grid = TimeGrid(frame_rate=Fraction(4), frames=4000)
    clip = ScoredClip(
        id="a",
        source="a",
        dataset="d",
        grid=grid,
        probabilities=np.zeros(honest.shape, np.float32),
        labels=labels,
        known=np.ones(honest.shape, bool),
        has_sound=True,
        has_picture=True,
    )
    for slope, bias in fit_lines([clip], [3.0 * honest + 1.5]):
        assert slope == pytest.approx(1 / 3, rel=0.1)
        assert bias == pytest.approx(-0.5, abs=0.15)


def test_the_common_line_hears_a_long_clip_no_louder_than_a_short_one():
    random = np.random.default_rng(0)

    def clip_of(frames, slope):
        honest = random.normal(-1.0, 2.0, (frames, 2))
        labels = (random.random(honest.shape) < 1 / (1 + np.exp(-honest))).astype(np.float32)
        clip = ScoredClip(
            id="a",
            source="a",
            dataset="d",
            grid=TimeGrid(frame_rate=Fraction(4), frames=frames),
            probabilities=np.zeros(honest.shape, np.float32),
            labels=labels,
            known=np.ones(honest.shape, bool),
            has_sound=True,
            has_picture=True,
        )
        return clip, slope * honest

    short = [clip_of(8, 3.0) for _ in range(300)]
    line = fit_common_line(*zip(*short, strict=True))
    assert line.slope == pytest.approx(1 / 3, rel=0.15)
    assert line.bias == pytest.approx(0.0, abs=0.15)
    # One clip of which 8,000 frames say that logits are too small does not outvote them.
    with_long = [*short, clip_of(8000, 0.2)]
    assert fit_common_line(*zip(*with_long, strict=True)).slope == pytest.approx(1 / 3, rel=0.2)


def test_an_effect_without_positives_gets_the_common_line():
    clips, logits = make_clips()
    lines = fit_lines(clips, logits)
    assert len(lines) == 3
    assert lines[2] != lines[0]
    assert all(line.slope > 0 for line in lines)


def test_fitting_betters_log_loss_and_calibration_on_other_clips():
    clips, logits = make_clips(seed=0)
    decision = fit_decision(clips, logits, VOCABULARY)
    others, their_logits = make_clips(seed=1)
    raw = default_decision(VOCABULARY)
    before = metrics.evaluate(judged(others, their_logits, raw), NAMES, draws=10)
    after = metrics.evaluate(judged(others, their_logits, decision), NAMES, draws=10)
    for metric in ("log_loss", "calibration_error"):
        assert after["frames"]["micro"][metric] < before["frames"]["micro"][metric]
    # A line changes no order within an effect.
    for name in NAMES[:2]:
        was, is_now = (r["frames"]["effects"][name]["roc_auc"] for r in (before, after))
        assert is_now == pytest.approx(was, abs=1e-6)


def test_a_fitted_decision_finds_most_events_and_survives_json():
    clips, logits = make_clips(seed=0)
    decision = fit_decision(clips, logits, VOCABULARY)
    assert decision_from_json(decision_to_json(decision), VOCABULARY) == decision
    assert "max_f1 on 24" in decision.rule
    others, their_logits = make_clips(seed=1)
    found = [
        decode_clip(c, VOCABULARY, decision)[0] for c in judged(others, their_logits, decision)
    ]
    result = events.evaluate(others, found, NAMES)
    assert result["segment"]["micro"]["f1"] > 0.8


def test_fewer_false_cues_are_had_by_asking_for_fewer():
    clips, logits = make_clips(seed=2)
    made = {}
    for most in (0.0, 2.0, 50.0):
        config = FitConfig(rule="false_cues", most=most, window_s=0.25, gap=0.0)
        decision = fit_decision(clips, logits, VOCABULARY, config)
        scored = judged(clips, logits, decision)
        found = [decode_clip(c, VOCABULARY, decision)[0] for c in scored]
        result = events.evaluate(scored, found, NAMES)
        assert result["false_cues"]["per_minute"] <= most
        made[most] = result["heard"]["share"]
    assert made[0.0] <= made[2.0] <= made[50.0]
    assert made[50.0] == 1.0


def test_false_alarms_keep_to_their_rate():
    clips, logits = make_clips(seed=3)
    config = FitConfig(rule="false_alarm_rate", most=0.02, window_s=0.25)
    decision = fit_decision(clips, logits, VOCABULARY, config)
    scored = judged(clips, logits, decision)
    active = np.concatenate([decode_clip(c, VOCABULARY, decision)[1] for c in scored])
    truth = np.concatenate([clip.truth for clip in clips])
    for effect in range(2):
        assert active[~truth[:, effect], effect].mean() <= 0.02


def test_an_effect_that_never_happened_is_not_let_through_more_easily_than_all():
    nothing = np.zeros((5, 2), np.int64)
    right = np.array([[9, 0], [9, 0], [8, 0], [8, 0], [1, 0]])
    wrong = np.array([[90, 9], [9, 9], [0, 0], [0, 0], [0, 0]])
    sweep = Sweep(
        ladder=np.array([-1.0, -0.5, 0.0, 0.5, 1.0]),
        right=right,
        wrong=wrong,
        missed=9 * (right[:1] > 0) - right,
        absent=np.array([100, 100]),
        heard=nothing,
        sounding=np.array([1, 0]),
        false_cues=nothing,
        silent_minutes=1.0,
    )
    assert choose_steps(sweep, FitConfig()).tolist() == [2, 2]
    lenient = FitConfig(rule="false_cues", most=100.0)
    assert choose_steps(sweep, lenient)[1] == 2


def test_lengths_come_from_events_that_are_whole():
    clips, logits = make_clips(seed=4, clips=30)
    decision = fit_decision(clips, logits, VOCABULARY, FitConfig(decoder="semi_markov"))
    lengths = {effect.effect: effect.lasts_s for effect in decision.effects}
    # True events last 2 to 6 s; what the kind says of the third is 5 s.
    assert 2.0 < lengths["fire"] < 5.0
    assert lengths["cars"] == pytest.approx(5.0)


def test_a_softmax_with_mode_has_nothing_to_fit():
    clips, logits = make_clips(clips=3)
    with_other = [np.concatenate([rows, np.zeros((60, 1))], axis=1) for rows in logits]
    decision = fit_decision(
        clips, with_other, VOCABULARY, FitConfig(decoder="mode"), output="softmax"
    )
    assert all(effect.slope == 1.0 for effect in decision.effects)
    found = apply_decision(calibrate(with_other[1], decision), clips[1].grid, VOCABULARY, decision)
    assert {event.effect for event in found} == {"wave"}


@pytest.mark.wrong_types
def test_rules_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="max_f1, false_alarm_rate, false_cues"):
        FitConfig(rule="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a rate at most 1"):
        FitConfig(rule="false_alarm_rate", most=5.0)
    clips, logits = make_clips(clips=3)
    with pytest.raises(ValueError, match="3 clips, got 2"):
        fit_decision(clips, logits[:2], VOCABULARY)
