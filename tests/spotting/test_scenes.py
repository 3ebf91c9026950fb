"""Scenes from shots, steady sources through them, and tails that end with their shots."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.cue_list import timeline_from_json, timeline_to_json
from temporal_foley.edits.keep import find_edits
from temporal_foley.sound.ambience import carry_through_scenes, keep_tails_to_shots
from temporal_foley.spotting.own_sound.evidence import SoundEvidence
from temporal_foley.spotting.own_sound.onset_strength import SoundLevels
from temporal_foley.spotting.scenes import (
    ShotLooks,
    distance,
    find_scenes,
    look_at_shots,
    mark_steady,
    shot_ambience,
)
from temporal_foley.spotting.shots import PictureChanges, cut_frames
from temporal_foley.timeline import Cue, Evidence, Loop, SceneSpan, Timeline
from tests.factories import make_cue, make_event, make_timeline, make_track, make_vocabulary

FOREST, FACES, SEA = np.eye(3)
RATE = 48_000


def film(*shots: np.ndarray, frames: int = 8, features=None, times=1.0) -> ShotLooks:
    """Return what shots of two seconds at 4 Hz look like."""
    colours = np.concatenate([np.tile(shot, (frames, 1)) for shot in shots])
    if features is not None:
        features = np.repeat(np.array(features, float), frames, axis=0)
    cuts = [frames * number for number in range(1, len(shots))]
    seconds = [0.25 * times * cut for cut in (0, *cuts, len(colours))]
    return look_at_shots(colours, features, cuts, seconds)


def test_a_cutaway_does_not_end_a_scene() -> None:
    assert find_scenes(film(FOREST, FACES, FOREST, SEA, SEA)) == [(0.0, 6.0), (6.0, 10.0)]
    assert find_scenes(film(FOREST, FACES, SEA)) == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]
    assert find_scenes(film(FOREST)) == [(0.0, 2.0)]


def test_shots_far_apart_are_of_other_scenes() -> None:
    assert len(find_scenes(film(FOREST, FACES, FOREST, times=30.0))) == 3


def test_features_tell_places_of_one_colour_apart() -> None:
    one, other = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    assert len(find_scenes(film(FOREST, FOREST, features=[one, one]))) == 1
    assert len(find_scenes(film(FOREST, FOREST, features=[one, other]))) == 2
    half = 0.5 * FOREST + 0.5 * FACES
    assert len(find_scenes(film(FOREST, half, features=[one, one]))) == 1


def test_shots_with_one_ambience_are_of_one_scene_unless_it_is_music() -> None:
    levels = np.full((1200, 40), -60.0, np.float16)
    levels[800:] += 20.0
    vocabulary, columns = make_vocabulary("motor"), 40
    sound = SoundEvidence(
        vocabulary=vocabulary,
        levels=SoundLevels(bands_db=levels),
        tags=np.zeros((columns, 1)),
        speech=np.zeros(columns),
        music=np.zeros(columns),
    )
    shots = film(FOREST, FACES, SEA)
    assert find_scenes(shots, shot_ambience(sound, shots.times)) == [(0.0, 4.0), (4.0, 6.0)]
    loud = dataclasses.replace(sound, music=np.ones(columns))
    assert len(find_scenes(shots, shot_ambience(loud, shots.times))) == 3


def test_wrong_times_are_refused() -> None:
    with pytest.raises(ValueError, match="times must be 3"):
        look_at_shots(np.zeros((8, 3)), None, [4], [0.0, 1.0])


def test_distance_is_that_of_bhattacharyya() -> None:
    assert distance(FOREST, FOREST) == pytest.approx(0.0, abs=1e-6)
    assert distance(FOREST, SEA) == pytest.approx(1.0)
    half = np.array([0.5, 0.5, 0.0])
    assert distance(FOREST, half) == pytest.approx(np.sqrt(1 - np.sqrt(0.5)))


def test_steady_sources_are_marked() -> None:
    events = [make_event("motor", 1.0, 4.0), make_event("bark", 2.0, 3.0)]
    fire, bark = mark_steady(events, make_vocabulary("motor", "bark", ucs="FIRECrkl"))
    assert fire.carries
    assert not bark.carries
    assert not mark_steady(events, make_vocabulary("motor", "bark"))[0].carries


def scene(start: float, end: float) -> SceneSpan:
    return SceneSpan(onset_sample=round(start * RATE), offset_sample=round(end * RATE))


def fire(name: str, at_s: float, length_s: float, **fields) -> Cue:
    loop = Loop(start=RATE // 2, end=2 * RATE, crossfade=100)
    evidence = Evidence(probability=0.9, carries=True)
    fields = {"evidence": evidence, "loop": loop, "fade_in": 480, "fade_out": RATE // 10} | fields
    return make_cue(name, at_s, length_s, **fields)


def campfire(*scenes: SceneSpan, **fields) -> Timeline:
    cues = (fire("fire-1", 1.0, 3.0, **fields), fire("fire-2", 8.0, 2.0))
    return make_timeline(make_track(*cues, kind="loop"), seconds=20.0, scenes=scenes)


def test_a_steady_source_plays_until_its_scene_ends_softer_and_duller_off_screen() -> None:
    first, away, second, rest = carry_through_scenes(campfire(scene(0, 14), scene(14, 20))).cues
    assert (first.id, second.id) == ("fire-1", "fire-2")
    assert away.onset_sample == first.offset_sample - first.fade_out
    assert away.offset_sample == second.onset_sample + second.fade_in
    assert rest.offset_sample == 14 * RATE
    assert away.level[0][1] == -6.0
    assert away.lowpass_hz == 2500.0
    # The take goes on where it was: 2.9 s are once around a loop of 1.5 s.
    assert away.source_start == round(2.9 * RATE) - round(1.5 * RATE)
    assert away.evidence.carried_from == "fire-1"
    assert "until its scene ends at 14.0 s" in rest.reason


def test_off_screen_cues_follow_edited_scenes_and_nothing_else_changes() -> None:
    whole = carry_through_scenes(campfire(scene(0, 14), scene(14, 20)))
    assert carry_through_scenes(whole) == whole
    assert timeline_from_json(timeline_to_json(whole)).scenes == whole.scenes
    split = dataclasses.replace(whole, scenes=(scene(0, 6), scene(6, 14), scene(14, 20)))
    ends = [cue.offset_sample / RATE for cue in carry_through_scenes(split).cues]
    assert ends == pytest.approx([4.0, 6.0, 10.0, 14.0])
    joined = dataclasses.replace(whole, scenes=(scene(0, 20),))
    assert carry_through_scenes(joined).cues[-1].offset_sample == 20 * RATE
    assert not find_edits(carry_through_scenes(joined), whole)


def test_a_decision_on_an_off_screen_cue_is_kept() -> None:
    whole = carry_through_scenes(campfire(scene(0, 20)))
    (track,) = whole.tracks
    cues = [
        dataclasses.replace(cue, status="rejected") if cue.evidence.carried_from else cue
        for cue in track.cues
    ]
    decided = dataclasses.replace(whole, tracks=(dataclasses.replace(track, cues=tuple(cues)),))
    assert carry_through_scenes(decided) == decided


def test_what_the_original_contains_or_nobody_knows_is_not_carried() -> None:
    assert carry_through_scenes(campfire()).cues == campfire().cues
    heard = carry_through_scenes(campfire(scene(0, 20), status="already_heard"))
    assert [cue.evidence.carried_from for cue in heard.cues] == [None, None, "fire-2"]


@pytest.mark.parametrize("times", [[(0, 5), (4, 9)], [(5, 9), (0, 5)]])
def test_scenes_out_of_order_are_refused(times) -> None:
    with pytest.raises(ValueError, match="scenes must be in order"):
        campfire(*(scene(*span) for span in times))


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
