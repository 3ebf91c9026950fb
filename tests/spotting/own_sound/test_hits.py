"""Hits in sound: known impulses and decays are found, and tags decide whose they are."""

import dataclasses
import itertools

import numpy as np
import pytest

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.errors import VocabularyError
from temporal_foley.spotting.own_sound.align import align_with_sound, envelope, spans_above
from temporal_foley.spotting.own_sound.attacks import BLAST, CALL, KEY, STRIKE, THUNDER, attack_of
from temporal_foley.spotting.own_sound.audibility import audible_probability
from temporal_foley.spotting.own_sound.evidence import TAG_STEP_S, SoundEvidence
from temporal_foley.spotting.own_sound.hits import find_candidates, find_hits
from temporal_foley.spotting.own_sound.onset_strength import (
    FRAME_S,
    LevelMeter,
    SoundLevels,
    band_centres,
    band_slice,
    measure_levels,
    onset_strength,
    total_level,
)
from temporal_foley.timeline import Event

RATE = 32_000
STRIKES = (0.5, 1.31, 2.02, 3.4)
SECONDS = 5.0


def effect(name: str, **changes) -> Effect:
    fields = {"kind": "one_shot", "bus": "hard_effects", "ucs": "METLImpt", "audioset": ("Tap",)}
    return Effect(name=name, **(fields | changes))


KNOCK, DOG = effect("knock"), effect("dog", ucs="ANMLDog", audioset=("Bark",))
FIRE = effect("fire", kind="loop", ucs="FIRECrkl", audioset=("Fire",))
VOCABULARY = Vocabulary(name="three", effects=(KNOCK, DOG, FIRE))


def decays(times=STRIKES, gains=None, *, decay_s=0.08, seconds=SECONDS, seed=0) -> np.ndarray:
    """Return noise bursts that begin at `times` and fall by 60 dB in `decay_s`."""
    rng = np.random.default_rng(seed)
    sound = 1e-4 * rng.standard_normal(round(seconds * RATE))
    for time, gain in zip(times, gains or [0.5] * len(times), strict=True):
        first = round(time * RATE)
        length = min(round(2 * decay_s * RATE), len(sound) - first)
        fall = 10.0 ** (-3.0 * np.arange(length) / (decay_s * RATE))
        sound[first : first + length] += gain * fall * rng.standard_normal(length) * 0.3
    return sound.astype(np.float32)


def evidence(sound: np.ndarray, speech=0.0, music=0.0, **tags) -> SoundEvidence:
    columns = round(len(sound) / RATE / TAG_STEP_S) + 1
    rows = np.zeros((columns, len(VOCABULARY)), np.float32)
    for name, value in tags.items():
        rows[:, VOCABULARY.index(name)] = value
    return SoundEvidence(
        vocabulary=VOCABULARY,
        levels=measure_levels(sound),
        tags=rows,
        speech=np.zeros(columns) + speech,
        music=np.zeros(columns) + music,
    )


def event(name="knock", onset=0.0, offset=SECONDS, **changes) -> Event:
    return Event(effect=name, onset=onset, offset=offset, confidence=0.8, **changes)


def test_hits_are_found_within_ten_milliseconds() -> None:
    hits = find_hits(evidence(decays(), knock=0.9), KNOCK)
    assert [hit.time for hit in hits] == pytest.approx(STRIKES, abs=0.01)
    assert all(hit.rise_db > 30.0 for hit in hits)


def test_a_key_is_placed_where_it_strikes_not_where_a_finger_touches_it() -> None:
    keys = effect("keys", kind="repeated", ucs="CMPTKey", interval_s=(0.05, 0.3))
    assert attack_of(keys) == KEY
    struck = (0.5, 0.9, 1.4, 1.75)
    times = sorted([*struck, *(time - 0.04 for time in struck)])
    gains = [0.25, 0.5] * len(struck)
    hits, _ = find_candidates(measure_levels(decays(times, gains, decay_s=0.03)), KEY)
    assert [hit.time for hit in hits] == pytest.approx(struck, abs=0.012)


