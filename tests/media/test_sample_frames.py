import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from temporal_foley.errors import MediaError
from temporal_foley.media.decode import decode_pictures
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.timegrid import TimeGrid

VARIABLE = [Fraction(n, 100) for n in (0, 4, 12, 16, 50, 60, 90, 91, 92, 130, 170, 171, 200, 210)]
CONTAINERS = [
    (".mp4", "libx264"),
    (".mov", "libx265"),
    (".mkv", "libx264"),
    (".webm", "libvpx-vp9"),
    (".ts", "libx264"),
]
COLOUR_TOLERANCE = 3


def shown_at(times, time) -> int:
    return max((i for i, start in enumerate(times) if start <= time), default=0)


def numbers(clips, info, grid) -> list[int]:
    return [clips.read_number(frame.image) for frame in sample_frames(info, grid)]


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS)
@pytest.mark.parametrize("start", [Fraction(0), Fraction(3, 2)])
@pytest.mark.parametrize("rate", [Fraction(10), Fraction(30000, 1001), Fraction(1, 2)])
def test_picture_on_screen_with_variable_rate(tmp_path, clips, suffix, codec, start, rate):
    options = {"bf": "2", "g": "6"} if codec == "libx264" else {}
    path = clips.make_clip(
        tmp_path / f"a{suffix}", times=VARIABLE, codec=codec, start=start, options=options
    )
    info = probe_video(path)
    grid = TimeGrid.covering(info.duration, rate)
    expected = [shown_at(VARIABLE, time) for time in grid.times()]
    frames = list(sample_frames(info, grid))
    assert [frame.index for frame in frames] == list(range(grid.frames))
    assert [clips.read_number(frame.image) for frame in frames] == expected
    assert [frame.time for frame in frames] == [VARIABLE[number] for number in expected]


def test_grid_beyond_the_ends_shows_first_and_last(tmp_path, clips):
    info = probe_video(clips.make_clip(tmp_path / "a.mp4", seconds=0.4))
    grid = TimeGrid(frame_rate=Fraction(10), frames=12, start=Fraction(-1, 2))
    found = numbers(clips, info, grid)
    assert found[:6] == [0] * 6
    assert found[-3:] == [9] * 3


