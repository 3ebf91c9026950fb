"""Ambience at cuts: one fades into the other at equal power, and what goes on is left alone."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.sound.ambience import crossfade_ambience, meet_at_cuts
from temporal_foley.sound.render import render_track
from temporal_foley.timeline import Event, Track
from tests.factories import (
    make_cue,
    make_event,
    make_library,
    make_take,
    make_track,
    make_vocabulary,
)

RATE = 48_000
VOCABULARY = make_vocabulary("river", "wave", "motor")
event = make_event


def spans(events: tuple[Event, ...]) -> list[tuple[str, float, float]]:
    return [(event.effect, event.onset, event.offset) for event in events]


def test_two_ambiences_that_end_and_begin_near_a_cut_overlap_around_it() -> None:
    met = meet_at_cuts([event("river", 0, 9.5), event("wave", 10.75, 20)], VOCABULARY, [10.0])
    assert spans(met) == [("river", 0, 10.5), ("wave", 9.5, 20)]


@pytest.mark.parametrize(
    ("events", "cuts"),
    [
        ([event("river", 0, 9.5), event("wave", 10.75, 20)], []),
        ([event("river", 0, 7.0), event("wave", 10.75, 20)], [10.0]),
        ([event("river", 0, 9.5), event("river", 10.75, 20)], [10.0]),
        ([event("motor", 0, 9.5), event("wave", 10.75, 20)], [10.0]),
        ([event("river", 9.4, 9.9), event("wave", 10.75, 20)], [10.0]),
    ],
    ids=["no cut", "far from it", "the same", "no ambience", "a moment only"],
)
def test_what_does_not_change_at_a_cut_is_left_alone(events, cuts) -> None:
    assert meet_at_cuts(events, VOCABULARY, cuts) == tuple(events)


# ---- tracks

LEVEL = 0.1


# A constant, so that the gain of every sample can be read off.
LIBRARY = make_library(lambda asset: make_take(LEVEL, 30.0))


def track(effect: str, onset: float, offset: float, **fields) -> Track:
    fade = min(19_200, round((offset - onset) * RATE) // 4)
    ends = {"fade_in": fade, "fade_out": fade}
    return make_track(make_cue(f"{effect}-0001", onset, offset - onset, **ends, **fields))


@pytest.mark.parametrize("overlap", [0.2, 0.5, 1.0, 3.0])
def test_the_power_stays_the_same_all_through_the_crossfade(overlap: float) -> None:
    one, other = crossfade_ambience([track("river", 0, 10 + overlap), track("wave", 10, 20)])
    first, last = 9 * RATE, 14 * RATE
    sounds = [render_track(made, LIBRARY, first, last)[:, 0] for made in (one, other)]
    power = (np.stack(sounds).astype(float) ** 2).sum(axis=0)
    # The short edges at either end, where the other one is full, aside.
    decibels = 10 * np.log10(power / power[0])
    assert np.abs(decibels).max() < 0.25
    assert "fades into wave" in one.cues[0].reason
    assert "fades out of river" in other.cues[0].reason


def test_there_is_no_step_at_the_ends_of_a_crossfade() -> None:
    one, other = crossfade_ambience([track("river", 0, 11), track("wave", 10, 20)])
    for made, at in ((one, 11 * RATE), (other, 10 * RATE)):
        around = render_track(made, LIBRARY, at - 2400, at + 2400)[:, 0]
        assert np.abs(np.diff(around)).max() < LEVEL / 500


@pytest.mark.parametrize(
    "other",
    [track("wave", 2, 8), track("wave", 5, 20), track("wave", 10, 20)],
    ids=["within", "long together", "after"],
)
def test_ambiences_that_are_both_there_or_apart_do_not_fade_into_each_other(other: Track) -> None:
    tracks = (track("river", 0, 10), other)
    assert crossfade_ambience(tracks) == tracks


def test_a_rejected_ambience_is_nothing_to_fade_into() -> None:
    tracks = (track("river", 0, 11), track("wave", 10, 20, status="rejected"))
    assert crossfade_ambience(tracks) == tracks


def test_a_level_that_moves_already_is_kept_under_the_crossfade() -> None:
    swelling = track("river", 0, 11, level=((0, -6.0), (9 * RATE, -3.0)))
    one, _ = crossfade_ambience([swelling, track("wave", 10, 20)])
    cue = one.cues[0]
    assert cue.level[:2] == ((0, -6.0), (9 * RATE, -3.0))
    before, after = (render_track(made, LIBRARY, 0, 10 * RATE - 1) for made in (swelling, one))
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert dataclasses.replace(cue, level=((0, 0.0),)).length == 11 * RATE
