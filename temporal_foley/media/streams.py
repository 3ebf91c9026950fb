"""Find the streams of a file that count, and read their packets."""

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import av.container
from av.audio.stream import AudioStream
from av.stream import Disposition
from av.video.stream import VideoStream

from temporal_foley.errors import MediaError
from temporal_foley.media.clock import STEADY, Clock
from temporal_foley.media.open import DAMAGE, MAX_PIXELS, cause, shown

log = logging.getLogger(__name__)


def video_stream(container: av.container.InputContainer, path: Path) -> VideoStream:
    """Return the stream that holds the moving picture; cover art is none."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & still]
    if not streams:
        raise MediaError(
            "has no video stream", path=shown(path), remedy="name a file with a picture"
        )
    default = [s for s in streams if s.disposition & Disposition.default]
    stream = (default or streams)[0]
    if stream.codec_context is None:
        raise MediaError(
            "its video codec is not known here",
            path=shown(path),
            remedy="convert it to H.264 first",
        )
    if stream.width * stream.height > MAX_PIXELS:
        raise MediaError(
            f"a picture of {stream.width}x{stream.height} is too large",
            path=shown(path),
            remedy=f"scale it to at most {MAX_PIXELS} pixels",
        )
    return stream


def read_packets(
    container: av.container.InputContainer,
    stream: VideoStream | AudioStream,
    clock: Clock = STEADY,
) -> Iterator[av.Packet]:
    """Yield the packets of a stream that hold data, as far as the file can be read.

    A first packet may have no decoding time, so only an empty one is left out. Times are those of
    the clock.
    """
    move = clock.mover(stream.index)
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            move(packet)
            yield packet
    except DAMAGE as error:
        log.warning(
            "%s: damaged (%s); the rest is left out", shown(Path(container.name)), cause(error)
        )
