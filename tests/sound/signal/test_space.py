"""Spaces: how they decay, what is sent into them, and that stems stay exact with them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from temporal_foley.sound.levels import DEFAULT_LEVELS
from temporal_foley.sound.mix import MixReport, write_mix
from temporal_foley.sound.render import index_cues, render_space
from temporal_foley.sound.signal.reverb import (
    PIECE,
    RESPONSE,
    SPACES,
    Space,
    send_gain,
    space_response,
)
from temporal_foley.sound.take import Take
from temporal_foley.timeline import Asset, Track
from tests.factories import make_cue, make_library, make_timeline, make_track

RATE = 48_000
SECONDS = 7
REAL_SPACES = tuple(space for space in SPACES if space != "none")


def knock(asset: Asset) -> Take:
    sound = np.random.default_rng(asset.seed).normal(0, 0.2, (RATE // 4, 1))
    return Take(samples=(sound * np.geomspace(1.0, 0.01, len(sound))[:, None]).astype(np.float32))


LIBRARY = make_library(knock)


def track(*onsets: int, bus: str = "foley", **fields) -> Track:
    cues = (
        make_cue(f"knock-{at}", onset_sample=at, length_s=0.25, fade_out=240, **fields)
        for at in onsets
    )
    return make_track(*cues, effect="knock", bus=bus)


def lay(folder: Path, *tracks: Track, space: Space = "none") -> MixReport:
    mix = {"loudness_lufs": -40.0, "space": space}
    timeline = make_timeline(*tracks, seconds=SECONDS, mix=mix)
    return write_mix(timeline, LIBRARY, folder, original=None)


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="int32", always_2d=True)[0].astype(np.int64) >> 8


@pytest.mark.parametrize(("space", "decay_s"), [("indoor", 0.42), ("outdoor", 0.75)])
def test_a_space_dies_away_in_its_time(space, decay_s: float) -> None:
    response = space_response(space)
    spectrum = np.fft.rfft(response[:, 0], 2 * RESPONSE)
    hz = np.fft.rfftfreq(2 * RESPONSE, 1 / RATE)
    octave = np.fft.irfft(np.where((hz > 707) & (hz < 1414), spectrum, 0.0))[:RESPONSE]
    # Backward integration: M. Schroeder, JASA 37, 1965.
    energy = np.cumsum(octave[::-1] ** 2)[::-1]
    decibels = 10 * np.log10(energy / energy[0] + 1e-12)
    slope = int(np.argmax(decibels < -25)) - int(np.argmax(decibels < -5))
    assert 3 * slope / RATE == pytest.approx(decay_s, rel=0.15)


@pytest.mark.parametrize("space", REAL_SPACES)
def test_a_space_is_wide_and_adds_a_known_power(space) -> None:
    response = space_response(space)
    np.testing.assert_allclose((response**2).sum(axis=0), 1.0)
    assert abs(np.corrcoef(response.T)[0, 1]) < 0.15


def added(space, start: int, stop: int) -> np.ndarray:
    index = index_cues(track(1000, 95_000, 150_000))
    wet = render_space(index, LIBRARY, space, start, stop)
    return np.zeros((stop - start, 2), np.float32) if wet is None else wet


@settings(max_examples=15)
@given(st.sampled_from(REAL_SPACES), st.integers(0, 199_999), st.integers(1, 150_000))
def test_a_stretch_does_not_depend_on_how_it_is_cut(space, start: int, length: int) -> None:
    stop = min(200_000, start + length)
    part, whole = added(space, start, stop), added(space, 0, 200_000)
    np.testing.assert_array_equal(part, whole[start:stop])


@pytest.mark.parametrize("space", REAL_SPACES)
def test_the_space_follows_the_sound_and_falls_silent(space) -> None:
    wet = render_space(index_cues(track(RATE)), LIBRARY, space, 0, 4 * RATE)
    assert wet is not None
    heard = np.flatnonzero(np.abs(wet).max(axis=1) > 2.0**-25)
    assert RATE < heard[0] < RATE + RATE // 10
    assert heard[-1] < RATE + RATE // 4 + RESPONSE
    silent = RATE + RATE // 4 + RESPONSE
    assert render_space(index_cues(track(RATE)), LIBRARY, space, silent, silent + PIECE) is None


def test_without_a_space_and_on_backgrounds_nothing_is_added() -> None:
    assert render_space(index_cues(track(RATE)), LIBRARY, "none", 0, 2 * RATE) is None
    assert (
        render_space(index_cues(track(RATE, bus="backgrounds")), LIBRARY, "indoor", 0, RATE) is None
    )


def test_more_of_a_room_is_heard_with_what_is_far() -> None:
    near = track(0).cues[0]
    far = dataclasses.replace(near, lowpass_hz=4000.0)
    gains = [send_gain("indoor", "foley", cue, DEFAULT_LEVELS) for cue in (near, far)]
    assert 0.0 < gains[0] < gains[1]
    assert send_gain("indoor", "foley", near, DEFAULT_LEVELS) > send_gain(
        "outdoor", "foley", near, DEFAULT_LEVELS
    )


def test_a_mix_in_a_room_is_the_sum_of_its_stems_and_two_runs_are_alike(tmp_path: Path) -> None:
    (cue,) = track(2 * RATE).cues
    thud = dataclasses.replace(cue, id="thud-1", effect="thud")
    tracks = (
        track(RATE, 3 * RATE),
        Track(effect="thud", kind="one_shot", bus="hard_effects", cues=(thud,)),
    )
    report = lay(tmp_path / "one", *tracks, space="indoor")
    assert report.stems_trim_db == report.limiter_db == 0.0
    stems = [read(stem.path) for stem in report.stems]
    np.testing.assert_array_equal(read(report.mix.path), sum(stems))
    again = lay(tmp_path / "two", *tracks, space="indoor")
    for one, two in zip(report.stems, again.stems, strict=True):
        assert one.path.read_bytes() == two.path.read_bytes()
    dry = lay(tmp_path / "dry", *tracks)
    tail = slice(RATE + RATE // 4 + 480, RATE + RATE // 2)
    assert np.abs(stems[0][tail]).max() > 100
    assert not read(dry.stems[0].path)[tail].any()


def test_a_room_fades_where_the_picture_ends(tmp_path: Path) -> None:
    end = SECONDS * RATE
    stem, *_ = lay(tmp_path, track(end - RATE // 4 - 100), space="indoor").stems
    samples = read(stem.path)
    assert len(samples) == end
    assert np.abs(samples[-4000:-2400]).max() > 50
    assert np.abs(samples[-4:]).max() <= 1