def test_avi_without_picture_times(tmp_path, clips):
    path = clips.make_clip(tmp_path / "a.avi", seconds=1, codec="mpeg4")
    info = probe_video(path)
    assert numbers(clips, info, TimeGrid.covering(1, 5)) == [0, 5, 10, 15, 20]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_pictures_stand_upright(tmp_path, make_clip, degrees):
    corner = np.zeros((96, 128, 3), np.uint8)
    corner[:32, :32] = 255
    path = make_clip(
        tmp_path / "a.mp4",
        seconds=0.2,
        size=(128, 96),
        picture=lambda _: corner,
        rotation_deg=degrees,
    )
    info = probe_video(path)
    image = next(sample_frames(info, TimeGrid.covering(info.duration, 25))).image
    upright = np.rot90(corner, -degrees // 90)
    assert image.shape == (info.height, info.width, 3) == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < COLOUR_TOLERANCE


@pytest.mark.parametrize("size", [(97, 55), (34, 120), (1, 1), (64, 2)])
def test_odd_and_portrait_sizes(tmp_path, make_clip, size):
    path = make_clip(
        tmp_path / "a.mkv", seconds=0.2, size=size, codec="ffv1", pixel_format="yuv444p"
    )
    info = probe_video(path)
    frames = list(sample_frames(info, TimeGrid.covering(info.duration, 10)))
    assert all(frame.image.shape == (size[1], size[0], 3) for frame in frames)


def test_ten_bit_pictures_become_eight(tmp_path, clips):
    path = clips.make_clip(
        tmp_path / "a.mp4", seconds=0.4, codec="libx265", pixel_format="yuv420p10le"
    )
    info = probe_video(path)
    frames = list(sample_frames(info, TimeGrid.covering(info.duration, 25)))
    assert [clips.read_number(frame.image) for frame in frames] == list(range(10))
    assert frames[0].image.dtype == np.uint8


@pytest.mark.parametrize(("size", "is_large"), [((64, 48), False), ((64, 720), True)])
@pytest.mark.parametrize("stated", [None, "bt709", "smpte170m"])
@pytest.mark.parametrize("is_full", [False, True])
def test_colour_matrix_and_range(tmp_path, size, is_large, stated, is_full):
    y, cb, cr = 120, 100, 170
    path = tmp_path / "a.mkv"
    width, height = size
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        stream.color_range = 2 if is_full else 1
        stream.colorspace = {None: 2, "bt709": 1, "smpte170m": 6}[stated]
        plane = np.empty((3, height, width), np.uint8)
        plane[0], plane[1], plane[2] = y, cb, cr
        frame = av.VideoFrame.from_ndarray(plane, format="yuv444p")
        frame.color_range = 2 if is_full else 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    kr, kb = (
        (0.2126, 0.0722) if stated == "bt709" or (stated is None and is_large) else (0.299, 0.114)
    )
    luma = y if is_full else (y - 16) * 255 / 219
    scale = 1 if is_full else 255 / 224
    blue, red = (cb - 128) * scale, (cr - 128) * scale
    expected = np.array(
        [
            luma + 2 * (1 - kr) * red,
            luma
            - 2 * kb * (1 - kb) / (1 - kr - kb) * blue
            - 2 * kr * (1 - kr) / (1 - kr - kb) * red,
            luma + 2 * (1 - kb) * blue,
        ]
    )
    image = next(sample_frames(probe_video(path), TimeGrid.covering(1, 1))).image
    assert np.abs(image.reshape(-1, 3).mean(axis=0) - expected).max() < COLOUR_TOLERANCE


def test_prepare_runs_once_a_picture(tmp_path, make_clip):
    info = probe_video(make_clip(tmp_path / "a.mp4", seconds=0.4, rate=5))
    calls = []

    def prepare(image):
        calls.append(image.shape)
        return image[:8, :8]

    frames = list(sample_frames(info, TimeGrid.covering(info.duration, 50), prepare))
    assert len(frames) == 20
    assert len(calls) == 2
    assert frames[3].image is frames[2].image
    assert frames[0].image.shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        (".mp4", "libx264", {"bf": "3", "g": "12", "x264-params": "b-pyramid=normal"}),
        (".mp4", "libx264", {"bf": "3", "g": "12", "x264-params": "open-gop=1"}),
        (".mkv", "libx264", {"bf": "0", "x264-params": "intra-refresh=1:keyint=10"}),
        (".mkv", "libx265", {"x265-params": "keyint=12:bframes=4:open-gop=1:log-level=none"}),
        (".mp4", "libx265", {"x265-params": "keyint=12:temporal-layers=2:log-level=none"}),
        (
            ".webm",
            "libvpx-vp9",
            {"g": "12", "deadline": "good", "cpu-used": "5", "lag-in-frames": "10"},
        ),
        (".avi", "mpeg4", {"bf": "2", "g": "12"}),
        (".mov", "mjpeg", {}),
        (".ts", "mpeg2video", {"bf": "2", "g": "12"}),
    ],
)
def test_left_out_pictures_change_no_pixel(tmp_path, make_clip, suffix, codec, options):
    random = np.random.default_rng(3)
    scene = random.integers(0, 255, (96, 200, 3), np.uint8)
    path = make_clip(
        tmp_path / f"a{suffix}",
        seconds=2.4,
        codec=codec,
        size=(128, 96),
        pixel_format="yuvj420p" if codec == "mjpeg" else "yuv420p",
        picture=lambda number: np.ascontiguousarray(scene[:, number : number + 128]),
        options=options,
    )
    with av.open(str(path)) as container:
        whole = [frame.to_ndarray() for frame in container.decode(video=0)]
    info = probe_video(path)
    ticks = info.pictures.ticks.tolist()
    assert len(whole) == len(ticks) == 60
    for wanted in ([7], [0, 59], [11, 12, 13], list(range(0, 60, 5)), list(range(3, 60, 17))):
        found = list(decode_pictures(info, [ticks[number] for number in wanted]))
        assert [tick for tick, _ in found] == [ticks[number] for number in wanted]
        for number, (_, frame) in zip(wanted, found, strict=True):
            np.testing.assert_array_equal(frame.to_ndarray(), whole[number])


def test_pictures_before_an_edit_are_decoded_but_not_shown(tmp_path, clips):
    # Negative times become an edit list that hides the first pictures, keyframe included.
    path = clips.make_clip(
        tmp_path / "a.mp4", seconds=1, start=Fraction(-1, 5), options={"bf": "0", "g": "50"}
    )
    info = probe_video(path)
    assert info.frame_count == 20
    assert info.duration == Fraction(4, 5)
    assert numbers(clips, info, TimeGrid.covering(info.duration, 5)) == [5, 10, 15, 20]


def test_damaged_middle_does_not_stop_the_rest(tmp_path, clips):
    path = clips.make_clip(tmp_path / "a.ts", seconds=4, options={"g": "10"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    info = probe_video(path)
    found = numbers(clips, info, TimeGrid.covering(info.duration, 5))
    assert found[0] == 0
    assert found[-1] >= 90


def test_vanished_file_is_a_media_error(tmp_path, make_clip):
    path = make_clip(tmp_path / "a.mp4", seconds=0.2)
    info = probe_video(path)
    path.unlink()
    with pytest.raises(MediaError, match="no such file"):
        list(sample_frames(info, TimeGrid.covering(info.duration, 5)))


def test_stopping_early_leaves_nothing_open(tmp_path, make_clip):
    info = probe_video(make_clip(tmp_path / "a.mp4", seconds=1))
    before = threading.active_count()
    frames = sample_frames(info, TimeGrid.covering(info.duration, 25))
    next(frames)
    frames.close()
    assert threading.active_count() == before
