from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from temporal_foley.errors import MediaError
from temporal_foley.media.video import probe_video

CONTAINERS = [
    (".mp4", "libx264"),
    (".mov", "libx264"),
    (".mkv", "libx264"),
    (".webm", "libvpx-vp9"),
    (".ts", "libx264"),
    (".avi", "mpeg4"),
]


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS)
def test_size_times_and_sound_are_read(tmp_path, clips, suffix, codec):
    path = clips.make_clip(
        tmp_path / f"a{suffix}", seconds=1, rate=25, codec=codec, audio=clips.tone(1)
    )
    info = probe_video(path)
    assert (info.width, info.height) == (160, 120)
    assert info.frame_count == 25
    assert info.duration == 1
    assert info.video_rate == 25
    assert info.has_audio
    assert (info.audio_rate_hz, info.audio_channels) == (48_000, 2)
    assert not info.is_truncated
    assert info.warnings == ()


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001", "12", "43/2"])
def test_rates_and_durations_are_exact(tmp_path, make_clip, rate):
    info = probe_video(make_clip(tmp_path / "a.mp4", seconds=1, rate=Fraction(rate)))
    assert info.video_rate == Fraction(rate)
    assert abs(info.duration - info.frame_count / Fraction(rate)) <= Fraction(1, 90_000)


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS[:5])
def test_start_offset_is_kept_apart_from_duration(tmp_path, make_clip, suffix, codec):
    path = make_clip(tmp_path / f"a{suffix}", seconds=1, codec=codec, start=Fraction(5, 2))
    info = probe_video(path)
    assert info.start == Fraction(5, 2)
    assert info.duration == 1
    assert not info.is_truncated


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_swaps_width_and_height(tmp_path, make_clip, degrees):
    info = probe_video(make_clip(tmp_path / "a.mp4", seconds=0.2, rotation_deg=degrees))
    assert info.rotation_deg == degrees
    assert (info.width, info.height) == ((120, 160) if degrees in (90, 270) else (160, 120))


def test_pixels_are_made_square(tmp_path, make_clip):
    wide = make_clip(tmp_path / "a.mp4", seconds=0.2, pixel_aspect=Fraction(4, 3))
    near = make_clip(tmp_path / "b.mp4", seconds=0.2, pixel_aspect=Fraction(448, 447))
    assert probe_video(wide).width == 213
    assert probe_video(near).width == 160


def test_one_picture_has_a_duration(tmp_path, make_clip):
    for suffix in (".mp4", ".mkv", ".ts"):
        info = probe_video(make_clip(tmp_path / f"a{suffix}", seconds=0.04))
        assert info.frame_count == 1
        assert info.duration == Fraction(1, 25)


def test_without_sound(tmp_path, make_clip):
    info = probe_video(make_clip(tmp_path / "a.mp4", seconds=0.2))
    assert not info.has_audio
    assert info.audio_channels == 0


def test_sound_alone_is_no_video(tmp_path, clips):
    soundfile.write(tmp_path / "a.wav", clips.tone(0.2), 48_000)
    with pytest.raises(MediaError, match="no video stream"):
        probe_video(tmp_path / "a.wav")


def test_cover_art_is_no_video(tmp_path, clips):
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        sound = container.add_stream("aac", rate=48_000)
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(cover.encode(picture))
        for packet in clips._encode_sound(sound, clips.tone(0.2), 48_000, 0):
            container.mux(packet)
        container.mux(cover.encode(None))
    with pytest.raises(MediaError, match="no video stream"):
        probe_video(path)


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi", ".mp4"])
def test_cut_off_file_is_reported_and_read_as_far_as_it_goes(tmp_path, clips, suffix):
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(suffix, "libx264")
    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    noise = np.random.default_rng(5).integers(0, 255, (50, 60, 80, 3), np.uint8)
    path = clips.make_clip(
        tmp_path / f"a{suffix}",
        seconds=2,
        size=(80, 60),
        codec=codec,
        picture=lambda number: noise[number],
        audio=clips.tone(2),
        container_options=options,
    )
    whole = probe_video(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    info = probe_video(path)
    assert not whole.is_truncated
    assert info.is_truncated
    assert 5 < info.frame_count < 45
    assert "cut off" in info.warnings[0]


def test_half_of_a_file_without_its_index_is_refused(tmp_path, make_clip):
    path = make_clip(tmp_path / "a.mp4", seconds=1)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"a\.mp4: "):
        probe_video(path)


def test_keyframes_that_start_afresh_are_found(tmp_path, make_clip):
    closed = make_clip(tmp_path / "a.mp4", seconds=2, options={"g": "10"})
    open_gop = make_clip(
        tmp_path / "b.mp4", seconds=2, options={"g": "10", "x264-params": "open-gop=1"}
    )
    stream = make_clip(tmp_path / "c.ts", seconds=2, options={"g": "10"})
    assert len(probe_video(closed).pictures.keyframe_ticks) >= 5
    assert len(probe_video(open_gop).pictures.keyframe_ticks) == 1
    assert len(probe_video(stream).pictures.keyframe_ticks) >= 5


def test_pictures_that_would_last_for_an_hour_are_a_damaged_header(tmp_path, clips):
    slow = [Fraction(place * 3600) for place in range(3)]
    path = clips.make_clip(tmp_path / "slow.mkv", times=slow)
    with pytest.raises(MediaError, match=r"slow.mkv: has 3 pictures in .* hours; .*export"):
        probe_video(path)
    still = clips.make_clip(tmp_path / "still.mkv", times=[Fraction(0), Fraction(1800)])
    assert probe_video(still).duration >= 1800
