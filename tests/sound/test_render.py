"""Rendered stems: exact places, exact blocks, clean joins and fades, the pan law."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.errors import CueListError, LibraryError
from temporal_foley.sound.levels import DEFAULT_LEVELS as LEVELS
from temporal_foley.sound.render import index_cues, render_cues, render_track
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library
from temporal_foley.timeline import Cue, Loop, Track
from tests.factories import make_asset, make_cue, make_library, make_track

RATE = 48_000
CENTRE = np.float32(np.sqrt(0.5))


def library_of(**takes: np.ndarray) -> Library:
    made = {name: Take(samples=np.array(samples, np.float32)) for name, samples in takes.items()}
    return make_library(lambda asset: made[asset.name])


def cue_of(name: str, onset: int, offset: int, **fields) -> Cue:
    return make_cue(
        **{
            "id": f"{name}-{onset}",
            "effect": "test",
            "onset_sample": onset,
            "offset_sample": offset,
            "asset": make_asset(name, 0),
        }
        | fields
    )


def track_of(*cues: Cue, **fields) -> Track:
    return make_track(*cues, effect="test", **fields)


def tone(samples: int, period: float, channels: int = 1) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * np.arange(samples) / period)
    return np.repeat(wave[:, None], channels, axis=1)


def second_difference(sound: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(sound, 2, axis=0)).max(axis=1)


def test_the_anchor_meets_the_picture_to_the_sample() -> None:
    click = np.zeros((100, 1))
    click[37] = 1.0
    cue = cue_of("click", 1000, 1090, source_start=10, source_end=100, anchor=37)
    out = render_track(track_of(cue), library_of(click=click), 0, 2000)
    assert np.flatnonzero(out[:, 0]).tolist() == [cue.picture_sample] == [1027]


def test_a_mono_take_in_the_centre_is_3_db_down_on_each_side() -> None:
    cue = cue_of("dc", 0, 50)
    out = render_track(track_of(cue), library_of(dc=np.ones((50, 1))), 0, 50)
    np.testing.assert_allclose(out, CENTRE, rtol=1e-6)


def test_a_stereo_take_in_the_centre_is_as_it_is() -> None:
    sound = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    out = render_track(track_of(cue_of("wide", 0, 50)), library_of(wide=sound), 0, 50)
    np.testing.assert_allclose(out, sound, rtol=1e-6)


@pytest.mark.parametrize("pan", [-1.0, -0.5, 0.0, 0.3, 1.0])
def test_panning_keeps_the_power_of_a_mono_take(pan: float) -> None:
    cue = cue_of("dc", 0, 10, pan=((0, pan),))
    left, right = render_track(track_of(cue), library_of(dc=np.ones((10, 1))), 0, 10)[0]
    assert left**2 + right**2 == pytest.approx(1.0, abs=1e-6)
    assert (right > left) == (pan > 0)


def test_a_pan_curve_moves_in_a_straight_line() -> None:
    cue = cue_of("dc", 0, 101, pan=((0, -1.0), (100, 1.0)))
    out = render_track(track_of(cue), library_of(dc=np.ones((101, 1))), 0, 101)
    np.testing.assert_allclose(out[:, 1] ** 2 - out[:, 0] ** 2, np.linspace(-1, 1, 101), atol=1e-6)


def test_gains_of_cue_track_and_bus_add_up() -> None:
    track = track_of(cue_of("dc", 0, 10, gain_db=-3.0), gain_db=2.0, bus="foley")
    out = render_track(track, library_of(dc=np.ones((10, 2))), 0, 10)
    expected = 10 ** ((-1.0 + LEVELS.foley_db) / 20)
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_overlapping_cues_are_summed() -> None:
    cues = [cue_of("dc", 0, 20), cue_of("dc", 10, 30)]
    out = render_track(track_of(*cues), library_of(dc=np.ones((20, 2))), 0, 40)[:, 0]
    np.testing.assert_allclose(out, [1.0] * 10 + [2.0] * 10 + [1.0] * 10 + [0.0] * 10)


@pytest.mark.parametrize("block", [1, 97, 4800, 48_000])
def test_any_partition_into_blocks_gives_the_same_bits(block: int) -> None:
    rng = np.random.default_rng(5)
    library = library_of(mono=rng.normal(size=(9000, 1)), wide=rng.normal(size=(9000, 2)))
    loop = Loop(start=2000, end=8999, crossfade=1500)
    fades = {"fade_in": 700, "fade_out": 1234, "gain_db": -2.3}
    curve = ((0, -0.7), (3333, 0.9), (9001, -0.2))
    track = track_of(
        cue_of("mono", 100, 8100, source_end=8000, pan=curve, **fades),
        cue_of("wide", 1500, 21_500, loop=loop, source_end=8999, pan=((0, 0.37),), **fades),
        cue_of("mono", 5000, 12_000, source_start=1000, source_end=8000, **fades),
        cue_of("mono", 20_000, 23_000, source_end=3000, pan=curve, **fades),
        cue_of("mono", 300, 6300, source_end=6000, level=((10, -9.0), (3000, 2.0)), **fades),
        cue_of("wide", 2000, 21_000, loop=loop, source_end=8999, lowpass_hz=5000.0, **fades),
    )
    total = 24_000 if block > 1 else 2_500
    whole = render_track(track, library, 0, total)
    index = index_cues(track)
    parts = [
        render_cues(index, library, start, min(total, start + block))
        for start in range(0, total, block)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_loop_follows_its_points() -> None:
    # Without a crossfade every sample can be told: 0..9, then 4..9 round and round.
    ramp = np.arange(12.0)[:, None].repeat(2, axis=1)
    cue = cue_of("ramp", 0, 20, loop=Loop(start=4, end=10, crossfade=0), source_end=10)
    out = render_track(track_of(cue), library_of(ramp=ramp), 0, 20)[:, 0]
    expected = [*range(10), *range(4, 10), *range(4, 8)]
    np.testing.assert_allclose(out, expected)


def test_loop_joins_keep_the_power_of_noise() -> None:
    noise = np.random.default_rng(7).normal(size=(RATE, 2))
    loop = Loop(start=RATE // 2, end=RATE, crossfade=RATE // 4)
    cue = cue_of("noise", 0, 20 * RATE, loop=loop, source_end=RATE)
    out = render_track(track_of(cue), library_of(noise=noise), 0, 20 * RATE)
    power = np.square(out.reshape(-1, RATE // 20, 2)).mean(axis=(1, 2))
    assert 10 * np.log10(power.max() / power.min()) < 1.5


def test_loop_joins_do_not_click() -> None:
    # The loop is 7.4 periods long: a bare jump would be heard.
    take = tone(4000, 100.0)
    cue = cue_of("tone", 0, 12_000, loop=Loop(start=3000, end=3740, crossfade=400), source_end=3740)
    bare = dataclasses.replace(cue, loop=Loop(start=3000, end=3740, crossfade=0))
    library = library_of(tone=take)
    steady = second_difference(render_track(track_of(cue), library, 0, 3000)).max()
    joined = second_difference(render_track(track_of(cue), library, 0, 12_000)).max()
    clicking = second_difference(render_track(track_of(bare), library, 0, 12_000)).max()
    assert joined < 1.5 * steady
    assert clicking > 10 * steady


def test_fades_do_not_click_and_end_in_silence() -> None:
    cue = cue_of("tone", 500, 3500, source_start=25, source_end=3025, fade_in=480, fade_out=480)
    faded = render_track(track_of(cue), library_of(tone=tone(4000, 100.0)), 0, 4000)
    steady = second_difference(faded[1500:2500]).max()
    assert second_difference(faded).max() < 1.2 * steady
    assert np.abs(faded[500]).max() < 1e-4
    assert np.abs(faded[3499]).max() < 1e-4


def test_nothing_sounds_outside_its_cue() -> None:
    cue = cue_of("dc", 100, 200)
    out = render_track(track_of(cue), library_of(dc=np.ones((100, 1))), 0, 400)
    assert not out[:100].any()
    assert out[100:200].all()
    assert not out[200:].any()


def test_a_take_shorter_than_its_cue_is_refused() -> None:
    cue = cue_of("dc", 0, 101)
    with pytest.raises(LibraryError, match=r"dc-0.*101.*100"):
        render_track(track_of(cue), library_of(dc=np.ones((100, 1))), 0, 101)


def test_an_unknown_bus_is_refused() -> None:
    with pytest.raises(CueListError, match="hard_effects, foley, backgrounds"):
        render_track(track_of(bus="music"), library_of(), 0, 10)
