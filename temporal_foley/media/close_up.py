"""Read all pictures in some stretches of a video, small and grey, as a stream.

Stretches are looked at at the picture's own rate, to find a moment more closely than a grid can.
Only what lies in them, and what they cannot be decoded without, is decoded.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from temporal_foley.media.decode import decode_pictures
from temporal_foley.media.orientation import upright_picture
from temporal_foley.media.probe import VideoInfo
from temporal_foley.timegrid import as_fraction

CLOSE_UP_PX = 192
"""The long side of the small pictures."""

Stretch = tuple[float, float]
"""Seconds `[start, end)`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CloseUp:
    """One small picture; `is_new`: it does not follow the one before it without a gap."""

    time: Fraction
    grey: UInt8[np.ndarray, "rows columns"]
    is_new: bool


def close_ups(info: VideoInfo, stretches: Sequence[Stretch]) -> Iterator[CloseUp]:
    """Yield every picture that begins in one of the stretches, in order of time.

    Raises:
        MediaError: The file has changed, or none of its pictures can be decoded.
    """
    times = info.pictures
    wanted = np.zeros(len(times.ticks), bool)
    for start, end in stretches:
        first, last = (
            int(np.searchsorted(times.ticks, _tick(info, seconds))) for seconds in (start, end)
        )
        wanted[first:last] = True
    places = np.flatnonzero(wanted)
    if not len(places):
        return
    is_new = dict(zip(times.ticks[places].tolist(), np.diff(places, prepend=-2) > 1, strict=True))
    scale = min(1.0, CLOSE_UP_PX / max(info.width, info.height))
    size = (max(1, round(info.width * scale)), max(1, round(info.height * scale)))
    small, converter = VideoReformatter(), VideoReformatter()
    for tick, frame in decode_pictures(info, sorted(is_new)):
        # Shrinking before the colours are converted costs a tenth.
        within = min(1.0, 2 * CLOSE_UP_PX / max(frame.width, frame.height))
        near = (max(2, round(frame.width * within)), max(2, round(frame.height * within)))
        shrunk = small.reformat(frame, width=near[0], height=near[1], interpolation="AREA")
        picture = upright_picture(shrunk, info.orientation, converter)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        yield CloseUp(
            time=int(tick) * times.time_base - info.start,
            grey=cv2.resize(grey, size, interpolation=cv2.INTER_AREA),
            is_new=bool(is_new[tick]),
        )


def _tick(info: VideoInfo, seconds: float) -> int:
    time = info.start + as_fraction(max(seconds, 0.0))
    return -int(-time // info.pictures.time_base)
