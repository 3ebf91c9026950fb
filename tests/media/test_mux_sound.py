from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from temporal_foley.errors import MediaError
from temporal_foley.media.audio import read_audio
from temporal_foley.media.mux import mux_sound, output_suffix, try_mux
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.timegrid import TimeGrid
from tests.clips import click_errors
from tests.clips import picture_packets as packets

CONTAINERS = [
    (".mp4", "libx264"),
    (".mov", "libx265"),
    (".mkv", "libx264"),
    (".webm", "libvpx-vp9"),
]
CLICKS_S = (0.25, 0.75, 1.2)
VARIABLE = [Fraction(n, 100) for n in (0, 4, 12, 16, 50, 60, 90, 91, 92, 120, 140)]


def write_sound(path, samples):
    soundfile.write(path, samples, 48_000, subtype="PCM_24")
    return path


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS)
@pytest.mark.parametrize("times", [None, VARIABLE], ids=["constant", "variable"])
@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 2), Fraction(7, 3)])
def test_picture_is_copied_and_sound_is_in_sync(tmp_path, clips, suffix, codec, times, start):
    source = clips.make_clip(
        tmp_path / f"a{suffix}",
        seconds=1.5,
        times=times,
        codec=codec,
        start=start,
        audio=clips.tone(1.5),
        options={"bf": "3", "g": "10"} if codec == "libx264" else {},
    )
    info = probe_video(source)
    sound = write_sound(tmp_path / "s.wav", clips.impulses(float(info.duration), CLICKS_S))
    out = tmp_path / f"out{suffix}"
    assert output_suffix(info) == suffix
    mux_sound(info, sound, out)
    assert packets(out) == packets(source)
    muxed = probe_video(out)
    assert muxed.start == 0
    assert muxed.duration == info.duration
    assert muxed.frame_count == info.frame_count
    assert not muxed.is_truncated
    new = np.concatenate(list(read_audio(muxed)))
    assert click_errors(new, CLICKS_S) == [0, 0, 0]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source.name, "s.wav", out.name])


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_long_picture_among_b_frames_does_not_move_the_end(tmp_path, clips, suffix):
    steps = [Fraction(1, 30)] * 14 + [Fraction(6, 5)] + [Fraction(1, 60)] * 5
    times = [sum(steps[:n], Fraction(0)) for n in range(len(steps) + 1)]
    options = {"bf": "3", "g": "9"}
    source = clips.make_clip(tmp_path / f"a{suffix}", times=times, options=options)
    info = probe_video(source)
    sound = write_sound(tmp_path / "s.wav", clips.tone(float(info.duration)))
    mux_sound(info, sound, tmp_path / f"o{suffix}")
    assert not probe_video(tmp_path / f"o{suffix}").is_truncated
    with av.open(str(source)) as old, av.open(str(tmp_path / f"o{suffix}")) as new:
        ends = [
            one.streams.video[0].duration * one.streams.video[0].time_base for one in (old, new)
        ]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(("suffix", "codec"), [(".webm", "libvpx-vp9"), (".mkv", "libx264")])
def test_matroska_says_how_long_pictures_and_sound_last(tmp_path, clips, suffix, codec):
    times = [Fraction(n * 8, 100) for n in range(19)] + [Fraction(344, 100)]
    source = clips.make_clip(tmp_path / f"a{suffix}", times=times, codec=codec)
    info = probe_video(source)
    sound = write_sound(tmp_path / "s.wav", clips.tone(float(info.duration)))
    mux_sound(info, sound, tmp_path / f"o{suffix}")
    assert probe_video(tmp_path / f"o{suffix}").duration == info.duration
    with av.open(str(source)) as old, av.open(str(tmp_path / f"o{suffix}")) as new:
        assert new.streams.video[0].average_rate == old.streams.video[0].average_rate
        # Opus rounds the end up to a whole packet.
        assert abs(new.duration - old.duration) <= 20_000


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_lossless_sound_is_kept_to_the_bit(tmp_path, clips, suffix):
    info = probe_video(clips.make_clip(tmp_path / f"a{suffix}", seconds=1))
    noise = np.random.default_rng(2).integers(-(2**23), 2**23, (48_000, 2)) * 2**8
    soundfile.write(tmp_path / "s.wav", noise.astype(np.int32), 48_000, subtype="PCM_24")
    mux_sound(info, tmp_path / "s.wav", tmp_path / f"o{suffix}")
    new = np.concatenate(list(read_audio(probe_video(tmp_path / f"o{suffix}"))))
    np.testing.assert_array_equal(new, (noise / 2**31).astype(np.float32))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_rotation_pixels_colour_and_names_are_kept(tmp_path, clips, suffix):
    source = clips.make_clip(
        tmp_path / f"a{suffix}",
        seconds=0.4,
        rotation_deg=90,
        pixel_aspect=Fraction(4, 3),
        options={"x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709"},
        metadata={"title": "A walk", "comment": "one\ntwo"},
    )
    info = probe_video(source)
    sound = write_sound(tmp_path / "s.wav", clips.tone(0.4, channels=1))
    mux_sound(info, sound, tmp_path / f"o{suffix}")
    new = probe_video(tmp_path / f"o{suffix}")
    assert (new.rotation_deg, new.width, new.height) == (90, info.width, info.height)
    assert new.audio_channels == 1
    with av.open(str(tmp_path / f"o{suffix}")) as container:
        names = {name.lower(): text for name, text in container.metadata.items()}
        assert names["title"] == "A walk"
        assert container.streams.video[0].codec_context.colorspace == 1
        assert container.streams.video[0].codec_context.color_primaries == 1


