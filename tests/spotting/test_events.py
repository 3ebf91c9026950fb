"""Decoding of events: each step alone, the grid's arithmetic, and silence."""

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_foley.effects import Effect, EffectGroup, Vocabulary, load_vocabulary
from temporal_foley.spotting.events import (
    DecodingConfig,
    decode_events,
    keep_one_per_group,
    most_probable_labels,
)
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

RAW = DecodingConfig(smoothing="none")
SMOOTHINGS = ("none", "mode", "median", "gaussian")


def one_effect(**fields) -> Vocabulary:
    defaults = {"min_duration_s": 0.0, "merge_gap_s": 0.0}
    fields = {"name": "fire", "kind": "loop", "bus": "hard_effects", **defaults, **fields}
    return Vocabulary(name="one", effects=(Effect(**fields),))


def spans(chances, *, duration=None, config=RAW, **fields) -> list[tuple[float, float]]:
    """Decode the probabilities of one effect at 4 frames a second; return onsets and offsets."""
    grid = TimeGrid(frame_rate=Fraction(4), frames=len(chances))
    table = np.array(chances, np.float32).reshape(-1, 1)
    events = decode_events(table, grid, one_effect(**fields), config=config, duration=duration)
    return [(event.onset, event.offset) for event in events]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("level", [0.0, 0.1, 0.34])
def test_where_nothing_is_seen_nothing_is_heard(smoothing, level):
    vocabulary = load_vocabulary()
    grid = TimeGrid.covering(8, 4)
    nothing = np.full((grid.frames, len(vocabulary)), level, np.float32)
    config = DecodingConfig(smoothing=smoothing)
    assert decode_events(nothing, grid, vocabulary, config=config) == []


def test_the_report_s_decoder_is_silent_where_other_wins():
    vocabulary = load_vocabulary()
    grid = TimeGrid.covering(4, 4)
    # A softmax over 21 classes whose best effect is weaker than "other" in every frame.
    softmax = np.full((grid.frames, len(vocabulary)), 0.02, np.float32)
    softmax[:, 3] = 0.3
    config = DecodingConfig(smoothing="mode")
    other = np.full(grid.frames, 0.32, np.float32)
    assert decode_events(softmax, grid, vocabulary, config=config, other=other) == []
    heard = decode_events(softmax, grid, vocabulary, config=config, other=other - 0.1)
    assert [(event.effect, event.onset, event.offset) for event in heard] == [
        ("stars_shining", 0.0, 4.0)
    ]


def test_mode_decoding_gives_one_effect_at_a_time():
    vocabulary = load_vocabulary()
    grid = TimeGrid(frame_rate=Fraction(4), frames=12)
    table = np.zeros((12, len(vocabulary)), np.float32)
    dog, cars = vocabulary.index("dog_barking"), vocabulary.index("cars")
    table[:6, dog], table[6:, dog] = 0.9, 0.6
    table[:6, cars], table[6:, cars] = 0.8, 0.7
    table[2, dog] = 0.1
    config = DecodingConfig(smoothing="mode", window_s=1.25)
    events = decode_events(table, grid, vocabulary, config=config)
    assert [(e.effect, e.onset, e.offset) for e in events] == [
        ("dog_barking", 0.0, 1.5),
        ("cars", 1.5, 3.0),
    ]


def test_several_effects_play_at_once():
    vocabulary = load_vocabulary()
    grid = TimeGrid.covering(4, 4)
    table = np.zeros((16, len(vocabulary)), np.float32)
    table[:, vocabulary.index("cars")] = 0.9
    table[4:12, vocabulary.index("dog_barking")] = 0.8
    events = decode_events(table, grid, vocabulary)
    assert [(e.effect, e.onset, e.offset) for e in events] == [
        ("cars", 0.0, 4.0),
        ("dog_barking", 1.0, 3.0),
    ]


def test_weak_frames_count_beside_strong_ones_and_not_alone():
    assert spans([0.4, 0.4, 0.0, 0.4, 0.6, 0.4, 0.3]) == [(0.75, 1.5)]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_smoothing_moves_no_edge_away_from_a_hard_cut(smoothing):
    config = DecodingConfig(smoothing=smoothing, window_s=1.75)
    assert spans([0.0] * 8 + [0.9] * 12 + [0.0] * 8, config=config) == [(2.0, 5.0)]


@pytest.mark.parametrize("smoothing", ["mode", "median", "gaussian"])
def test_a_flash_of_one_frame_is_smoothed_away(smoothing):
    config = DecodingConfig(smoothing=smoothing)
    assert spans([0.1] * 8 + [1.0] + [0.1] * 8, config=config) == []


def test_a_probability_at_the_threshold_is_enough():
    assert spans([0.0, 0.7, 0.0], threshold_on=0.7, threshold_off=0.7) == [(0.25, 0.5)]


def test_gaps_up_to_the_limit_are_joined():
    chances = [0.9, 0.0, 0.0, 0.9, 0.0, 0.0, 0.0, 0.9]
    assert spans(chances, merge_gap_s=0.5) == [(0.0, 1.0), (1.75, 2.0)]
    assert spans(chances, merge_gap_s=0.49) == [(0.0, 0.25), (0.75, 1.0), (1.75, 2.0)]


def test_gaps_are_joined_before_short_events_are_dropped():
    flicker = [0.9, 0.0, 0.9, 0.0, 0.9]
    assert spans(flicker, merge_gap_s=0.25, min_duration_s=1.0) == [(0.0, 1.25)]
    assert spans(flicker, merge_gap_s=0.0, min_duration_s=1.0) == []


