"""The timeline model: its invariants, and `cues.json` there and back."""

import dataclasses
import json
from fractions import Fraction

import pytest

from temporal_foley.cue_list import (
    read_timeline,
    timeline_from_json,
    timeline_to_json,
    write_timeline,
)
from temporal_foley.errors import CueListError
from temporal_foley.timeline import (
    Alternate,
    Asset,
    Event,
    Evidence,
    Loop,
    MixSettings,
    without_rejected,
)
from tests import factories


def make_cue(**changes):
    fields = {
        "id": "dog_barking-0001",
        "length_s": 0.5,
        "asset": Asset(kind="recipe", name="dog_barking", seed=3),
        "source_end": 24_000,
        "anchor": 480,
        "pan": ((0, 0.0), (4_800, -0.25)),
        "reason": "Hündchen at .9",
    }
    return factories.make_cue(**(fields | changes))


def make_timeline(*cues):
    return factories.make_timeline(
        *(cues or (make_cue(),)),
        seconds=2.0,
        source={"name": "clip é.mp4", "video_rate": Fraction(30000, 1001)},
        mix=MixSettings(original="duck", loudness_lufs=-16.0),
    )


def test_a_timeline_survives_the_way_to_a_file_and_back(tmp_path):
    looped = make_cue(
        id="dog_barking-0002",
        onset_sample=80_000,
        offset_sample=95_000,
        loop=Loop(start=2_000, end=9_000, crossfade=1_000),
        source_end=9_000,
        anchor=0,
    )
    timeline = make_timeline(make_cue(), looped)
    write_timeline(timeline, tmp_path / "cues.json")
    assert read_timeline(tmp_path / "cues.json") == timeline


def test_what_an_editor_decided_survives_too(tmp_path):
    other = Alternate(
        asset=Asset(kind="file", name="dog/b.wav", sha256="cd" * 32),
        licence="CC0-1.0",
        samples=9_000,
        loop=Loop(start=2_000, end=9_000, crossfade=1_000),
        anchor=20,
        gain_db=-3.0,
    )
    edited = make_cue(
        status="accepted",
        locked=True,
        alternates=(other,),
        evidence=Evidence(probability=0.9, peak_s=1.2, region=(0.0, 0.25, 0.5, 1.0)),
    )
    timeline = dataclasses.replace(make_timeline(edited), start_timecode="10:00:00;00")
    write_timeline(timeline, tmp_path / "cues.json")
    assert read_timeline(tmp_path / "cues.json") == timeline


def test_a_list_of_the_first_version_is_read():
    document = json.loads(timeline_to_json(make_timeline()))
    document["version"] = 1
    del document["start_timecode"]
    for name in ("evidence", "status", "locked", "alternates"):
        del document["tracks"][0]["cues"][0][name]
    assert timeline_from_json(json.dumps(document)) == make_timeline()


def test_rejected_cues_stay_in_the_list_and_are_not_heard():
    rejected = make_cue(id="dog_barking-0002", status="rejected")
    timeline = make_timeline(make_cue(), rejected)
    assert timeline_from_json(timeline_to_json(timeline)).cues[1].status == "rejected"
    assert [cue.id for cue in without_rejected(timeline).cues] == ["dog_barking-0001"]
    assert without_rejected(make_timeline(rejected)).tracks == ()


def test_the_same_timeline_gives_the_same_bytes():
    assert timeline_to_json(make_timeline()) == timeline_to_json(make_timeline())
    again = timeline_from_json(timeline_to_json(make_timeline()))
    assert timeline_to_json(again) == timeline_to_json(make_timeline())


def test_the_file_says_seconds_beside_samples_and_keeps_letters_readable():
    document = json.loads(timeline_to_json(make_timeline()))
    cue = document["tracks"][0]["cues"][0]
    assert (cue["onset"], cue["offset"]) == (1.0, 1.5)
    assert document["source"]["video_rate"] == "30000/1001"
    assert "Hündchen" in timeline_to_json(make_timeline())