def test_pictures_hidden_by_an_edit_stay_hidden(tmp_path, clips):
    source = clips.make_clip(
        tmp_path / "a.mp4", seconds=1, start=Fraction(-1, 5), options={"bf": "0", "g": "50"}
    )
    info = probe_video(source)
    sound = write_sound(tmp_path / "s.wav", clips.impulses(0.8, [0.25, 0.5]))
    mux_sound(info, sound, tmp_path / "o.mp4")
    new = probe_video(tmp_path / "o.mp4")
    assert (new.start, new.duration, new.frame_count) == (0, info.duration, 20)
    assert packets(tmp_path / "o.mp4") == packets(source)
    heard = np.concatenate(list(read_audio(new)))
    assert click_errors(heard, [0.25, 0.5]) == [0, 0]


@pytest.mark.parametrize(
    ("suffix", "codec", "expected"), [(".ts", "libx264", ".mp4"), (".avi", "mpeg4", ".mkv")]
)
def test_other_containers_become_mp4_or_mkv(tmp_path, clips, suffix, codec, expected):
    info = probe_video(clips.make_clip(tmp_path / f"a{suffix}", seconds=1.5, codec=codec))
    assert output_suffix(info) == expected
    sound = write_sound(tmp_path / "s.wav", clips.impulses(1.5, CLICKS_S))
    out = tmp_path / f"o{expected}"
    mux_sound(info, sound, out)
    new = probe_video(out)
    assert new.frame_count == info.frame_count
    assert abs(new.duration - info.duration) <= Fraction(1, 1000)
    assert click_errors(np.concatenate(list(read_audio(new))), CLICKS_S) == [0, 0, 0]


def test_times_that_run_backwards_do_not_stop_it(tmp_path, clips):
    source = clips.make_clip(tmp_path / "a.ts", seconds=1, audio=clips.tone(1))
    source.write_bytes(source.read_bytes() * 2)
    info = probe_video(source)
    grid = TimeGrid.covering(info.duration, 10)
    assert len(list(sample_frames(info, grid))) == grid.frames
    sound = write_sound(tmp_path / "s.wav", clips.impulses(float(info.duration), [0.25]))
    mux_sound(info, sound, tmp_path / "o.mp4")
    new = probe_video(tmp_path / "o.mp4")
    assert new.frame_count >= 25
    assert click_errors(np.concatenate(list(read_audio(new))), [0.25]) == [0]


def test_failure_leaves_nothing_behind(tmp_path, clips):
    info = probe_video(clips.make_clip(tmp_path / "a.mp4", seconds=0.4))
    sound = write_sound(tmp_path / "s.wav", clips.tone(0.4))
    before = sorted(tmp_path.iterdir())
    soundfile.write(tmp_path / "slow.wav", clips.tone(0.4), 44_100)
    for bad, match in [
        (tmp_path / "slow.wav", "48000 Hz"),
        (tmp_path / "absent.wav", "no such file"),
        (tmp_path / "a.mp4", "not a WAV file"),
    ]:
        with pytest.raises(MediaError, match=match):
            mux_sound(info, bad, tmp_path / "o.mp4")
    (tmp_path / "slow.wav").unlink()
    with pytest.raises(MediaError, match="cannot be written"):
        mux_sound(info, sound, tmp_path / "absent" / "o.mp4")
    with pytest.raises(MediaError, match="name it"):
        mux_sound(info, sound, tmp_path / "o.ts")
    with pytest.raises(MediaError, match="the video itself"):
        mux_sound(info, sound, tmp_path / "a.mp4")
    webm = tmp_path / "o.webm"
    with pytest.raises(MediaError, match=r"o\.webm: cannot be written"):
        mux_sound(info, sound, webm)
    assert sorted(tmp_path.iterdir()) == before


def test_a_damaged_first_picture_does_not_lose_the_film(tmp_path, clips):
    path = clips.make_clip(tmp_path / "a.avi", codec="mjpeg", pixel_format="yuvj420p")
    data = bytearray(path.read_bytes())
    begin = data.index(b"\xff\xc4")  # Where the first picture's code tables begin.
    data[begin + 5 : begin + 21] = b"\xff" * 16
    path.write_bytes(data)
    with av.open(str(path)) as container, pytest.raises(av.error.InvalidDataError):
        next(container.demux(video=0)).decode()
    assert output_suffix(probe_video(path)) == ".mkv"


def test_no_room_to_try_a_container_is_one_line(tmp_path, clips, monkeypatch):
    info = probe_video(clips.make_clip(tmp_path / "a.mp4"))

    def full(*words, **options):
        raise soundfile.LibsndfileError(2)

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(MediaError, match="no room"):
        try_mux(info)
