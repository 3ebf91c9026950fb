"""Events: matching, false cues, flips, and the polyphonic sound detection score."""

import math
from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.evaluation import events, psds
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

EFFECTS = ("fire", "wave")


def event(effect, onset, offset):
    return Event(effect=effect, onset=onset, offset=offset, confidence=1.0)


def make_clip(*reference, frames=40, known=True, probabilities=None):
    grid = TimeGrid(frame_rate=Fraction(4), frames=frames)
    labels = events.activity(reference, EFFECTS, grid).astype(np.float32)
    return ScoredClip(
        id="a",
        source="a",
        dataset="d",
        grid=grid,
        probabilities=labels if probabilities is None else probabilities,
        labels=labels,
        known=np.full(labels.shape, known),
        has_sound=True,
        has_picture=True,
        reference=reference,
    )


def test_a_perfect_answer_scores_one_and_none_scores_zero():
    clip = make_clip(event("fire", 1.0, 3.0), event("wave", 5.0, 6.0))
    perfect = events.evaluate([clip], [clip.reference], EFFECTS)
    silent = events.evaluate([clip], [[]], EFFECTS)
    for criterion in ("onset_100ms", "onset_250ms", "event", "segment"):
        assert perfect[criterion]["macro"]["f1"] == 1.0
        assert silent[criterion]["macro"]["f1"] == 0.0
    assert perfect["heard"]["share"] == 1.0
    assert silent["heard"]["share"] == 0.0


def test_onsets_count_up_to_the_collar_and_only_once():
    truth = [event("fire", 1.0, 2.0), event("fire", 3.0, 4.0)]
    near = [event("fire", 1.25, 2.0), event("fire", 1.0, 1.5), event("fire", 3.3, 4.0)]
    assert events.match_onsets(truth, near, 0.25) == 1
    assert events.match_onsets(truth, near, 0.31) == 2
    # 0.9 - 0.7 is a hair above 0.2 in binary.
    assert events.match_onsets([event("fire", 0.7, 1.0)], [event("fire", 0.9, 1.0)], 0.2) == 1


def test_matching_finds_as_many_pairs_as_there_are():
    truth = [event("fire", 1.0, 2.0), event("fire", 1.2, 2.2)]
    # Whoever takes the nearest first leaves one of them alone.
    guess = [event("fire", 1.1, 2.0), event("fire", 0.9, 2.0)]
    assert events.match_onsets(truth, guess, 0.1) == 2


def test_long_events_may_end_less_exactly():
    truth = [event("fire", 0.0, 4.0)]
    assert events.match_events(truth, [event("fire", 0.1, 2.1)]) == 1
    assert events.match_events(truth, [event("fire", 0.1, 1.9)]) == 0
    assert events.match_events([event("fire", 0.0, 0.2)], [event("fire", 0.0, 0.41)]) == 0


def test_an_effect_without_true_events_is_undefined_and_its_cues_still_cost():
    clip = make_clip(event("fire", 1.0, 3.0))
    found = [*clip.reference, event("wave", 1.0, 2.0)]
    result = events.evaluate([clip], [found], EFFECTS)["event"]
    assert math.isnan(result["effects"]["wave"]["f1"])
    assert result["macro"] == {"f1": 1.0, "defined_effects": 1, "effects": 2}
    assert result["micro"]["f1"] == pytest.approx(2 / 3)


def test_clips_of_which_not_all_is_known_and_stills_take_no_part():
    partly = make_clip(event("fire", 1.0, 3.0), known=False)
    still = make_clip(event("fire", 0.0, 0.25), frames=1)
    result = events.evaluate([partly, still], [[], []], EFFECTS)
    assert result["event"]["macro"]["defined_effects"] == 0
    assert math.isnan(result["false_cues"]["per_minute"])


def test_false_cues_are_counted_where_there_is_nothing_to_hear():
    silent, sounding = make_clip(frames=240), make_clip(event("fire", 1.0, 2.0), frames=240)
    cues = [event("wave", 1.0, 2.0), event("wave", 3.0, 4.0)]
    counted = events.evaluate([silent, sounding, silent], [cues, cues, []], EFFECTS)["false_cues"]
    assert counted["per_minute"] == 1.0
    assert (counted["cues"], counted["clips"], counted["clips_left_silent"]) == (2, 2, 1)


def test_flips_are_counted_as_found_and_as_true():
    clip = make_clip(event("fire", 1.0, 2.0), frames=120)
    found = [event("fire", 1.0, 1.5), event("fire", 2.0, 2.5), event("wave", 0.0, 30.0)]
    flips = events.evaluate([clip], [found], EFFECTS)["flips_per_minute"]
    assert flips == {"estimated": 8.0, "reference": 4.0}


def test_psds_is_one_for_perfect_and_zero_for_silent_scores():
    clips = [make_clip(event("fire", 1.0, 3.0), event("wave", 5.0, 6.0)), make_clip()]
    assert psds.evaluate(clips, EFFECTS) == {"psds1": 1.0, "psds2": 1.0}
    silent = [
        make_clip(*clip.reference, probabilities=np.zeros((40, 2), np.float32)) for clip in clips
    ]
    # One level for all frames: a whole clip is one run, of which too little is true.
    assert psds.evaluate(silent, EFFECTS)["psds1"] == 0.0


def test_psds_is_undefined_without_events_and_ignores_effects_that_never_happen():
    assert math.isnan(psds.evaluate([make_clip()], EFFECTS)["psds1"])
    assert psds.evaluate([make_clip(event("fire", 1.0, 3.0))], EFFECTS)["psds1"] == 1.0


def test_psds_in_blocks_equals_psds_whole(monkeypatch):
    random = np.random.default_rng(0)
    clip = make_clip(
        event("fire", 1.0, 3.0),
        event("wave", 2.0, 6.0),
        probabilities=random.random((40, 2)).astype(np.float32),
    )
    whole = psds.evaluate([clip], EFFECTS)
    monkeypatch.setattr(psds, "_BLOCK_CELLS", 100)
    assert psds.evaluate([clip], EFFECTS) == whole


def test_events_that_do_not_belong_to_the_clips_are_refused():
    with pytest.raises(ValueError, match="1 lists, got 2"):
        events.evaluate([make_clip()], [[], []], EFFECTS)
    with pytest.raises(ValueError, match="'fire', which is no effect"):
        events.evaluate([make_clip(event("fire", 0, 1))], [[]], ("rain", "wave"))
