"""Read the pictures of a video at the times of a grid, as a stream of RGB arrays."""

import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from temporal_foley.media.decode import decode_pictures
from temporal_foley.media.orientation import Picture, upright_picture
from temporal_foley.media.probe import PictureTimes, VideoInfo, probe_video
from temporal_foley.timegrid import TimeGrid

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
) -> Iterator[SampledFrame]:
    """Yield one picture a grid frame, in order.

    On screen at a time is the last picture that began by then; before the first picture it is the
    first, after the end the last. Only pictures that are asked for are converted, and `prepare`
    sees each once, however many grid frames show it. Pictures that no other needs are not even
    decoded, which changes no pixel of the rest. The memory used does not grow with the length.

    Raises:
        MediaError: The file has changed, or none of its pictures can be decoded.
    """
    if grid.frames == 0:
        return
    times = info.pictures
    picks = [_picture_at(times, info.start + grid.time(i)) for i in range(grid.frames)]
    converter = VideoReformatter()
    place = 0
    for tick, frame in decode_pictures(info, sorted(set(picks))):
        image = upright_picture(frame, info.orientation, converter)
        if image.shape[:2] != (info.height, info.width):  # The stream changed its size midway.
            image = cv2.resize(image, (info.width, info.height), interpolation=cv2.INTER_AREA)
        if prepare is not None:
            image = prepare(image)
        while place < grid.frames and picks[place] == tick:
            time = int(tick) * times.time_base - info.start
            yield SampledFrame(index=place, time=time, image=image)
            place += 1


def _picture_at(times: PictureTimes, stream_time: Fraction) -> int:
    tick = stream_time // times.time_base
    place = int(np.searchsorted(times.ticks, tick, side="right")) - 1
    return int(times.ticks[max(place, 0)])
