"""Test placing: pan and level follow the picture, within bounds, and never too fast."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.sound.levels import DEFAULT_LEVELS as LEVELS
from temporal_foley.sound.placing import (
    PictureEvidence,
    level_of_area,
    lowpass_of_level,
    place_tracks,
)
from temporal_foley.spotting.events import events_of_activity
from temporal_foley.spotting.position import FASTEST_PER_S, follow
from temporal_foley.spotting.shots import PictureChanges, cut_frames, keep_to_shots
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Cue, Event
from tests.factories import make_cue, make_event, make_track, make_vocabulary

RATE_HZ = 4.0
FRAMES = 40
GRID = TimeGrid.covering(10, 4)
VOCABULARY = make_vocabulary("door", "motor", "river")


def hill(across: float, down: float = 0.5, width: float = 0.3) -> np.ndarray:
    """Draw what a 7 x 7 map sees of a thing."""
    places = (np.arange(7) + 0.5) / 7
    x, y = (np.exp(-4 * np.log(2) * ((places - c) / width) ** 2) for c in (across, down))
    return np.outer(y, x)


def sights(heat: np.ndarray, *, seen: float = 1.0, **fields) -> PictureEvidence:
    probabilities = np.ones((FRAMES, 3), np.float32)
    heats = np.zeros((FRAMES, 3, 7, 7), np.float32)
    heats[:, :] = heat[:, None]
    given = {
        "grid": GRID,
        "vocabulary": VOCABULARY,
        "probabilities": probabilities,
        "motion": np.ones(FRAMES),
        "heats": heats,
        "visible": np.full((FRAMES, 3), seen, np.float32),
    }
    return PictureEvidence(**{**given, **fields})


def placed(effect: str, seen: PictureEvidence, onset: float = 0.0, offset: float = 10.0) -> Cue:
    cue = make_cue(f"{effect}-0001", onset, offset - onset, reason="probability 0.80")
    event = make_event(effect, onset, offset, confidence=0.8, peak=1.0)
    track = make_track(cue)
    ((made,),) = (t.cues for t in place_tracks([track], [event], seen))
    return made


@pytest.mark.parametrize("across", [0.15, 0.3, 0.5, 0.8])
def test_a_hit_is_panned_to_where_it_is_seen(across: float):
    cue = placed("door", sights(np.stack([hill(across)] * FRAMES)), 2.0, 3.0)
    ((_, pan),) = cue.pan
    assert pan == pytest.approx(LEVELS.widest_pan * (2 * across - 1), abs=0.1)
    assert cue.evidence.region is not None
    left, _, right, _ = cue.evidence.region
    assert left < across < right
    assert "of the picture" in cue.reason


def test_a_pan_follows_what_moves_and_is_never_too_fast():
    ways = np.linspace(0.1, 0.9, FRAMES)
    cue = placed("motor", sights(np.stack([hill(x) for x in ways])))
    places, pans = np.array(cue.pan).T
    heard = np.interp(np.arange(FRAMES) * 12_000 + 6000, places, pans)
    np.testing.assert_allclose(heard, LEVELS.widest_pan * (2 * ways - 1), atol=0.12)


def test_a_place_jumps_at_a_cut_and_nowhere_else():
    heat = np.stack([hill(0.1)] * 20 + [hill(0.9)] * 20)
    ones = np.ones(FRAMES)
    slow = follow(heat, ones, ones, RATE_HZ)
    assert np.abs(np.diff(slow.across)).max() <= FASTEST_PER_S / RATE_HZ + 1e-9
    cut = follow(heat, ones, ones, RATE_HZ, [20])
    assert cut.across[19] < 0.25
    assert cut.across[20] > 0.75


def test_what_is_not_seen_stays_in_the_centre_softer_and_duller():
    cue = placed("door", sights(np.stack([hill(0.1)] * FRAMES), seen=0.01), 2.0, 3.0)
    assert cue.pan == ((0, 0.0),)
    assert cue.level[0][1] < 0
    assert cue.lowpass_hz is not None
    assert "off screen" in cue.reason


def test_small_things_are_softer_and_duller_within_bounds():
    areas = [1e-6, 0.01, 0.05, 0.12, 0.4, 1.0]
    levels = [level_of_area(area) for area in areas]
    assert levels == sorted(levels)
    assert levels[0] == LEVELS.small_source_db
    assert level_of_area(0.12 / 4) == pytest.approx(-6.0, abs=0.05)
    cutoffs = [lowpass_of_level(level) or 24_000 for level in levels]
    assert cutoffs == sorted(cutoffs)
    assert cutoffs[0] > 1000


def test_a_loop_swells_with_its_probability():
    probabilities = np.ones((FRAMES, 3), np.float32)
    probabilities[:16] = 0.3
    heat = np.stack([hill(0.5)] * FRAMES)
    cue = placed("motor", sights(heat, probabilities=probabilities))
    places, levels = np.array(cue.level).T
    soft, loud = np.interp([2 * 48_000, 8 * 48_000], places, levels)
    assert loud - soft > 3
    assert placed("motor", sights(heat)).level[0][1] == pytest.approx(loud, abs=0.6)


def test_a_background_stays_in_the_centre():
    assert placed("river", sights(np.stack([hill(0.1)] * FRAMES))).pan == ((0, 0.0),)


def test_a_detector_without_places_leaves_pan_alone():
    bare = dataclasses.replace(sights(np.zeros((FRAMES, 7, 7))), heats=None, visible=None)
    cue = placed("door", bare, 2.0, 3.0)
    assert (cue.pan, cue.lowpass_hz, cue.evidence.region) == (((0, 0.0),), None, None)


def test_cuts_are_where_the_colours_change_at_once():
    rng = np.random.default_rng(1)
    changes = PictureChanges()
    for number in range(24):
        colour = (200, 60, 40) if number < 12 else (30, 90, 200)
        image = np.full((60, 80, 3), colour) + rng.integers(-8, 8, (60, 80, 3))
        changes.add(image.astype(np.uint8))
    assert cut_frames(changes) == [12]


def test_the_cuts_of_a_montage_are_found_and_a_strobe_is_none():
    rng = np.random.default_rng(1)
    montage, strobe = PictureChanges(), PictureChanges()
    for number in range(24):
        for changes, length in ((montage, 2), (strobe, 1)):
            colour = ((200, 60, 40), (30, 90, 200), (40, 180, 60))[number // length % 3]
            image = np.full((60, 80, 3), colour) + rng.integers(-8, 8, (60, 80, 3))
            changes.add(image.astype(np.uint8))
    cuts = list(range(2, 24, 2))
    montage.is_sharp = [frame in cuts for frame in range(24)]
    strobe.is_sharp = [True] * 24
    assert cut_frames(montage) == cuts
    assert cut_frames(strobe) == []


@pytest.mark.parametrize(("kind", "parts"), [("loop", 2), ("one_shot", 2), ("ambience", 1)])
def test_hands_that_a_montage_shows_twice_are_silent_in_the_shot_between(kind, parts):
    effects = make_vocabulary("any", kind=kind, min_duration_s=0.5, merge_gap_s=1.0)
    probabilities = np.zeros((FRAMES, 1), np.float32)
    probabilities[[4, 5, 8, 9]] = 0.9
    active = probabilities > 0.5
    found = events_of_activity(active, probabilities, GRID, effects, cuts=[4, 6, 8, 10])
    assert len(found) == parts
    assert (found[0].onset, found[-1].offset) == (1.0, 2.5)
    # Without cuts it is one pause of the same hands.
    assert len(events_of_activity(active, probabilities, GRID, effects)) == 1


def test_a_loop_ends_at_a_cut_when_the_next_shot_does_not_show_it():
    probabilities = np.zeros((FRAMES, 3), np.float32)
    probabilities[4:20, 1] = 0.9
    given = Event(effect="motor", onset=1.0, offset=6.5, confidence=0.8)
    cuts = [4.9]
    (kept,) = keep_to_shots([given], cuts, probabilities, VOCABULARY, GRID, 10.0)
    assert (kept.onset, kept.offset) == (1.0, 4.9)
    assert "cut" in kept.reason
    probabilities[20:26, 1] = 0.9
    assert keep_to_shots([given], cuts, probabilities, VOCABULARY, GRID, 10.0) == [given]


def test_a_background_carries_over_a_short_shot_of_something_else():
    events = [
        Event(effect="river", onset=0.0, offset=4.0, confidence=0.7),
        Event(effect="river", onset=6.0, offset=10.0, confidence=0.9),
    ]
    none = np.zeros((FRAMES, 3), np.float32)
    (kept,) = keep_to_shots(events, [4.0, 6.0], none, VOCABULARY, GRID, 10.0)
    assert (kept.onset, kept.offset) == (0.0, 10.0)
    assert len(keep_to_shots(events, [], none, VOCABULARY, GRID, 10.0)) == 2
