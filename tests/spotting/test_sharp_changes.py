"""Cuts between pictures of the grid: found exactly in the first pass, or said to be unknown."""

import itertools

import av
import numpy as np
import pytest

from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.spotting.motion import measure_motion
from temporal_foley.spotting.shots import SharpChanges, cut_times, sharp_change_times
from temporal_foley.timegrid import TimeGrid

GRID = TimeGrid.covering(4, 4)
NO_MOTION = measure_motion([])


def pictures(cuts, count=100, size=(96, 128)):
    """Yield grey pictures with grain of shots of different brightness."""
    rng = np.random.default_rng(0)
    rows, columns = size
    shots = itertools.cycle((60, 170, 110, 220))
    for number in range(count):
        if number == 0 or number in cuts:
            level = next(shots)
            left = int(rng.integers(0, columns - 40))
        picture = np.full((rows, columns, 3), level, np.float64)
        picture[20:60, left + number % 5 : left + 30 + number % 5] += 30
        yield np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def write_film(path, cuts, codec="libx264", pix_fmt="yuv420p", **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pix_fmt
        for picture in pictures(cuts):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return probe_video(path)


def found_begins(info):
    sharp = SharpChanges(info.pictures.ticks)
    shown = list(sample_frames(info, GRID, passing=sharp.add))
    plain = list(sample_frames(info, GRID))
    assert [frame.time for frame in shown] == [frame.time for frame in plain]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(shown, plain, strict=True))
    seconds = [float(int(tick) * info.pictures.time_base - info.start) for tick in sharp.ticks()]
    return sharp_change_times(np.array(seconds), GRID)


ENCODERS = {
    "scene cuts": {},
    "fixed groups": {"x264-params": "keyint=12:scenecut=0"},
    "one group": {"x264-params": "keyint=250:scenecut=0"},
    "no B-frames": {"tune": "zerolatency"},
    "mpeg4": {"codec": "mpeg4"},
    "mjpeg": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("first", [30, 31, 33, 36, 37])
def test_a_cut_is_found_to_the_picture_or_not_at_all(encoder, first, tmp_path):
    cuts = (first, first + 26)
    begins = found_begins(write_film(tmp_path / "film.mp4", cuts, **ENCODERS[encoder]))
    known = begins[np.isfinite(begins)]
    assert set(known) <= {cut / 25 for cut in cuts}
    if encoder in ("scene cuts", "no B-frames"):
        assert len(known) == 2
    for cut in known:
        frame = int(np.flatnonzero(begins == cut)[0])
        assert GRID.time(frame - 1) < cut <= GRID.time(frame) + 1e-4


@pytest.mark.parametrize("pix_fmt", ["yuv422p10le", "yuyv422"])
def test_pictures_without_a_plane_of_bytes_give_no_times(pix_fmt, tmp_path):
    codec = "ffv1" if pix_fmt.endswith("le") else "rawvideo"
    info = write_film(tmp_path / "film.mkv", (33,), codec=codec, pix_fmt=pix_fmt)
    assert np.isnan(found_begins(info)).all()


def test_what_flickers_is_no_cut():
    sharp = SharpChanges(np.arange(60))
    for tick in range(60):
        sharp.add(tick, np.full((48, 64), 60 + 80 * (tick % 2), np.uint8))
    assert len(sharp.ticks()) == 0


def test_a_change_over_a_gap_has_no_time():
    sharp = SharpChanges(np.arange(20))
    for tick in (0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13):
        sharp.add(tick, np.full((48, 64), 60 if tick < 7 else 200, np.uint8))
    assert len(sharp.ticks()) == 0
    assert sharp.ticks(exact=False).tolist() == [8]


def test_a_known_cut_is_taken_before_the_grid():
    begins = np.full(GRID.frames, np.nan)
    begins[5] = 1.12
    assert cut_times([5, 9], begins.tolist(), NO_MOTION, GRID) == [1.12, 2.25]
    assert cut_times([5], [], NO_MOTION, GRID) == [1.25]
