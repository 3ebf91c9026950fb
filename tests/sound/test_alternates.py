"""Test alternates: three other takes in every cue, which could replace its own."""

import dataclasses

import numpy as np

from temporal_foley.effects import Effect, Vocabulary, load_vocabulary
from temporal_foley.sound.alternates import fill_alternates, list_alternates
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library, LibraryTake, load_library
from temporal_foley.timeline import Asset, Cue, Event, Evidence, Track

RATE = 48_000
STEPS = Effect(name="steps", kind="repeated", bus="foley", interval_s=(0.45, 0.6))
DOOR = Effect(name="door", kind="one_shot", bus="hard_effects")
RIVER = Effect(name="river", kind="ambience", bus="backgrounds")
VOCABULARY = Vocabulary(name="test", effects=(STEPS, DOOR, RIVER))


def library_of(effect: str, **seconds: float) -> Library:
    """Make a library of files; the words are their names and lengths."""
    rng = np.random.default_rng(0)
    made = {
        f"{name}.wav": Take(
            samples=rng.normal(0, 0.1, (round(length * RATE), 1)).astype(np.float32), anchor=200
        )
        for name, length in seconds.items()
    }
    entries = [
        LibraryTake(
            effect=effect,
            asset=Asset(kind="file", name=name),
            licence="CC-BY-4.0",
            credit="R. Recordist",
        )
        for name in made
    ]
    return Library(name="own", sha256="", takes=entries, load=lambda asset: made[asset.name])


def cast(library: Library, *events: Event) -> tuple[Track, ...]:
    return cast_events(events, VOCABULARY, library, seed=3, duration_samples=60 * RATE)


def filled(library: Library, *events: Event) -> list[Cue]:
    tracks = fill_alternates(cast(library, *events), VOCABULARY, library)
    return [cue for track in tracks for cue in track.cues]


def event(effect: str, onset: float, offset: float) -> Event:
    return Event(
        effect=effect, onset=onset, offset=offset, confidence=0.81234567, peak=1.5, motion=0.4
    )


def test_every_cue_has_three_other_takes_and_is_else_as_it_was() -> None:
    library = library_of("door", a=1.0, b=1.0, c=1.0, d=1.0, e=1.0)
    events = event("door", 1, 2), event("door", 5, 6)
    (track,) = cast(library, *events)
    for cue, before in zip(filled(library, *events), track.cues, strict=True):
        names = [other.asset.name for other in cue.alternates]
        assert len(set(names)) == 3
        assert cue.asset.name not in names
        assert all(other.credit == "R. Recordist" for other in cue.alternates)
        assert dataclasses.replace(cue, alternates=()) == before


def test_a_step_is_replaced_by_one_of_the_same_shoe_at_the_same_pitch() -> None:
    names = {f"{shoe}_{n}": 0.5 for shoe in ("boot", "heel") for n in range(4)}
    cues = filled(library_of("steps", **names), event("steps", 1, 9))
    heard = {cue.asset for cue in cues}
    for cue in cues:
        shoe = cue.asset.name.split("_")[0]
        assert [other.asset.name.split("_")[0] for other in cue.alternates] == [shoe] * 3
        for other in cue.alternates:
            alike = dataclasses.replace(other.asset, cents=cue.asset.cents)
            # Pitches that no cue has are not made for alternates.
            assert other.asset == alike or alike not in heard
            assert other.asset in heard or other.asset.cents == 0


def test_what_is_about_as_long_stands_in_first() -> None:
    library = library_of("door", short=1.0, long=16.0, longer=20.0, brief=1.1)
    (cue,) = filled(library, event("door", 1, 2))
    if cue.asset.name in ("short.wav", "brief.wav"):
        assert cue.alternates[0].asset.name in ("short.wav", "brief.wav")
    else:
        assert cue.alternates[0].asset.name in ("long.wav", "longer.wav")


def test_an_alternate_knows_what_swapping_it_in_needs() -> None:
    library = library_of("river", a=4.0, b=5.0)
    (cue,) = filled(library, event("river", 2, 30))
    (other,) = cue.alternates
    seconds = 5.0 if other.asset.name == "b.wav" else 4.0
    assert other.samples == round(seconds * RATE)
    assert other.loop is not None
    assert cue.loop is not None


def test_one_take_alone_has_no_alternate() -> None:
    (cue,) = filled(library_of("door", only=1.0), event("door", 1, 2))
    assert cue.alternates == ()


def test_a_cue_holds_what_it_was_made_for_as_numbers() -> None:
    (cue,) = filled(library_of("door", only=1.0), event("door", 1, 2))
    assert cue.evidence == Evidence(probability=0.8123, peak_s=1.5, motion=0.4, timing="grid")


def test_the_takes_asked_for_come_first_and_at_least_they() -> None:
    library = library_of("door", a=1.0, b=1.0, c=1.0)
    wanted = (Asset(kind="file", name="c.wav"), Asset(kind="file", name="b.wav", cents=50))
    listed = [other.asset for other, _ in list_alternates(DOOR, library, first=wanted, most=1)]
    assert listed == list(wanted)


def test_a_built_in_recipe_makes_a_third_alternate_and_knows_it_again() -> None:
    library, vocabulary = load_library(), load_vocabulary()
    assert len(library.takes("blender")) == 8
    blend = Event(effect="blender", onset=1.0, offset=3.0, confidence=0.9)
    tracks = cast_events([blend], vocabulary, library, seed=0, duration_samples=5 * RATE)
    (cue,) = fill_alternates(tracks, vocabulary, library)[0].cues
    seeds = {cue.asset.seed, *(other.asset.seed for other in cue.alternates)}
    assert len(seeds) == 4
    fourth = Asset(kind="recipe", name="blender", seed=30)
    listed = list_alternates(vocabulary["blender"], library, first=(fourth,), most=1)
    assert [other.asset for other, _ in listed] == [fourth]
