"""Make a small picture for each cue."""

from collections.abc import Mapping

import numpy as np
from av.video.reformatter import VideoReformatter

from temporal_foley.media.decode import decode_pictures
from temporal_foley.media.orientation import upright_picture
from temporal_foley.media.probe import VideoInfo
from temporal_foley.timegrid import to_seconds

WIDTH = 224
QUALITY = 80


def cue_pictures(info: VideoInfo, moments: Mapping[str, int]) -> dict[str, bytes]:
    """Return the picture at each moment as JPEG, by the same keys, in one pass over the video.

    Raises:
        MediaError: The file has changed, or none of its pictures can be decoded.
    """
    import cv2

    times = info.pictures
    wanted: dict[int, list[str]] = {}
    for key, sample in moments.items():
        tick = (info.start + to_seconds(sample)) // times.time_base
        place = int(np.searchsorted(times.ticks, tick, side="right")) - 1
        wanted.setdefault(int(times.ticks[max(place, 0)]), []).append(key)
    found: dict[str, bytes] = {}
    converter = VideoReformatter()
    if not wanted:
        return found
    for tick, frame in decode_pictures(info, sorted(wanted)):
        image = upright_picture(frame, info.orientation, converter)
        size = (WIDTH, max(1, round(image.shape[0] * WIDTH / image.shape[1])))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        _, coded = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        found |= dict.fromkeys(wanted[tick], coded.tobytes())
    return found