@pytest.mark.parametrize("attack", [BLAST, CALL, KEY, STRIKE, THUNDER])
def test_hits_at_both_ends_of_a_sound_are_taken_as_they_are(attack) -> None:
    rng = np.random.default_rng(3)
    for before_end in (1, 2, 3, 5, 8, 13, 21):
        sound = 1e-4 * rng.standard_normal(2 * RATE)
        sound[: RATE // 50] += 0.5 * rng.standard_normal(RATE // 50)
        sound[-before_end * 160 :] += 0.5 * rng.standard_normal(before_end * 160)
        hits, spectra = find_candidates(measure_levels(sound.astype(np.float32)), attack)
        assert len(hits) == len(spectra)
        assert all(hit.length_s > 0.0 for hit in hits)
        assert all(a.time < b.time for a, b in itertools.pairwise(hits))


def test_strengths_and_lengths_are_those_of_the_hits() -> None:
    gains = (0.5, 0.25, 0.125, 0.5)
    loud = find_hits(evidence(decays(gains=gains), knock=0.9), KNOCK)
    levels = np.array([hit.level_db for hit in loud])
    assert levels - levels[0] == pytest.approx([0.0, -6.0, -12.0, 0.0], abs=2.0)
    long = find_hits(evidence(decays(decay_s=0.6), knock=0.9), KNOCK)
    assert np.mean([hit.length_s for hit in long]) > 2 * np.mean([h.length_s for h in loud])


@pytest.mark.parametrize(
    ("tags", "found"),
    [({"knock": 0.9}, 4), ({"knock": 0.0}, 0), ({"knock": 0.0, "speech": 0.9}, 0)],
)
def test_hits_need_a_tag_of_their_effect(tags, found) -> None:
    assert len(find_hits(evidence(decays(), **tags), KNOCK)) == found


def test_an_expected_strike_needs_little_of_a_tag_unless_another_sound_explains_it() -> None:
    expected = [(0.0, SECONDS)]
    assert len(find_hits(evidence(decays(), knock=0.15), KNOCK, expected=expected)) == 4
    for explained in ({"speech": 0.9}, {"dog": 0.9}):
        sound = evidence(decays(), knock=0.15, **explained)
        assert not find_hits(sound, KNOCK, expected=expected)
    assert not find_hits(evidence(decays(), dog=0.15), DOG, expected=expected)


def test_a_hit_like_the_others_is_kept_over_speech() -> None:
    sound = evidence(decays(), knock=0.9)
    tags = sound.tags.copy()
    tags[round(1.9 / TAG_STEP_S) : round(2.4 / TAG_STEP_S), 0] = 0.2
    speech = np.zeros(len(tags))
    speech[round(1.9 / TAG_STEP_S) : round(2.4 / TAG_STEP_S)] = 0.95
    hits = find_hits(dataclasses.replace(sound, tags=tags, speech=speech), KNOCK)
    assert len(hits) == 4


def test_levels_do_not_depend_on_blocks() -> None:
    sound = decays()
    meter = LevelMeter()
    for block in np.array_split(sound, 13):
        meter.add(block)
    whole = measure_levels(sound).bands_db
    assert np.array_equal(meter.levels().bands_db, whole)
    assert len(whole) == round(SECONDS / FRAME_S)


def test_a_sine_reads_its_level_in_its_band() -> None:
    sine = 0.1 * np.sin(2 * np.pi * 1000.0 * np.arange(RATE) / RATE).astype(np.float32)
    level = measure_levels(sine).bands_db[100].astype(float)
    assert abs(band_centres()[level.argmax()] - 1000.0) < 60.0
    assert total_level(level[None])[0] == pytest.approx(-20.0, abs=1.0)


def test_a_steady_sound_has_no_onset_strength() -> None:
    bands = np.full((50, 8), -30.0)
    assert not onset_strength(bands, 2, np.full(8, -80.0)).any()
    bands[25:] += 12.0
    assert onset_strength(bands, 2, np.full(8, -80.0)).argmax() in (25, 26)


@pytest.mark.parametrize("attack", [BLAST, CALL, KEY, STRIKE, THUNDER])
@pytest.mark.parametrize("frames", [0, 2, 3, 400])
def test_a_steady_sound_has_no_hits(attack, frames) -> None:
    levels = SoundLevels(bands_db=np.full((frames, 40), -30.0, np.float16))
    hits, spectra = find_candidates(levels, attack)
    assert hits == []
    assert len(spectra) == 0


def test_families_follow_category_and_pace() -> None:
    keys = effect("keys", kind="repeated", ucs="CMPTKey", interval_s=(0.05, 0.3))
    gun = effect("gun", ucs="GUNMisc")
    families = [attack_of(one) for one in (KNOCK, DOG, keys, gun, effect("t", ucs="THUN"))]
    assert families == [STRIKE, CALL, KEY, BLAST, THUNDER]


def test_a_hit_that_a_louder_low_sound_masks_is_found() -> None:
    hum = 0.3 * np.sin(2 * np.pi * 260.0 * np.arange(round(SECONDS * RATE)) / RATE)
    sound = (decays(gains=[0.2] * len(STRIKES)) + hum).astype(np.float32)
    times = [hit.time for hit in find_hits(evidence(sound, knock=0.9), KNOCK)]
    assert all(min(abs(time - true) for time in times) < 0.02 for true in STRIKES)


def test_two_dogs_are_both_kept() -> None:
    time = np.arange(round(0.15 * RATE)) / RATE
    sound = (1e-4 * np.random.default_rng(0).standard_normal(round(SECONDS * RATE))).astype("f4")
    barks = {0.5: 400.0, 1.2: 3000.0, 1.9: 400.0, 2.6: 3000.0, 3.3: 400.0, 4.0: 3000.0}
    for start, pitch in barks.items():
        first = round(start * RATE)
        call = 0.3 * np.sin(2 * np.pi * pitch * time) * np.exp(-20.0 * time)
        sound[first : first + len(call)] += call.astype(np.float32)
    times = [hit.time for hit in find_hits(evidence(sound, dog=0.9), DOG)]
    assert times == pytest.approx(list(barks), abs=0.02)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: band_slice(500.0, 100.0), "highest_hz must be above 500"),
        (lambda: onset_strength(np.zeros((3, 2)), 0, np.zeros(2)), "lag must be at least 1"),
        (lambda: LevelMeter().add(np.zeros((10, 2))), "sound must be mono"),
        (
            lambda: dataclasses.replace(evidence(decays()), speech=np.zeros(3)),
            "tags must be",
        ),
    ],
)
@pytest.mark.wrong_types
def test_wrong_input_is_named(call, said) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def test_an_event_takes_the_hits_of_the_sound() -> None:
    (aligned,) = align_with_sound([event(onset=0.25)], evidence(decays(), knock=0.9))
    assert aligned.hits == pytest.approx(STRIKES, abs=0.01)
    assert (aligned.timing, aligned.audible, aligned.off_screen) == ("sound", True, False)
    assert len(aligned.strengths_db) == len(aligned.lengths_s) == 4


