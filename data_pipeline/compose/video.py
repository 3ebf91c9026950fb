"""Read the frames and sound of parts of videos for composed clips."""

import functools
from pathlib import Path

import numpy as np

from data_pipeline.builders.clips import cut, listen_to_clip
from data_pipeline.builders.pictures import Picture, shrink
from data_pipeline.builders.sounds import Mono, read_mono
from data_pipeline.compose.pools import PoolVideo
from temporal_foley.media.probe import probe_video
from temporal_foley.media.video import sample_frames
from temporal_foley.timegrid import TimeGrid, as_fraction

_KEPT_STRETCHES = 8
_KEPT_PX = 480
"""Short side of the frames that are kept: more is never shown."""


@functools.lru_cache(maxsize=_KEPT_STRETCHES)
def read_stretch(
    path: Path, start_s: float, frames: int, frame_rate_hz: float
) -> tuple[Picture, ...]:
    """Decode the frames of a stretch.

    Raises:
        MediaError: The video cannot be read.
    """
    grid = TimeGrid(
        frame_rate=as_fraction(frame_rate_hz), frames=frames, start=as_fraction(start_s)
    )
    found = sample_frames(probe_video(path), grid, lambda image: shrink(image, _KEPT_PX))
    return tuple(frame.image for frame in found)


def hear_stretch(video: PoolVideo, from_s: float, length_s: float) -> Mono:
    """Read the own sound of a stretch; behind its end there is silence.

    Raises:
        MediaError: It cannot be read.
    """
    assert video.sound_path is not None
    start_s = video.start_s + from_s
    if video.sound_path == video.file.path:
        return listen_to_clip(probe_video(video.sound_path), start_s, length_s)
    return cut(np.asarray(read_mono(video.sound_path)), start_s, length_s)