def test_a_long_event_is_cut_to_its_most_probable_part():
    assert spans([0.6, 0.6, 0.9, 0.9, 0.6, 0.6], max_duration_s=0.5) == [(0.5, 1.0)]
    assert spans([0.9] * 6, max_duration_s=0.5) == [(0.0, 0.5)]


def test_events_end_with_the_picture():
    assert spans([0.9] * 4, duration=0.9) == [(0.0, 0.9)]
    assert spans([0.9] * 4, duration=0.9, min_duration_s=0.95) == []
    assert spans([0.9] * 4, duration=30) == [(0.0, 1.0)]


def test_confidence_and_peak_tell_how_sure_and_when():
    grid = TimeGrid(frame_rate=Fraction(4), frames=4, start=Fraction(2))
    table = np.array([[0.5], [0.7], [0.9], [0.1]], np.float32)
    (event,) = decode_events(table, grid, one_effect(), config=RAW)
    assert (event.onset, event.offset, event.peak) == (2.0, 2.75, 2.5)
    assert event.confidence == pytest.approx(0.7)


def test_times_are_exact_at_odd_rates():
    grid = TimeGrid(frame_rate=Fraction(30000, 1001), frames=60_000)
    table = np.zeros((grid.frames, 1), np.float32)
    table[59_998:] = 0.9
    (event,) = decode_events(table, grid, one_effect(), config=RAW)
    assert event.onset == float(Fraction(59_998 * 1001, 30_000))
    assert event.offset == float(grid.end)


@given(st.lists(st.floats(0, 1, width=32), max_size=40), st.sampled_from(SMOOTHINGS))
def test_events_are_ordered_apart_and_inside_the_picture(chances, smoothing):
    config = DecodingConfig(smoothing=smoothing, window_s=0.75)
    limits = {"merge_gap_s": 0.25, "min_duration_s": 0.5, "max_duration_s": 2.0}
    duration = max(0.0, len(chances) / 4 - 0.1)
    found = spans(chances, duration=duration, config=config, **limits)
    for onset, offset in found:
        assert 0.0 <= onset < offset <= duration
        assert 0.5 <= offset - onset <= 2.0
    for (_, offset), (onset, _) in itertools.pairwise(found):
        assert onset - offset > 0.25


def test_an_empty_video_has_no_events():
    assert spans([]) == []


@pytest.mark.wrong_types
def test_probabilities_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        spans([0.5, float("nan")])
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        spans([1.5])
    grid = TimeGrid.covering(1, 4)
    with pytest.raises(ValueError, match=r"4 frames, 1 effects"):
        decode_events(np.zeros((3, 1), np.float32), grid, one_effect())
    with pytest.raises(ValueError, match="other must be one number a frame"):
        most_probable_labels(np.zeros((3, 1)), one_effect(), other=np.zeros(4))


@pytest.mark.wrong_types
def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="smoothing must be one of none, mode, median, gaussian"):
        DecodingConfig(smoothing="max")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="window_s"):
        DecodingConfig(window_s=0.0)


GROUPED = dataclasses.replace(
    load_vocabulary("foley20"),
    groups=(EffectGroup(name="road", effects=("cars", "train_passing")),),
)


def event(effect, onset, offset, confidence):
    return Event(effect=effect, onset=onset, offset=offset, confidence=confidence)


@pytest.mark.parametrize(
    ("events", "kept"),
    [
        ([("cars", 0, 9, 0.5), ("train_passing", 0, 9, 0.6)], [("train_passing", 0, 9)]),
        ([("cars", 0, 9, 0.5), ("train_passing", 0, 9, 0.5)], [("cars", 0, 9)]),
        ([("cars", 0, 9, 0.95), ("train_passing", 0, 9, 0.95)], None),
        ([("cars", 0, 4, 0.5), ("train_passing", 4, 9, 0.6)], None),
        (
            [("cars", 0, 9, 0.5), ("train_passing", 7, 9, 0.6)],
            [("cars", 0, 7), ("train_passing", 7, 9)],
        ),
        ([("cars", 0, 9, 0.5), ("train_passing", 2, 9, 0.6)], [("train_passing", 2, 9)]),
        ([("cars", 0, 9, 0.5), ("fire", 0, 9, 0.6)], None),
        ([("cars", 0, 9, 0.5), ("cars", 5, 9, 0.6)], None),
    ],
)
def test_one_effect_of_a_group_is_kept_unless_both_are_certain(events, kept):
    left = keep_one_per_group([event(*one) for one in events], GROUPED)
    found = sorted((e.effect, e.onset, e.offset) for e in left)
    assert found == sorted(kept if kept is not None else [one[:3] for one in events])


@pytest.mark.parametrize("name", ["foley20", "everyday"])
@pytest.mark.parametrize("confidence", [0.4, 0.99])
def test_one_body_of_water_has_one_sound_however_certain(name, confidence):
    events = [event("river", 0, 9, 0.98), event("wave", 0, 9, confidence), event("fire", 0, 9, 0.5)]
    kept = keep_one_per_group(events, load_vocabulary(name))
    assert {e.effect for e in kept} == {"fire", "wave" if confidence > 0.98 else "river"}


def test_without_groups_events_are_as_they_were():
    events = [event("cars", 0, 9, 0.5), event("train_passing", 0, 9, 0.6)]
    kept = keep_one_per_group(events, load_vocabulary("foley20"))
    assert sorted(kept, key=str) == sorted(events, key=str)