def test_what_is_audible_and_not_detected_becomes_an_event_off_screen() -> None:
    found = align_with_sound([], evidence(decays(), dog=0.9))
    assert {one.effect for one in found} == {"dog"}
    assert all(one.off_screen and one.audible for one in found)
    assert sorted(hit for one in found for hit in one.hits) == pytest.approx(STRIKES, abs=0.03)


def test_speech_is_no_call_off_screen() -> None:
    sound = evidence(decays(), dog=0.9, speech=0.97)
    assert align_with_sound([], sound) == ()
    (seen,) = align_with_sound([event("dog")], sound)
    assert seen.audible


def test_an_event_that_the_sound_lacks_stays_as_it_is() -> None:
    given = event("dog", 1.0, 3.0)
    assert align_with_sound([given], evidence(decays(), speech=0.9)) == (given,)
    assert align_with_sound([given], evidence(decays()[:0])) == (given,)


def test_a_sustained_effect_starts_and_ends_with_its_sound() -> None:
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(8 * RATE)).astype(np.float32)
    sound[: 2 * RATE] *= 0.01
    found = evidence(sound)
    found.tags[round(2.0 / TAG_STEP_S) :, 2] = 0.9
    (aligned,) = align_with_sound([event("fire", 1.5, 7.0)], found)
    assert aligned.onset == pytest.approx(2.0, abs=0.2)
    assert aligned.audible
    levels = [level for _, level in envelope(FIRE, found, 0.0, 8.0)]
    assert min(levels[:6]) <= -17.0
    assert max(levels[10:]) >= -2.0


