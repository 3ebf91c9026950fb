"""Moments that the picture shows: impacts found to a part of a frame, nothing found in nothing."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.spotting.motion import Motion, impacts, measure_motion
from temporal_foley.spotting.sync import (
    find_onset,
    join_stretches,
    meet_picture,
    stretches_to_watch,
)
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event
from tests.factories import make_event, make_vocabulary

RATE = 30.0
GRID = TimeGrid.covering(6, 4)
VOCABULARY = make_vocabulary("door", "steps", "motor", "bark")


@dataclasses.dataclass(frozen=True)
class Shown:
    time: float
    grey: np.ndarray
    is_new: bool = False


def falling_block(hits: list[float], seconds: float = 6.0, noise: float = 0.0) -> list[Shown]:
    """Show a block that falls onto a ground at given times and rises slowly again."""
    rng = np.random.default_rng(0)
    pictures = []
    for number in range(round(seconds * RATE)):
        time = number / RATE
        grey = np.full((72, 128), 90.0)
        down = min((hit - time for hit in hits if hit > time), default=1.0)
        up = min((time - hit for hit in hits if hit <= time), default=1.0)
        bottom = round(60 - 30 * min(1.0, down / 0.15, up / 0.35))
        grey[bottom - 16 : bottom, 50:74] = 220.0
        grey += rng.normal(0, noise, grey.shape) if noise else 0.0
        pictures.append(Shown(time, np.clip(grey, 0, 255).astype(np.uint8), number == 0))
    return pictures


def event(effect: str, onset: float, offset: float) -> Event:
    return make_event(effect, onset, offset, confidence=0.8)


@pytest.mark.parametrize("hit", [1.05, 1.11, 1.2])
def test_an_onset_of_the_grid_moves_to_where_motion_stops(hit: float):
    motion = measure_motion(falling_block([hit]))
    (met,) = meet_picture([event("door", 1.0, 1.5)], motion, VOCABULARY, GRID)
    assert -1 / RATE <= met.onset - hit <= 1.5 / RATE
    assert "motion stops" in met.reason
    assert met.motion is not None
    assert met.motion > 0.5


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_where_nothing_moves_the_grid_stays(noise: float):
    motion = measure_motion(falling_block([], noise=noise))
    given = event("door", 1.0, 1.5)
    (met,) = meet_picture([given], motion, VOCABULARY, GRID)
    assert (met.onset, met.offset, met.hits) == (given.onset, given.offset, ())


def test_repeated_hits_follow_the_rhythm_of_the_picture():
    hits = [1.1, 1.65, 2.3, 2.8, 3.4]
    motion = measure_motion(falling_block(hits))
    (met,) = meet_picture([event("steps", 1.0, 3.75)], motion, VOCABULARY, GRID)
    assert len(met.hits) == len(hits)
    np.testing.assert_allclose(met.hits, hits, atol=1.5 / RATE)
    assert met.onset == met.hits[0]


def test_what_strikes_harder_in_the_picture_is_louder():
    pictures = falling_block([1.11, 3.11])
    for picture in pictures[:70]:
        picture.grey[:, :] = (90 + (picture.grey.astype(float) - 90) * 0.3).astype(np.uint8)
    motion = measure_motion(pictures)
    given = [event("door", 1.0, 1.5), event("door", 3.0, 3.5), event("bark", 1.0, 1.5)]
    soft, hard, bark = meet_picture(given, motion, VOCABULARY, GRID)
    assert hard.strengths_db == (0.0,)
    assert soft.strengths_db[0] < -0.5
    assert (soft.hits, hard.hits) == ((soft.onset,), (hard.onset,))
    assert bark == given[2]


def test_a_call_stays_on_the_grid_and_is_not_watched():
    motion = measure_motion(falling_block([1.11]))
    given = event("bark", 1.0, 1.5)
    assert meet_picture([given], motion, VOCABULARY, GRID) == [given]
    assert stretches_to_watch([given], VOCABULARY, GRID) == []


def test_sustained_effects_stay_where_they_are():
    given = event("motor", 1.0, 3.0)
    motion = measure_motion(falling_block([1.1]))
    assert meet_picture([given], motion, VOCABULARY, GRID) == [given]
    assert stretches_to_watch([given], VOCABULARY, GRID) == []


def test_a_cut_is_no_impact_and_hides_what_lies_before_it():
    before = falling_block([1.02], seconds=1.1)
    after = [dataclasses.replace(p, time=p.time + 1.1) for p in falling_block([0.15], seconds=2.0)]
    after = [dataclasses.replace(p, grey=255 - p.grey, is_new=False, time=p.time) for p in after]
    motion = measure_motion([*before, *after])
    assert np.flatnonzero(motion.is_cut).tolist() == [len(before)]
    assert impacts(motion)[len(before)] == 0.0
    found = find_onset(1.0, motion, impacts(motion), 0.25)
    assert found is not None
    assert found.time == pytest.approx(1.25, abs=1.5 / RATE)


def test_no_pictures_give_no_motion_and_leave_events_alone():
    motion = measure_motion([])
    assert isinstance(motion, Motion)
    given = [event("door", 1.0, 1.5), event("steps", 2.0, 4.0)]
    assert meet_picture(given, motion, VOCABULARY, GRID) == given


def test_only_what_strikes_is_watched_and_stretches_that_touch_are_one():
    events = [event("door", 1.0, 1.5), event("door", 1.25, 1.75), event("motor", 3.0, 5.0)]
    stretches = stretches_to_watch(events, VOCABULARY, GRID)
    assert len(stretches) == 1
    assert sum(end - start for start, end in stretches) < 1.5
    assert join_stretches([(0, 1), (0.5, 0.7), (2, 3)]) == [(0, 1), (2, 3)]
