"""No wall of noise: how many sound at once, who gives way to whom; nothing else changes."""

import dataclasses
import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temporal_foley.sound.density import (
    MOST_ON_BUS,
    Voice,
    find_yielding,
    thin_out,
)
from temporal_foley.sound.levels import DEFAULT_LEVELS as LEVELS
from temporal_foley.sound.signal.bands import EDGES_HZ, band_levels, sum_levels
from temporal_foley.sound.signal.fades import add_level, level_at
from temporal_foley.sound.take import Take
from temporal_foley.timeline import Asset, Track
from tests.factories import make_asset, make_cue, make_library, make_track

RATE = 48_000
BUSES = tuple(MOST_ON_BUS)
BANDS = len(EDGES_HZ) - 1


@st.composite
def voices(draw) -> list[Voice]:
    made = []
    for number in range(draw(st.integers(1, 9))):
        onset = draw(st.integers(0, 30)) * RATE // 2
        # Peaks in different bands, so that not everything covers everything.
        levels = np.full(BANDS, -120.0)
        levels[draw(st.integers(0, BANDS - 1))] = draw(st.integers(-50, -10))
        voice = Voice(
            effect=f"effect_{number:02d}",
            bus=draw(st.sampled_from(BUSES)),
            onset=onset,
            offset=onset + draw(st.integers(1, 20)) * RATE // 2,
            confidence=draw(st.sampled_from((0.5, 0.75, 1.0))),
            levels=levels,
        )
        made.append(voice)
    return made


@settings(max_examples=40)
@given(voices())
def test_no_more_than_a_few_are_at_their_level_at_once(made: list[Voice]) -> None:
    yielding = find_yielding(made)
    edges = sorted({edge for voice in made for edge in (voice.onset, voice.offset)})
    for start, stop in itertools.pairwise(edges):
        for place in (start, stop - 1):
            full = [
                voice.bus
                for voice, own in zip(made, yielding, strict=True)
                if voice.onset <= place < voice.offset and own.depth_at(place) > LEVELS.crowded_db
            ]
            assert len(full) <= LEVELS.most_voices
            assert all(full.count(bus) <= most for bus, most in MOST_ON_BUS.items())


@settings(max_examples=40)
@given(voices())
def test_the_most_important_voice_never_steps_back_and_none_is_dropped(made: list[Voice]) -> None:
    for voice, own in zip(made, find_yielding(made), strict=True):
        others = [v for v in made if v.onset < voice.offset and v.offset > voice.onset]
        if min(others, key=lambda other: other.weight) is voice:
            assert own.steps == ()
        for step in own.steps:
            assert LEVELS.lowest_db <= step.depth_db < 0.0
            assert own.notes


@settings(max_examples=40)
@given(voices(), st.randoms(use_true_random=False))
def test_the_order_of_voices_changes_nothing(made: list[Voice], chance: random.Random) -> None:
    shuffled = list(made)
    chance.shuffle(shuffled)
    before = {v.effect: own.steps for v, own in zip(made, find_yielding(made), strict=True)}
    after = {v.effect: own.steps for v, own in zip(shuffled, find_yielding(shuffled), strict=True)}
    assert before == after


def voice(effect: str, bus: str, band: int, level: float, onset: float, offset: float) -> Voice:
    levels = np.full(BANDS, -120.0)
    levels[band] = level
    return Voice(
        effect=effect,
        bus=bus,
        onset=round(onset * RATE),
        offset=round(offset * RATE),
        confidence=1.0,
        levels=levels,
    )


def test_a_background_that_would_cover_steps_yields_to_them() -> None:
    river = voice("river", "backgrounds", 8, -30, 0, 60)
    steps = voice("steps", "foley", 8, -40, 20, 30)
    quieter, unchanged = find_yielding([river, steps])
    assert quieter.depth_at(25 * RATE) == LEVELS.yielding_db
    assert quieter.depth_at(15 * RATE) == quieter.depth_at(35 * RATE) == 0.0
    assert [note.text for note in quieter.notes] == ["yields to steps"]
    assert unchanged.steps == unchanged.notes == ()


def test_in_other_bands_it_does_not() -> None:
    river = voice("river", "backgrounds", 3, -30, 0, 60)
    steps = voice("steps", "foley", 15, -40, 20, 30)
    assert [own.notes for own in find_yielding([river, steps])] == [(), ()]


def test_what_a_more_important_one_covers_is_left_as_it_is_and_told() -> None:
    (_, steps) = find_yielding(
        [
            voice("helicopter", "hard_effects", 8, -20, 0, 60),
            voice("steps", "foley", 8, -40, 20, 30),
        ]
    )
    assert steps.steps == ()
    assert [note.text for note in steps.notes] == ["covered by helicopter"]


def test_a_short_pause_of_the_other_does_not_bring_a_voice_up_and_down() -> None:
    river = voice("river", "backgrounds", 8, -30, 0, 60)
    one, two = (voice("steps", "foley", 8, -40, on, off) for on, off in ((10, 15), (16.5, 20)))
    quieter, _, _ = find_yielding([river, one, two])
    assert {quieter.depth_at(round(at * RATE)) for at in (10, 15, 15.7, 16.5, 19)} == {
        LEVELS.yielding_db
    }


