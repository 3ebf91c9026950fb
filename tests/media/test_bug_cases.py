"""Try the films of public bug reports: each has the value that is right.

Where `../shared` is missing, the given files are skipped; films made here stay.
"""

import hashlib
from fractions import Fraction

import av
import numpy as np

from temporal_foley.media.audio import read_audio
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.timegrid import TimeGrid
from tests.bug_cases import CASES, needs_cases, remade


def digests(path):
    with av.open(str(path)) as container:
        return [hashlib.sha256(bytes(p)).hexdigest() for p in container.demux(video=0) if p.size]


def heard(info):
    return np.concatenate(list(read_audio(info)))


def lumas(info, rate=25):
    grid = TimeGrid.covering(info.duration, rate)
    return [float(frame.image.mean()) for frame in sample_frames(info, grid)]


@needs_cases
def test_what_was_trimmed_does_not_come_back(tmp_path):
    info, out, lines = remade(CASES / "f01_trimmed.mov", tmp_path)
    new = probe_video(out)
    assert (new.frame_count, new.duration, new.start) == (45, Fraction(9, 5), 0)
    assert lines == ()
    assert lumas(new) == lumas(info)
    # The last 35 of 100 pictures are not even in the file.
    assert len(digests(out)) < 75


@needs_cases
def test_pixel_shape_that_only_the_container_knows_is_kept(tmp_path):
    _, out, lines = remade(CASES / "f02_anamorphic_prores.mov", tmp_path)
    with av.open(str(out)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(64, 45)
        assert container.streams.video[0].codec_context.codec_tag == "apco"
    assert lines == ()


@needs_cases
def test_prores_4444_with_timecode_and_keys_is_kept(tmp_path):
    info, out, lines = remade(CASES / "f03_prores4444_timecode_keys.mov", tmp_path)
    assert info.timecode == "14:23:10:05"
    with av.open(str(out)) as container:
        video = container.streams.video[0]
        assert video.codec_context.codec_tag == "ap4h"
        assert video.codec_context.pix_fmt == "yuva444p12le"
        assert video.profile == "4444"
        assert video.metadata["timecode"] == "14:23:10:05"
        assert container.metadata["com.apple.quicktime.make"] == "Maker"
        assert container.metadata["reel"] == "A001"
    assert lines == ()


@needs_cases
def test_an_ordinary_transport_stream_starts_at_0(tmp_path):
    _, out, lines = remade(CASES / "f04_usual.ts", tmp_path)
    new = probe_video(out)
    assert (new.start, new.lead, new.frame_count, new.duration) == (0, 0, 100, 4)
    assert abs(lumas(new)[50] - 118) < 2
    assert lines == ()


@needs_cases
def test_two_recordings_in_one_stream_are_one_film(tmp_path):
    info, out, lines = remade(CASES / "f06_two_in_one.ts", tmp_path)
    assert (info.duration, info.frame_count, info.video_rate) == (4, 100, 25)
    assert [line for line in info.warnings if "clock" in line] == list(info.warnings)
    new = probe_video(out)
    assert (new.duration, new.frame_count, new.video_rate) == (4, 100, 25)
    assert lines == ()
    assert len(heard(info)) == 4 * 48_000


@needs_cases
def test_h264_in_avi_meets_its_sound(tmp_path):
    info, out, lines = remade(CASES / "f07_flash.avi", tmp_path)
    assert info.start == 0
    assert np.argmax(lumas(info)) == 25
    assert abs(int(np.argmax(np.abs(heard(info)[:, 0]))) - 48_000) < 40
    new = probe_video(out)
    assert new.start == 0
    assert np.argmax(lumas(new)) == 25
    assert lines == ()


@needs_cases
def test_a_codec_that_matroska_refuses_goes_elsewhere(tmp_path):
    info, out, lines = remade(CASES / "f08_dv.avi", tmp_path)
    assert out.suffix == ".mov"
    assert digests(out) == digests(info.path)
    assert [line for line in lines if "pixel shape" not in line] == []


@needs_cases
def test_two_microphones_are_left_and_right():
    info = probe_video(CASES / "f09_two_mono.mov")
    assert len(info.warnings) == 1
    assert "left and right" in info.warnings[0]
    both = np.abs(heard(info))
    assert np.argmax(both[:, 0]) == 12_000
    assert np.argmax(both[:, 1]) == 6_000
    second = np.abs(heard(probe_video(CASES / "f09_two_mono.mov", "2")))
    assert np.argmax(second[:, 0]) == np.argmax(second[:, 1]) == 6_000


@needs_cases
def test_360_degrees_are_kept(tmp_path):
    _, out, lines = remade(CASES / "f11_sphere.mp4", tmp_path)
    assert lines == ()
    data = out.read_bytes()
    assert b"st3d" in data
    assert b"sv3d" in data
    with av.open(str(out)) as container:
        kinds = {str(d.type) for d in next(container.decode(video=0)).side_data}
    assert {"Type.SPHERICAL", "Type.STEREO3D"} <= kinds


@needs_cases
def test_fields_are_counted_in_pairs(tmp_path):
    info, out, lines = remade(CASES / "f12_fields.mts", tmp_path)
    assert (info.frame_count, info.video_rate, info.warnings) == (30, 25, ())
    new = probe_video(out)
    assert (new.frame_count, new.video_rate, new.duration) == (30, 25, Fraction(6, 5))
    assert lines == ()
    with av.open(str(out)) as container:
        assert container.streams.video[0].frames == 30
        assert container.streams.video[0].average_rate == 25
        assert len(list(container.decode(video=0))) == 30
