"""Try siblings of the films of bug reports: other codecs, containers, starts and layouts."""

from fractions import Fraction

import av
import numpy as np
import pytest

from temporal_foley.library.take_analysis import analyse_take
from temporal_foley.media.audio import read_audio
from temporal_foley.media.check import check_film
from temporal_foley.media.containers.boxes import read_moov
from temporal_foley.media.downmix import downmix_matrix
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.timegrid import TimeGrid
from tests.bug_cases import CASES, needs_cases, remade
from tests.clips import read_number

STARTS = [Fraction(7, 5), Fraction(36_000), Fraction(1, 50)]


def numbers(info):
    grid = TimeGrid.covering(info.duration, 25)
    return [read_number(frame.image) for frame in sample_frames(info, grid)]


def edit(path, entries, scale=1000):
    """Give a mov or mp4 file another edit list: seconds and media time in ticks of the track."""
    from temporal_foley.media.containers.boxes import EditEntry, edit_list, handler, replace_moov

    moov = read_moov(path)
    trak = next(t for t in moov.all(b"trak") if handler(t) == b"vide")
    edits = [EditEntry(seconds=s, media_time=m, rate=Fraction(1)) for s, m in entries]
    trak.boxes = [box for box in trak.boxes if box.kind != b"edts"]
    head = moov.find(b"mvhd").body
    trak.boxes.insert(1, edit_list(edits, int.from_bytes(head[12:16], "big")))
    replace_moov(path, moov, at_front=False)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mp4", "libx264"), (".mov", "mpeg4"), (".mkv", "libx264"), (".ts", "mpeg2video")],
)
def test_any_start_becomes_0(tmp_path, clips, suffix, codec, start):
    if codec in ("mpeg4", "mpeg2video") and start.denominator == 50:
        start = Fraction(1, 25)
    source = clips.make_clip(tmp_path / f"a{suffix}", seconds=0.4, codec=codec, start=start)
    info, out, lines = remade(source, tmp_path)
    new = probe_video(out)
    assert (new.start, new.lead) == (0, 0)
    assert abs(new.duration - info.duration) <= Fraction(1, 500)
    assert numbers(new) == numbers(info)
    assert lines == ()


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
@pytest.mark.parametrize(
    "entries",
    [
        [(Fraction(2, 5), 0)],
        [(Fraction(2, 5), 18_000)],
        [(Fraction(1, 5), 18_000), (Fraction(1, 5), 54_000)],
        [(Fraction(1, 5), 54_000), (Fraction(1, 5), 18_000)],
    ],
    ids=["end", "both ends", "two parts", "turned round"],
)
def test_edit_lists_hide_what_they_hid(tmp_path, clips, suffix, entries):
    options = {"bf": "0", "g": "5"}
    source = clips.make_clip(tmp_path / f"a{suffix}", seconds=1, options=options)
    edit(source, entries)
    info, out, lines = remade(source, tmp_path)
    new = probe_video(out)
    assert info.frame_count == 10
    assert (new.frame_count, new.duration, new.start) == (10, info.duration, 0)
    assert numbers(new) == numbers(info)
    assert lines == ()


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
@pytest.mark.parametrize("late", [0, 36_000])
def test_recordings_in_one_stream_are_joined(tmp_path, clips, codec, late):
    sound = clips.tone(0.8)
    first = clips.make_clip(tmp_path / "1.ts", seconds=0.8, codec=codec, audio=sound)
    second = clips.make_clip(
        tmp_path / "2.ts", seconds=0.8, codec=codec, start=Fraction(late), audio=sound
    )
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    info, out, _ = remade(both, tmp_path)
    new = probe_video(out)
    assert (info.frame_count, info.video_rate) == (40, 25)
    assert info.duration == Fraction(8, 5)
    assert sum("clock" in line for line in info.warnings) == 1
    assert (new.frame_count, new.video_rate) == (40, 25)
    assert numbers(info) == [*range(20), *range(20)]


@pytest.mark.parametrize(
    ("codec", "form"),
    [("ffv1", "yuv420p"), ("mjpeg", "yuvj420p"), ("mpeg4", "yuv420p"), ("libx264", "yuv420p")],
)
def test_the_last_picture_of_avi_stands_as_long_as_the_others(tmp_path, clips, codec, form):
    source = clips.make_clip(tmp_path / "a.avi", codec=codec, pixel_format=form)
    info, out, _ = remade(source, tmp_path)
    new = probe_video(out)
    assert info.duration == new.duration == 1
    assert (info.frame_count, new.frame_count) == (25, 25)


@needs_cases
@pytest.mark.parametrize(
    ("suffix", "late"), [(".ts", 0), (".ts", 36_000), (".mkv", 0), (".mov", 0), (".mp4", 0)]
)
def test_fields_are_pictures_in_every_container(tmp_path, suffix, late):
    copy = tmp_path / f"a{suffix}"
    with (
        av.open(str(CASES / "f12_fields.mts")) as source,
        av.open(str(copy), "w", format={".ts": "mpegts", ".mkv": "matroska"}.get(suffix)) as target,
    ):
        track = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.pts += round(late / packet.time_base)
                packet.dts += round(late / packet.time_base)
                packet.stream = track
                target.mux(packet)
    info, out, lines = remade(copy, tmp_path)
    new = probe_video(out)
    for film in (info, new):
        assert (film.frame_count, film.video_rate, film.duration) == (30, 25, Fraction(6, 5))
    assert (info.warnings, lines, new.start) == ((), (), 0)
    with av.open(str(new.path)) as container:
        assert len(list(container.decode(video=0))) == 30


