"""Casting: hits on their onsets, loops cut exactly, no take twice in a row, chance held apart."""

import dataclasses
import itertools

import numpy as np
import pytest

from temporal_foley.effects import Effect, Vocabulary, load_vocabulary
from temporal_foley.errors import LibraryError, VocabularyError
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library, LibraryTake, load_library
from temporal_foley.timegrid import to_sample
from temporal_foley.timeline import Asset, Cue, Event, Loop, Track
from tests.factories import make_asset, make_library

RATE = 48_000
DURATION = 20 * RATE

VOCABULARY = Vocabulary(
    name="test",
    effects=(
        Effect(name="door", kind="one_shot", bus="hard_effects"),
        Effect(name="bark", kind="one_shot", bus="hard_effects", interval_s=(1.0, 3.0)),
        Effect(name="steps", kind="repeated", bus="foley", interval_s=(0.45, 0.6), level_db=-2.0),
        Effect(name="motor", kind="loop", bus="hard_effects"),
        Effect(name="river", kind="ambience", bus="backgrounds"),
    ),
)


def sound(samples: int, **fields) -> Take:
    return Take(samples=np.full((samples, 1), 0.1, np.float32), **fields)


TAKES = {
    "door": [sound(3 * RATE, anchor=4800)],
    "bark": [sound(RATE, anchor=100 + n) for n in range(2)],
    "steps": [sound(RATE // 2, anchor=200 + n) for n in range(5)],
    "motor": [sound(3 * RATE, loop=Loop(start=RATE, end=3 * RATE, crossfade=2400))],
    "river": [sound(4 * RATE), sound(4 * RATE)],
}


def library_of(takes=TAKES, **fields) -> Library:
    return make_library(takes, credit="someone", **fields)


def library_of_file(name: str, take: Take) -> Library:
    return make_library({name: [take]}, asset=make_asset(name, 0, kind="file"))


def event(effect: str, onset: float, offset: float, **fields) -> Event:
    return Event(effect=effect, onset=onset, offset=offset, confidence=0.8, **fields)


def cast(*events: Event, library: Library | None = None, seed: int = 1) -> dict[str, tuple]:
    tracks = cast_events(
        events, VOCABULARY, library or library_of(), seed=seed, duration_samples=DURATION
    )
    return {track.effect: track.cues for track in tracks}


def only(*events: Event, **fields) -> Cue:
    ((cue,),) = cast(*events, **fields).values()
    return cue


def test_hits_that_the_picture_shows_are_met_and_no_others_made() -> None:
    steps = event("steps", 2.0, 6.0, hits=(2.0, 2.7, 3.1), reason="met the picture")
    cues = cast(steps)["steps"]
    assert [cue.picture_sample for cue in cues] == [to_sample(t) for t in steps.hits]
    assert all("met the picture" in cue.reason for cue in cues)


def test_a_one_shot_meets_its_onset_and_rings_out() -> None:
    cue = only(event("door", 5.0, 5.3))
    assert cue.picture_sample == 5 * RATE
    assert cue.loop is None
    assert cue.length == 3 * RATE


def test_what_is_doubtful_is_laid_softer() -> None:
    sure, doubtful = (
        only(dataclasses.replace(event("door", 5.0, 5.3), confidence=confidence))
        for confidence in (1.0, 0.6)
    )
    assert sure.gain_db == 0.0
    assert -3.0 <= doubtful.gain_db < -1.0


def test_what_lies_before_the_picture_is_cut() -> None:
    cue = only(event("door", 0.025, 0.5))
    assert (cue.onset_sample, cue.source_start) == (0, 4800 - 1200)
    assert cue.picture_sample == 1200
    assert 0 < cue.fade_in <= 48


def test_a_one_shot_ends_with_the_picture_in_a_fade() -> None:
    cue = only(event("door", 19.5, 19.9))
    assert cue.offset_sample == DURATION
    assert cue.fade_out == RATE // 20
    assert cast(event("door", 20.0, 21.0)) == {}


def test_one_shots_are_never_looped() -> None:
    looped = {"door": [sound(2 * RATE, loop=Loop(start=RATE, end=2 * RATE, crossfade=0))]}
    cue = only(event("door", 1.0, 15.0), library=library_of(looped))
    assert cue.loop is None
    assert cue.length == 2 * RATE


def test_a_one_shot_with_an_interval_happens_again() -> None:
    cues = cast(event("bark", 2.0, 15.0))["bark"]
    gaps = np.diff([cue.picture_sample for cue in cues]) / RATE
    assert cues[0].picture_sample == 2 * RATE
    assert cues[-1].picture_sample < 15 * RATE
    assert ((gaps >= 0.999) & (gaps <= 3.001)).all()
    assert np.ptp(gaps) > 0.3


def test_repeated_hits_keep_a_human_pace() -> None:
    cues = cast(event("steps", 1.0, 19.0))["steps"]
    gaps = np.diff([cue.picture_sample for cue in cues]) / RATE
    assert cues[0].picture_sample == RATE
    assert ((gaps >= 0.449) & (gaps <= 0.601)).all()
    assert 0.005 < gaps.std() < 0.05
    levels = np.array([cue.gain_db for cue in cues]) - cues[0].gain_db
    assert max(map(abs, levels)) <= 6.0
    assert np.ptp(levels) > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_no_two_equal_takes_in_a_row(seed: int) -> None:
    walk = [event("steps", onset, onset + 3.0) for onset in (0.0, 4.0, 8.0, 12.0)]
    barks = [event("bark", onset, onset + 0.3) for onset in range(1, 19)]
    for cues in cast(*walk, *barks, seed=seed).values():
        seeds = [cue.asset.seed for cue in cues]
        assert all(a != b for a, b in itertools.pairwise(seeds))
        assert len(set(seeds)) == len(TAKES[cues[0].effect])


def test_a_loop_lasts_exactly_as_long_as_its_event() -> None:
    cue = only(event("motor", 2.1234567, 14.7654321))
    assert (cue.onset_sample, cue.offset_sample) == (to_sample(2.1234567), to_sample(14.7654321))
    assert cue.loop == TAKES["motor"][0].loop
    assert cue.source_end == cue.loop.end
    assert (cue.fade_in, cue.fade_out) == (2400, 7200)


def test_a_loop_longer_than_its_event_is_just_cut() -> None:
    cue = only(event("motor", 2.0, 2.2))
    assert cue.loop is None
    assert cue.length == RATE // 5
    assert cue.fade_in + cue.fade_out <= cue.length // 2


def test_a_loop_ends_with_the_picture() -> None:
    cue = only(event("motor", 10.0, 30.0))
    assert cue.offset_sample == DURATION
    assert cue.fade_out == to_sample(0.015)


def test_a_sustained_recipe_without_a_loop_is_laid_once() -> None:
    cue = only(event("river", 1.0, 19.0))
    assert cue.loop is None
    assert cue.length == 4 * RATE
    assert cue.fade_out == to_sample(0.4)


def test_a_sustained_recording_is_looped_over_its_body() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (4 * RATE, 1)).astype(np.float32)
    samples[:RATE] = 0.0
    library = library_of_file("river", Take(samples=samples))
    cue = only(event("river", 1.0, 19.0), library=library)
    assert cue.source_start == pytest.approx(RATE, abs=RATE // 20)
    assert cue.loop is not None
    assert cue.loop.start - cue.loop.crossfade >= RATE - RATE // 20
    assert cue.picture_sample == cue.onset_sample == RATE


def test_a_short_sustained_recording_is_not_looped() -> None:
    library = library_of_file("river", sound(RATE // 4))
    cue = only(event("river", 1.0, 19.0), library=library)
    assert cue.loop is None
    assert cue.length <= RATE // 4


def test_the_kind_of_a_take_overrides_that_of_its_effect() -> None:
    library = library_of({"river": [sound(RATE, anchor=480)]}, kind="one_shot")
    cue = only(event("river", 1.0, 1.2), library=library)
    assert (cue.picture_sample, cue.length) == (RATE, RATE)


def test_leaving_an_effect_out_changes_no_other() -> None:
    walk = [event("steps", 1.0, 6.0), event("steps", 8.0, 12.0), event("motor", 0.0, 9.0)]
    everything = cast(*walk, event("bark", 3.0, 14.0), event("river", 0.0, 20.0))
    without = cast(*walk)
    assert {name: everything[name] for name in without} == without


def test_same_seed_same_cues_and_another_seed_others() -> None:
    events = [event("bark", 0.0, 19.0), event("steps", 1.0, 12.0)]
    assert cast(*events) == cast(*reversed(events))
    assert cast(*events) != cast(*events, seed=2)


def test_tracks_follow_the_vocabulary_and_cues_are_numbered() -> None:
    events = [event("river", 0.0, 3.0), event("steps", 1.0, 3.0), event("door", 2.0, 2.5)]
    tracks = cast_events(events, VOCABULARY, library_of(), seed=0, duration_samples=DURATION)
    assert [track.effect for track in tracks] == ["door", "steps", "river"]
    assert [track.gain_db for track in tracks] == [0.0, -2.0, 0.0]
    assert [cue.id for cue in tracks[1].cues][:2] == ["steps-0001", "steps-0002"]
    assert all(cue.credit == "someone" for track in tracks for cue in track.cues)


def test_every_cue_says_why_it_is_there() -> None:
    cues = cast(event("steps", 1.0, 3.0, peak=1.75))["steps"]
    assert "probability 0.80, highest at 1.75 s" in cues[1].reason
    assert "of 5; hit 2 of" in cues[1].reason


def test_an_effect_without_takes_names_the_library() -> None:
    library = library_of({"door": TAKES["door"]})
    with pytest.raises(LibraryError, match=r"library test.*bark"):
        cast(event("bark", 1.0, 2.0), library=library)


def test_an_unknown_effect_lists_the_known_ones() -> None:
    with pytest.raises(VocabularyError, match=r"unknown effect 'dor'"):
        cast(dataclasses.replace(event("door", 1.0, 2.0), effect="dor"))


def test_a_one_shot_that_happens_again_is_over_while_its_source_is_still_there() -> None:
    for seed in range(20):
        cues = cast(event("bark", 1.0, 6.2), seed=seed)["bark"]
        assert all(cue.picture_sample + RATE // 2 <= to_sample(6.2) for cue in cues[1:])
    # The first is heard in any case, however short the event.
    assert len(cast(event("bark", 1.0, 1.2))["bark"]) == 1


def files_of(*names: str) -> tuple[Library, dict]:
    made = {name: sound(RATE // 2, anchor=200) for name in names}
    entries = [
        LibraryTake(effect="steps", asset=Asset(kind="file", name=name), licence="CC0-1.0")
        for name in names
    ]
    return Library(name="own", sha256="", takes=entries, load=lambda asset: made[asset.name]), made


def test_a_call_without_sound_is_guessed_and_a_strike_that_moves_is_not():
    dog = Effect(name="bark", kind="one_shot", bus="hard_effects", ucs="ANMLDog")
    vocabulary = dataclasses.replace(VOCABULARY, effects=(dog, VOCABULARY["door"]))
    events = [
        event("bark", 1.0, 3.0),
        event("bark", 5.0, 6.0, hits=(5.0,), timing="sound"),
        event("door", 1.0, 3.0),
        event("door", 8.0, 9.0, timing="picture"),
    ]
    tracks = cast_events(events, vocabulary, library_of(), seed=1, duration_samples=DURATION)
    found = {track.effect: [cue.evidence.timing for cue in track.cues] for track in tracks}
    assert found == {"bark": ["guessed", "sound"], "door": ["grid", "picture"]}
    assert "timing guessed" in tracks[0].cues[0].reason


@pytest.mark.parametrize("seed", range(4))
def test_a_run_keeps_one_shoe_and_another_run_may_have_another(seed: int) -> None:
    library, _ = files_of(
        *(f"walk/{shoe}_{n:02d}.wav" for shoe in ("heel", "boot") for n in range(5))
    )
    runs = [event("steps", onset, onset + 3.0) for onset in (0.0, 4.0, 8.0, 12.0)]
    cues = cast(*runs, library=library, seed=seed)["steps"]
    heard = []
    for run in runs:
        own = [c for c in cues if run.onset <= float(c.onset) + 0.01 < run.offset]
        shoes = {c.asset.name.split("_")[0] for c in own}
        assert len(shoes) == 1
        assert all(a.asset.name != b.asset.name for a, b in itertools.pairwise(own))
        heard += shoes
    assert len(set(heard)) == 2


def test_few_recordings_are_told_apart_by_pitch_and_still_meet_the_picture() -> None:
    library, _ = files_of("a.wav", "b.wav")
    cues = cast(event("steps", 1.0, 15.0), library=library)["steps"]
    cents = {cue.asset.cents for cue in cues}
    assert len(cents) == 3
    assert max(cents) - min(cents) == 100
    assert max(map(abs, cents)) <= 150
    gaps = np.diff([cue.picture_sample for cue in cues]) / RATE
    assert ((gaps >= 0.449) & (gaps <= 0.601)).all()


@pytest.mark.parametrize("effect", ["door", "river"])
def test_the_only_recording_is_not_heard_twice_as_it_is(effect: str) -> None:
    made = {"one.wav": sound(4 * RATE)}
    take = LibraryTake(effect=effect, asset=Asset(kind="file", name="one.wav"), licence="CC0-1.0")
    library = Library(name="own", sha256="", takes=[take], load=lambda _: made["one.wav"])
    events = [event(effect, onset, onset + 2.0) for onset in (1.0, 5.0, 9.0)]
    cents = [cue.asset.cents for cue in cast(*events, library=library)[effect]]
    assert cents[0] == 0
    assert 0 not in cents[1:]
    if effect == "river":
        assert cents == [0, 50, -50]


def test_a_recording_as_long_as_its_event_is_preferred() -> None:
    made = {"short.wav": sound(RATE), "long.wav": sound(10 * RATE)}
    entries = [
        LibraryTake(effect="door", asset=Asset(kind="file", name=name), licence="CC0-1.0")
        for name in made
    ]
    library = Library(name="own", sha256="", takes=entries, load=lambda asset: made[asset.name])
    assert all(
        only(event("door", 1.0, 1.5), library=library, seed=s).asset.name == "short.wav"
        for s in range(5)
    )


def test_two_films_begin_with_other_takes_and_one_film_with_the_same() -> None:
    vocabulary, library = load_vocabulary(), load_library()
    events = [Event(effect="river", onset=1.0, offset=5.0, confidence=0.9)]

    def cast(salt: str) -> tuple[Track, ...]:
        return cast_events(
            events, vocabulary, library, seed=0, duration_samples=10 * 48_000, salt=salt
        )

    assert cast("a") == cast("a")
    seeds = {cast(salt)[0].cues[0].asset.seed for salt in "abcdefgh"}
    assert len(seeds) == 8


def test_a_sound_that_is_there_when_the_shot_begins_fades_in_at_once() -> None:
    vocabulary, library = load_vocabulary(), load_library()
    events = [Event(effect="river", onset=on, offset=on + 4.0, confidence=0.9) for on in (0, 5, 10)]
    (track,) = cast_events(
        events, vocabulary, library, seed=0, duration_samples=20 * 48_000, cuts_s=(5.1,)
    )
    fades = [cue.fade_in / 48_000 for cue in track.cues]
    assert fades[0] <= 0.02
    assert fades[1] <= 0.02
    assert fades[2] >= 0.2


def test_a_hit_at_the_first_frame_begins_with_its_attack() -> None:
    vocabulary, library = load_vocabulary(), load_library()
    events = [Event(effect="dog_barking", onset=0.0, offset=0.5, confidence=0.9)]
    (track,) = cast_events(events, vocabulary, library, seed=0, duration_samples=5 * 48_000)
    assert track.cues[0].source_start == 0
    assert track.cues[0].onset_sample == 0
