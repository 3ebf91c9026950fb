from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.media.audio import read_audio
from temporal_foley.media.downmix import downmix_matrix
from temporal_foley.media.video import probe_video
from temporal_foley.timegrid import to_sample
from tests.clips import click_errors

CONTAINERS = [
    (".mp4", "libx264"),
    (".mov", "libx264"),
    (".mkv", "libx264"),
    (".webm", "libvpx-vp9"),
    (".ts", "libx264"),
    (".avi", "mpeg4"),
]
CLICKS_S = (0.25, 0.5, 0.75)
AAC_LEVEL_TOLERANCE = 0.02


def read(info, **options) -> np.ndarray:
    return np.concatenate(list(read_audio(info, **options)))


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS)
def test_sound_starts_with_the_first_picture(tmp_path, clips, suffix, codec):
    path = clips.make_clip(
        tmp_path / f"a{suffix}", seconds=1, codec=codec, audio=clips.impulses(1, CLICKS_S)
    )
    info = probe_video(path)
    sound = read(info)
    assert sound.dtype == np.float32
    assert sound.shape == (48_000, 2)
    assert click_errors(sound, CLICKS_S) == [0, 0, 0]


@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".ts"])
@pytest.mark.parametrize("offset", [Fraction(-1, 5), Fraction(1, 5)])
def test_sound_that_starts_before_or_after_the_picture(tmp_path, clips, suffix, offset):
    clicks = [0.3, 0.6]
    path = clips.make_clip(
        tmp_path / f"a{suffix}",
        seconds=1,
        start=Fraction(1),
        audio=clips.impulses(1.4, [click - float(offset) for click in clicks]),
        audio_start=1 + offset,
    )
    sound = read(probe_video(path))
    assert len(sound) == 48_000
    assert click_errors(sound, clicks) == [0, 0]
    if offset > 0 and suffix != ".ts":  # AAC rings into the silence before.
        assert not sound[: to_sample(offset)].any()


def test_short_sound_ends_in_silence_and_long_sound_is_cut(tmp_path, clips):
    short = clips.make_clip(tmp_path / "a.mkv", seconds=1, audio=clips.tone(0.5))
    sound = read(probe_video(short), block=7_000)
    assert len(sound) == 48_000
    assert sound[:24_000].any()
    assert not sound[24_000:].any()
    long = clips.make_clip(tmp_path / "b.mkv", seconds=0.4, audio=clips.tone(2))
    assert len(read(probe_video(long))) == 19_200


@pytest.mark.parametrize("rate_hz", [44_100, 22_050, 16_000])
def test_resampling_keeps_place_and_level(tmp_path, clips, rate_hz):
    path = clips.make_clip(
        tmp_path / "a.mkv",
        seconds=2,
        audio=clips.tone(2, rate_hz) + clips.impulses(2, [], rate_hz),
        audio_rate_hz=rate_hz,
    )
    sound = read(probe_video(path))
    expected = clips.tone(2)
    assert len(sound) == 96_000
    assert np.abs(sound - expected)[2_000:-2_000].max() < 1e-3


def test_blocks_join_to_the_whole(tmp_path, clips):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (44_100, 2)).astype(np.float32)
    path = clips.make_clip(tmp_path / "a.mkv", seconds=1, audio=noise, audio_rate_hz=44_100)
    info = probe_video(path)
    blocks = list(read_audio(info, block=1_000))
    assert {len(block) for block in blocks} == {1_000}
    np.testing.assert_array_equal(np.concatenate(blocks), read(info))


def test_mono_keeps_its_level_on_both_sides(tmp_path, clips):
    path = clips.make_clip(tmp_path / "a.mkv", seconds=0.4, audio=clips.tone(0.4, channels=1))
    sound = read(probe_video(path))
    np.testing.assert_allclose(sound, clips.tone(0.4), atol=1e-4)
    np.testing.assert_allclose(read(probe_video(path), channels=1), sound[:, :1])


def test_surround_is_mixed_down(tmp_path, clips):
    surround = np.zeros((19_200, 6), np.float32)
    levels = (0.1, 0.2, 0.3, 0.9, 0.1, 0.2)  # FL FR FC LFE BL BR
    surround[:] = levels
    path = clips.make_clip(tmp_path / "a.mkv", seconds=0.4, audio=surround)
    sound = read(probe_video(path))
    half = 0.5**0.5
    assert sound[5_000, 0] == pytest.approx(0.1 + half * (0.3 + 0.1), abs=1e-4)
    assert sound[5_000, 1] == pytest.approx(0.2 + half * (0.3 + 0.2), abs=1e-4)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mov"])
def test_pcm_keeps_its_sides_where_the_container_does_not_name_them(tmp_path, clips, suffix):
    sides = np.tile(np.array([[0.25, -0.5]], np.float32), (24_000, 1))
    path = tmp_path / f"a{suffix}"
    clips.make_clip(path, codec="mpeg4", seconds=0.5, audio=sides, audio_codec="pcm_s16le")
    heard = read(probe_video(path))
    np.testing.assert_array_equal(heard, sides[: len(heard)])


def test_every_layout_has_weights():
    assert downmix_matrix(["FL", "FR", "FC", "LFE", "BL", "BR", "XX"], 2).shape == (7, 2)
    assert downmix_matrix(["FL", "FR"], 1).tolist() == [[0.5], [0.5]]


def test_a_hole_in_the_sound_is_silence(tmp_path, clips):
    # Drop packets from the middle; what follows must keep its place.
    import av

    path = clips.make_clip(tmp_path / "a.mkv", seconds=2, audio=clips.impulses(2, [0.3, 1.7]))
    holed = tmp_path / "b.mkv"
    with av.open(str(path)) as source, av.open(str(holed), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            is_hole = packet.stream.type == "audio" and packet.pts and 800 < packet.pts < 1_400
            if packet.size and not is_hole:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    assert click_errors(read(probe_video(holed)), [0.3, 1.7]) == [0, 0]


def test_damaged_samples_are_silence_and_the_rest_sounds(tmp_path, clips):
    sound = np.full((24_960, 2), 0.25, np.float32)
    sound[[100, 200, 300], 0] = np.nan, 3e38, -np.inf
    path = clips.make_clip(tmp_path / "a.mkv", seconds=0.52, audio=sound, audio_codec="pcm_f32le")
    heard = read(probe_video(path))
    assert np.flatnonzero(heard[:, 0] != 0.25).tolist() == [100, 200, 300]
    assert not heard[[100, 200, 300], 0].any()
    assert np.all(heard[:, 1] == 0.25)


def test_no_sound_is_none_and_silence_is_zeros(tmp_path, clips):
    assert read_audio(probe_video(clips.make_clip(tmp_path / "a.mp4", seconds=0.2))) is None
    silent = clips.make_clip(
        tmp_path / "b.mp4", seconds=0.2, audio=np.zeros((9_600, 2), np.float32)
    )
    assert not read(probe_video(silent)).any()


def test_wrong_wishes_are_refused(tmp_path, clips):
    info = probe_video(clips.make_clip(tmp_path / "a.mp4", seconds=0.2))
    with pytest.raises(ValueError, match="channels"):
        read_audio(info, channels=6)
    with pytest.raises(ValueError, match="block"):
        read_audio(info, block=0)