def test_the_picture_moment_is_where_the_anchor_sounds():
    assert make_cue().picture_sample == 48_480
    assert make_cue(source_start=480, source_end=24_480).picture_sample == 48_000


def test_cues_of_all_tracks_come_in_order_of_onset():
    late = make_cue(id="a", onset_sample=60_000, offset_sample=84_000)
    assert [cue.id for cue in make_timeline(late, make_cue()).cues] == ["dog_barking-0001", "a"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("version",), 99, "schema version must be 1 to 4"),
        (("version",), True, "schema version must be 1 to 4"),
        (("start_timecode",), "1 o'clock", "start_timecode must look like 01:00:00:00"),
        (("tracks", 0, "cues", 0, "id"), "\ud800 alone", "is no Unicode text"),
        (("tracks", 0, "cues", 0, "status"), "maybe", "must be one of proposed, accepted"),
        (("tracks", 0, "cues", 0, "locked"), 1, "locked must be true or false"),
        (("tracks", 0, "cues", 0, "evidence"), {"region": [0.0, 1.0]}, "must have 4 items"),
        (("schema",), "other", "not a cue list"),
        (("seed",), "7", r"cue list\.seed must be an integer"),
        (("seed",), True, r"cue list\.seed must be an integer"),
        (("seed",), 10**30, "out of range"),
        (("frame_rate",), "4/0", "must be a ratio"),
        (("surprise",), 1, "surprise is unknown"),
        (("mix", "original"), "loud", "must be one of fill, replace, keep, duck, mute"),
        (("tracks", 0, "cues", 0, "gain_db"), float("nan"), r"tracks\[0\]\.cues\[0\]\.gain_db"),
        (("tracks", 0, "cues", 0, "gain_db"), 900.0, "gain_db must be in"),
        (("tracks", 0, "cues", 0, "onset_sample"), -1, "both at least 0"),
        (("tracks", 0, "cues", 0, "source_end"), 23_999, "without a loop"),
        (("tracks", 0, "cues", 0, "fade_in"), 24_001, "fade_out must fit"),
        (("tracks", 0, "cues", 0, "pan"), [[0, 2.0]], "pan must have"),
        (("tracks", 0, "cues", 0, "pan"), [[5, 0.0], [5, 0.1]], "ascending"),
        (("tracks", 0, "cues", 0, "asset"), None, "must be an object"),
        (("tracks", 0, "cues", 0, "effect"), "cat", "effect of the track"),
    ],
)
def test_a_wrong_field_is_named(path, value, said):
    document = json.loads(timeline_to_json(make_timeline()))
    part = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(CueListError, match=said):
        timeline_from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "{", "nonsense", "[" * 100_000])
def test_what_is_no_cue_list_is_refused(text):
    with pytest.raises(CueListError):
        timeline_from_json(text)


def test_a_missing_field_is_named():
    document = json.loads(timeline_to_json(make_timeline()))
    del document["source"]["sha256"]
    with pytest.raises(CueListError, match=r"source\.sha256 is missing"):
        timeline_from_json(json.dumps(document))


def test_cue_ids_are_unique():
    with pytest.raises(ValueError, match="unique"):
        make_timeline(make_cue(), make_cue())


def test_a_loop_fits_its_crossfade_before_its_start():
    with pytest.raises(ValueError, match="crossfade"):
        Loop(start=100, end=9_000, crossfade=101)


def test_an_event_ends_after_it_begins():
    with pytest.raises(ValueError, match="offset"):
        Event(effect="fire", onset=1.0, offset=1.0, confidence=0.5)


def test_the_model_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_cue().gain_db = 1.0


def test_a_space_travels_in_the_cue_list_and_older_lists_have_none():
    mix = MixSettings(space="indoor")
    text = timeline_to_json(dataclasses.replace(make_timeline(make_cue()), mix=mix))
    assert timeline_from_json(text).mix.space == "indoor"
    older = json.loads(text)
    del older["mix"]["space"]
    assert timeline_from_json(json.dumps(older)).mix.space == "none"
    older["mix"]["space"] = "moon"
    with pytest.raises(CueListError, match="space"):
        timeline_from_json(json.dumps(older))
