"""Read the pictures of a video at the times of a grid, as a stream of RGB arrays."""

import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from temporal_foley.media.decode import decode_pictures
from temporal_foley.media.orientation import Picture, upright_picture
from temporal_foley.media.probe import PictureTimes, VideoInfo, probe_video
from temporal_foley.timegrid import TimeGrid

_PACKED = ("yuyv", "uyvy", "yvyu", "uyyv", "ya")
"""Formats whose first plane holds colours or transparency too."""

__all__ = ["SampledFrame", "VideoInfo", "probe_video", "sample_frames"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampledFrame:
    """The picture that is on screen when grid frame `index` begins.

    `time` is the picture's own timestamp, in seconds from the first picture.
    """

    index: int
    time: Fraction
    image: np.ndarray


def sample_frames(
    info: VideoInfo,
    grid: TimeGrid,
    prepare: Callable[[Picture], np.ndarray] | None = None,
    passing: Callable[[int, UInt8[np.ndarray, "rows columns"]], None] | None = None,
) -> Iterator[SampledFrame]:
    """Yield one picture a grid frame, in order.

    On screen at a time is the last picture that began by then; before the first picture it is the
    first, after the end the last. Only pictures that are asked for are converted, and `prepare`
    sees each once, however many grid frames show it. Pictures that no other needs are not even
    decoded, which changes no pixel of the rest. The memory used does not grow with the length.
    `passing` is called with the tick and the brightness of each picture that is decoded, as it is
    stored, where that is one byte a pixel in a plane of its own; those before keyframes, which
    often begin a shot, are then decoded too.

    Raises:
        MediaError: The file has changed, or none of its pictures can be decoded.
    """
    if grid.frames == 0:
        return
    times = info.pictures
    picks = [_picture_at(times, info.start + grid.time(i)) for i in range(grid.frames)]
    converter = VideoReformatter()
    place = 0

    def pass_on(tick: int, frame: VideoFrame) -> None:
        luma = None if passing is None else _luma(frame)
        if passing is not None and luma is not None:
            passing(tick, luma)

    wanted = set(picks)
    ticks = wanted if passing is None else wanted | _before_keyframes(times, grid)
    for tick, frame in decode_pictures(info, sorted(ticks), pass_on):
        if tick not in wanted:
            continue
        image = upright_picture(frame, info.orientation, converter)
        if image.shape[:2] != (info.height, info.width):  # The stream changed its size midway.
            image = cv2.resize(image, (info.width, info.height), interpolation=cv2.INTER_AREA)
        if prepare is not None:
            image = prepare(image)
        while place < grid.frames and picks[place] == tick:
            time = int(tick) * times.time_base - info.start
            yield SampledFrame(index=place, time=time, image=image)
            place += 1


def _before_keyframes(times: PictureTimes, grid: TimeGrid) -> set[int]:
    """Return the ticks of the pictures before keyframes that end a group longer than a step."""
    keyframes = times.keyframe_ticks
    ends_group = np.diff(keyframes, prepend=keyframes[:1]) * times.time_base > grid.step
    places = np.searchsorted(times.ticks, keyframes[ends_group]) - 1
    return set(times.ticks[places[places >= 0]].tolist())


def _luma(frame: VideoFrame) -> UInt8[np.ndarray, "rows columns"] | None:
    """Return the plane of brightness without a copy; None where there is none of bytes."""
    parts = frame.format.components
    if not parts or not parts[0].is_luma or parts[0].plane != 0 or parts[0].bits != 8:
        return None
    if frame.format.name.startswith(_PACKED):
        return None
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _picture_at(times: PictureTimes, stream_time: Fraction) -> int:
    tick = stream_time // times.time_base
    place = int(np.searchsorted(times.ticks, tick, side="right")) - 1
    return int(times.ticks[max(place, 0)])