def test_spans_are_joined_and_widened() -> None:
    tags = np.array([0.0, 0.9, 0.9, 0.0, 0.0, 0.9, 0.0])
    assert len(spans_above(tags, 0.5, 0.0)) == 2
    (joined,) = spans_above(tags, 0.5, 0.0, bridge_s=0.5)
    assert joined == pytest.approx((0.08, 0.88))


def test_a_detected_effect_keeps_its_hits_to_itself() -> None:
    sound = evidence(decays(), knock=0.8, dog=0.95)
    aligned = align_with_sound([event(onset=0.25)], sound)
    assert [one.effect for one in aligned] == ["knock"]


def test_an_effect_is_audible_unless_another_sound_explains_its_tag() -> None:
    quiet, loud = {"knock": 0.02, "dog": 0.01}, {"knock": 0.95, "dog": 0.01}
    assert audible_probability(evidence(decays(), **quiet), "knock", 0.0, 5.0) < 0.2
    assert audible_probability(evidence(decays(), **loud), "knock", 0.0, 5.0) > 0.8
    explained = evidence(decays(), knock=0.6, dog=0.95)
    assert audible_probability(explained, "knock", 0.0, 5.0) < 0.5
    assert audible_probability(explained, "dog", 0.0, 5.0) > 0.5


def test_the_best_moments_count_wherever_they_are() -> None:
    steady = evidence(decays(), knock=0.02)
    tags = steady.tags.copy()
    tags[10:14, 0] = 0.95
    brief = dataclasses.replace(steady, tags=tags)
    assert audible_probability(brief, "knock", 0.0, 5.0) > 0.5
    assert audible_probability(brief, "knock", 3.0, 5.0) == 0.0


@pytest.mark.wrong_types
def test_likeness_of_the_whole_stretch_decides_with_the_tags() -> None:
    quiet = evidence(decays(), knock=0.1)
    likeness = np.full(quiet.tags.shape, np.nan, np.float32)
    likeness[:, 0] = np.linspace(-4.0, 6.0, len(likeness))
    heard = dataclasses.replace(quiet, likeness=likeness)
    early, late = (audible_probability(heard, "knock", s, s + 1.0) for s in (0.0, 4.0))
    assert early < 0.2 < 0.8 < late
    assert audible_probability(heard, "dog", 0.0, 5.0) == 0.0
    with pytest.raises(ValueError, match="likeness must be"):
        dataclasses.replace(quiet, likeness=likeness[:-1])


def test_an_effect_without_clear_hits_may_be_audible() -> None:
    rng = np.random.default_rng(0)
    creak = evidence((0.05 * rng.standard_normal(4 * RATE)).astype(np.float32), knock=0.95)
    (aligned,) = align_with_sound([event(onset=1.0, offset=3.0)], creak)
    assert (aligned.audible, aligned.timing, aligned.hits) == (True, "grid", ())


def test_a_sound_without_columns_contains_nothing() -> None:
    empty = dataclasses.replace(
        evidence(decays()),
        tags=np.zeros((0, 3)),
        speech=np.zeros(0),
        music=np.zeros(0),
    )
    assert audible_probability(empty, "knock", 0.0, 5.0) == 0.0
    with pytest.raises(VocabularyError, match="cow"):
        audible_probability(evidence(decays()), "cow", 0.0, 5.0)