# ---- tracks


def noise(asset: Asset) -> Take:
    rng = np.random.default_rng(asset.seed)
    loud = 0.3 if asset.name.startswith("loud") else 0.03
    return Take(samples=rng.normal(0, loud, (20 * RATE, 1)).astype(np.float32))


LIBRARY = make_library(noise)


def track(effect: str, bus: str, *spans: tuple[float, float], **fields) -> Track:
    asset = make_asset(effect, len(effect))
    cues = (
        make_cue(
            f"{effect}-{number:04d}",
            onset,
            offset - onset,
            asset=asset,
            reason="probability 0.90",
            **fields,
        )
        for number, (onset, offset) in enumerate(spans, 1)
    )
    return make_track(*cues, kind="loop", bus=bus)


def test_few_voices_are_left_to_the_sample_as_they_were() -> None:
    tracks = (track("motor", "hard_effects", (0, 9)), track("fire", "hard_effects", (3, 8)))
    assert thin_out(tracks, LIBRARY) == tracks


def test_a_fourth_hard_effect_steps_back_says_so_and_changes_nothing_else() -> None:
    names = ("loud_a", "loud_b", "loud_c", "soft")
    tracks = tuple(track(name, "hard_effects", (2 * n, 18)) for n, name in enumerate(names))
    made = thin_out(tracks, LIBRARY)
    assert made[:3] == tracks[:3]
    (cue,), (before,) = made[3].cues, tracks[3].cues
    assert "steps back behind loud a, loud b and loud c" in cue.reason
    assert cue.reason.startswith("probability 0.90; ")
    assert level_at(cue.level, cue.length // 2) <= LEVELS.crowded_db
    assert dataclasses.replace(cue, level=before.level, reason=before.reason) == before


def test_only_those_hits_step_back_that_meet_the_others() -> None:
    crowd = [track(f"loud_{n}", "hard_effects", (10, 18)) for n in range(3)]
    hits = tuple((onset, onset + 0.3) for onset in range(2, 20))
    *_, knocks = thin_out((*crowd, track("soft", "hard_effects", *hits)), LIBRARY)
    soft = [cue.onset_sample // RATE for cue in knocks.cues if cue.level[0][1] < -1.0]
    assert soft == list(range(10, 19))
    told = [cue.onset_sample // RATE for cue in knocks.cues if "steps back" in cue.reason]
    assert told == list(range(10, 18))


def test_a_rejected_cue_takes_no_room() -> None:
    tracks = tuple(
        track(name, "hard_effects", (0, 9), status="rejected" if name == "one" else "proposed")
        for name in ("one", "three", "seven", "eleven")
    )
    assert thin_out(tracks, LIBRARY) == tracks


# ---- curves and bands


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(-30, 6)), min_size=1, max_size=6),
    st.lists(st.integers(-200, 1500), max_size=5),
)
def test_two_curves_add_up_where_they_bend(
    points: list[tuple[int, int]], corners: list[int]
) -> None:
    curve = tuple(sorted((at, float(level)) for at, level in dict(points).items()))
    (cue,) = track("motor", "hard_effects", (1, 1 + 1000 / RATE), level=curve).cues

    def slope(place: int) -> float:
        return -12.0 * min(max((place - RATE) / 1000, 0.0), 1.0)

    added = add_level(cue, slope, [RATE + at for at in corners])
    for at, level in added:
        assert level == pytest.approx(level_at(curve, at) + slope(RATE + at), abs=0.01)
    assert {at for at, _ in added} >= {at for at in corners if 0 < at < 1000}
    assert dataclasses.replace(cue, level=added).level == added


def test_a_steady_change_of_a_steady_level_stays_one_point() -> None:
    (cue,) = track("motor", "hard_effects", (1, 2), level=((0, -3.0),)).cues
    assert add_level(cue, lambda place: -6.0, [0, RATE]) == ((0, -9.0),)


@pytest.mark.parametrize("hz", [250.0, 1000.0, 4000.0])
def test_a_tone_stands_in_its_band_at_its_weighted_level(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE)[:, None]
    levels = band_levels(tone)
    at = int(levels.argmax())
    assert EDGES_HZ[at] <= hz <= EDGES_HZ[at + 1]
    weighted = {250.0: -8.7, 1000.0: 0.0, 4000.0: 1.0}[hz] - 3.0
    assert sum_levels(levels) == pytest.approx(weighted, abs=0.2)


def test_silence_around_a_hit_does_not_make_it_softer() -> None:
    hit = np.zeros((4 * RATE, 1))
    hit[RATE : RATE + 32768] = np.random.default_rng(0).normal(0, 0.1, (32768, 1))
    assert sum_levels(band_levels(hit)) == pytest.approx(
        sum_levels(band_levels(hit[RATE : RATE + 32768])), abs=0.5
    )
