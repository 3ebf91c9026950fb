"""Scenes from shots, steady sources through them, and tails that end with their shots."""

import numpy as np
import pytest

from temporal_foley.sound.ambience import keep_tails_to_shots
from temporal_foley.spotting.scenes import carry_through_scenes, distance, find_scenes
from temporal_foley.spotting.shots import PictureChanges, cut_frames
from tests.factories import make_cue, make_event, make_track, make_vocabulary

FOREST, FACES, SEA = np.eye(3)
RATE = 48_000


def film(*shots: np.ndarray, frames: int = 8):
    """Return colours, cuts and times of shots of two seconds at 4 Hz."""
    colours = np.concatenate([np.tile(shot, (frames, 1)) for shot in shots])
    cuts = [frames * number for number in range(1, len(shots))]
    return colours, cuts, [0.25 * cut for cut in (0, *cuts, len(colours))]


def test_a_cutaway_does_not_end_a_scene() -> None:
    assert find_scenes(*film(FOREST, FACES, FOREST, SEA, SEA)) == [(0.0, 6.0), (6.0, 10.0)]
    assert find_scenes(*film(FOREST, FACES, SEA)) == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]
    assert find_scenes(*film(FOREST)) == [(0.0, 2.0)]


def test_shots_far_apart_are_of_other_scenes() -> None:
    colours, cuts, times = film(FOREST, FACES, FOREST)
    assert len(find_scenes(colours, cuts, [30 * time for time in times])) == 3


def test_wrong_times_are_refused() -> None:
    with pytest.raises(ValueError, match="times must be 4"):
        find_scenes(*film(FOREST, FACES, SEA)[:2], [0.0, 1.0])


def test_distance_is_that_of_bhattacharyya() -> None:
    assert distance(FOREST, FOREST) == pytest.approx(0.0, abs=1e-6)
    assert distance(FOREST, SEA) == pytest.approx(1.0)
    half = np.array([0.5, 0.5, 0.0])
    assert distance(FOREST, half) == pytest.approx(np.sqrt(1 - np.sqrt(0.5)))


def test_a_steady_source_plays_until_its_scene_ends_softer_off_screen() -> None:
    vocabulary = make_vocabulary("motor", "bark", ucs="FIRECrkl")
    fire = [make_event("motor", 1.0, 4.0), make_event("motor", 8.0, 10.0)]
    bark = make_event("bark", 2.0, 3.0)
    joined, kept = carry_through_scenes([*fire, bark], [(0.0, 14.0), (14.0, 20.0)], vocabulary)
    assert (joined.onset, joined.offset, kept) == (1.0, 14.0, bark)
    times, levels = zip(*joined.envelope, strict=True)
    assert np.interp([2.0, 6.0, 9.0, 13.0], times, levels) == pytest.approx([0, -6, 0, -6])
    assert "until its scene ends" in joined.reason


def test_what_is_not_steady_or_fills_its_scene_stays() -> None:
    given = [make_event("motor", 1.0, 4.0)]
    assert carry_through_scenes(given, [(0.0, 9.0)], make_vocabulary("motor")) == given
    steady = make_vocabulary("motor", ucs="FIRECrkl")
    full = [make_event("motor", 0.0, 9.0)]
    assert carry_through_scenes(full, [(0.0, 9.0)], steady) == full
    beyond = [make_event("motor", 1.0, 14.0)]
    assert carry_through_scenes(beyond, [(0.0, 9.0), (9.0, 20.0)], steady) == beyond


def test_colours_of_pictures_tell_shots_apart() -> None:
    changes = PictureChanges()
    for level in (40,) * 6 + (220,) * 6:
        changes.add(np.full((64, 64, 3), level, np.uint8))
    assert cut_frames(changes) == [6]
    assert float(changes.colours[0].sum()) == pytest.approx(1.0, abs=1e-2)
    assert distance(changes.colours[0], changes.colours[7]) > 0.9


def test_tails_end_with_their_shot_and_no_sound_starts_before_it() -> None:
    rings = make_cue("door-1", 1.0, 2.0)
    early = make_cue("door-2", 4.9, 1.0, anchor=RATE // 4)
    track = make_track(rings, early)
    events = [make_event("door", 1.0, 1.5), make_event("door", 5.15, 5.5)]
    (kept,) = keep_tails_to_shots([track], events, [2 * RATE, 5 * RATE])
    first, second = kept.cues
    assert first.offset_sample == pytest.approx(2 * RATE, abs=RATE // 10)
    assert first.fade_out > 0
    assert second.onset_sample == 5 * RATE
    assert second.picture_sample == early.picture_sample
    (rung,) = keep_tails_to_shots([track], events, [2 * RATE], tails="ring")
    assert rung.cues[0] == rings
    still = [make_event("door", 1.0, 4.0)]
    (stays,) = keep_tails_to_shots([make_track(rings)], still, [2 * RATE])
    assert stays.cues[0] == rings