@pytest.mark.parametrize("frames", [0, 1, 3])
@pytest.mark.parametrize("refs", [None, "1"])
def test_b_frames_in_avi_are_shown_in_order(tmp_path, clips, frames, refs):
    options = {"bf": str(frames), "g": "12"} | ({"refs": refs} if refs else {})
    source = clips.make_clip(tmp_path / "a.avi", seconds=1, options=options)
    info, out, lines = remade(source, tmp_path)
    new = probe_video(out)
    assert numbers(info) == list(range(25))
    assert numbers(new) == list(range(25))
    assert (new.start, new.duration, new.video_rate) == (0, 1, 25)
    assert lines == ()


def clicks(info):
    both = np.abs(np.concatenate(list(read_audio(info))))
    return [int(side.argmax()) if side.max() > 0.1 else None for side in both.T]


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
@pytest.mark.parametrize(
    ("tracks", "wanted", "heard"),
    [
        ([(0.25, "mono"), (0.5, "mono")], "", [12_000, 24_000]),
        ([(None, "mono"), (0.5, "mono")], "", [24_000, 24_000]),
        ([(None, "stereo"), (0.5, "mono")], "", [24_000, 24_000]),
        ([(0.25, "stereo"), (0.5, "stereo")], "", [12_000, 12_000]),
        ([(0.25, "stereo"), (0.5, "stereo")], "2", [24_000, 24_000]),
        ([(None, "stereo"), (0.5, "stereo")], "all", [24_000, 24_000]),
        ([(0.25, "mono"), (0.5, "mono"), (0.75, "mono")], "", [12_000, 24_000]),
    ],
)
def test_sound_tracks_are_used_or_named(tmp_path, clips, suffix, tracks, wanted, heard):
    info = probe_video(clips.two_tracks(tmp_path / f"a{suffix}", tracks), wanted)
    assert clicks(info) == heard
    if not wanted:
        named = " ".join(info.warnings)
        silent = [n for n, (place, _) in enumerate(tracks, 1) if place is None]
        assert all(f"sound track {n}" in named for n in silent or range(2, len(tracks) + 1))


def test_a_still_stands_as_long_as_its_sound_and_other_ends_are_named(tmp_path, clips):
    still = clips.make_clip(tmp_path / "a.mp4", seconds=0.04, audio=clips.tone(2))
    info, out, _ = remade(still, tmp_path)
    new = probe_video(out)
    assert abs(info.duration - 2) < Fraction(1, 20)
    assert abs(new.duration - info.duration) < Fraction(1, 100)
    short = clips.make_clip(tmp_path / "b.mkv", seconds=1, audio=clips.tone(3))
    assert any("2.0" in line and "after the last" in line for line in probe_video(short).warnings)


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_pixel_shape_and_profile_of_prores_are_kept(tmp_path, clips, suffix):
    for profile, tag in (("0", "apco"), ("1", "apcs"), ("2", "apcn"), ("3", "apch")):
        source = clips.make_clip(
            tmp_path / f"a{suffix}",
            seconds=0.12,
            codec="prores_ks",
            pixel_format="yuv422p10le",
            options={"profile": profile},
            pixel_aspect=Fraction(64, 45),
        )
        _, out, lines = remade(source, tmp_path)
        new = probe_video(out)
        with av.open(str(new.path)) as container:
            assert container.streams.video[0].codec_context.codec_tag == tag
        assert lines == ()


def test_check_names_what_a_film_loses(tmp_path, clips):
    tracks = [(0.25, "stereo"), (0.5, "stereo")]
    report = check_film(probe_video(clips.two_tracks(tmp_path / "a.mov", tracks)))
    assert report.refused == ()
    assert any("sound track 2" in line and "not used" in line for line in report.left_out)
    assert report.lines[0].startswith("kept: picture h264 64x48, 25 Hz, 25 pictures, 1.00 s")


@pytest.mark.parametrize("name", ["TFL", "TBL", "TSL", "WL", "SL", "FLC", "SSL"])
def test_height_and_wide_speakers_keep_their_side(name):
    (left,) = downmix_matrix(["FL", name], 2)[1:]
    assert left[0] > 0 == left[1]


def test_an_offset_hides_no_silence_and_moves_no_anchor():
    rng = np.random.default_rng(3)
    take = np.zeros((96_000, 1), np.float32)
    take[48_000:60_000, 0] = rng.normal(0, 0.2, 12_000) * np.exp(-np.arange(12_000) / 3_000)
    plain, moved = analyse_take(take, 48_000), analyse_take(take + np.float32(0.005), 48_000)
    assert (moved.start_s, moved.anchor_s) == (plain.start_s, plain.anchor_s)
    assert moved.start_s > 0.9
