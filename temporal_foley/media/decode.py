"""Decode the wanted pictures of a video and as few others as possible.

The pictures are bit for bit those of a full decode. Left out is only what they cannot depend on:
groups of pictures between a wanted one and the next keyframe that starts afresh, and pictures that
the standard marks as referred to by no other (ITU-T H.264 7.4.1, nal_ref_idc 0; H.265 7.4.2.2,
sub-layer non-reference pictures in a stream of one temporal layer).
"""

import collections
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence

import av
import av.container
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from temporal_foley.errors import MediaError
from temporal_foley.files.cores import decoder_threads
from temporal_foley.media.coding.keyframes import marks_non_reference
from temporal_foley.media.open import DAMAGE, MAX_PIXELS, cause, open_media, shown
from temporal_foley.media.probe import PictureTimes, VideoInfo
from temporal_foley.media.streams import read_packets, video_stream

log = logging.getLogger(__name__)

# Without it a decoder that is not told how far pictures are reordered guesses, and gives the first
# ones in the wrong order.
IN_ORDER = {"strict": "1"}

# Wanted ticks that have not been handed out yet, ascending.
Wanted = collections.deque[int]


def decode_pictures(
    info: VideoInfo,
    ticks: Sequence[int],
    passing: Callable[[int, VideoFrame], None] | None = None,
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield `(tick, frame)` for each of the ascending `ticks` of `info.pictures`.

    A picture that cannot be decoded is replaced by the one before it. `passing` is called with each
    picture that is decoded, also those that only others need.

    Raises:
        MediaError: Not one picture can be decoded.
    """
    wanted: Wanted = collections.deque(ticks)
    previous: VideoFrame | None = None
    last = None
    damaged = 0
    with open_media(info.path) as container:
        video = video_stream(container, info.path)
        video.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        if not info.pictures.is_exact:
            video.codec_context.options |= IN_ORDER
        video.thread_type = "AUTO"
        video.codec_context.thread_count = decoder_threads()
        decode = _decode_some if info.pictures.is_exact else _decode_all
        for tick, frame in decode(container, video, info, wanted):
            if last is not None and tick <= last:  # Times that run backwards: already shown.
                continue
            if passing is not None:
                passing(tick, frame)
            while wanted and wanted[0] < tick:
                damaged += 1
                yield wanted.popleft(), frame if previous is None else previous
            if wanted and wanted[0] == tick:
                yield wanted.popleft(), frame
            if not wanted:
                break
            previous, last = frame, tick
    if wanted and previous is None:
        raise MediaError(
            "no picture can be decoded", path=shown(info.path), remedy="export it again"
        )
    if previous is not None:
        damaged += len(wanted)
        yield from ((tick, previous) for tick in wanted)
    if damaged:
        some = "1 picture" if damaged == 1 else f"{damaged} pictures"
        log.warning("%s: %s could not be decoded", shown(info.path), some)


def _decode_some(
    container: av.container.InputContainer,
    video: VideoStream,
    info: VideoInfo,
    wanted: Wanted,
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield decoded pictures in order; `wanted`, which the caller empties, says what to skip to."""
    context, pictures = video.codec_context, info.pictures
    keyframes = frozenset(pictures.keyframe_ticks.tolist())
    needed = frozenset(wanted)
    # A second field has no time of its own, so it would never be wanted.
    can_skip = marks_non_reference(video) and not pictures.has_fields
    newest = None
    entry = _entry(pictures, wanted[0])
    is_waiting = entry is not None
    for packet in itertools.chain(read_packets(container, video, info.clock), [None]):
        if is_waiting:
            if packet is None:
                return
            if packet.pts != entry:
                continue
            context.flush_buffers()
            is_waiting = False
        if packet is not None and packet.pts in keyframes:
            newest = packet.pts
        if packet is not None and can_skip:
            context.skip_frame = "DEFAULT" if packet.pts in needed else "NONREF"
        for frame in _decode(video, packet):
            if frame.pts is not None:
                yield frame.pts, frame
        if not wanted:
            return
        entry = _entry(pictures, wanted[0])
        is_waiting = entry is not None and (newest is None or entry > newest)


def _decode_all(
    container: av.container.InputContainer,
    video: VideoStream,
    info: VideoInfo,
    wanted: Wanted,
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield all pictures, the k-th with the k-th tick, for packets that carry no picture times."""
    count = 0
    for packet in itertools.chain(read_packets(container, video, info.clock), [None]):
        for frame in _decode(video, packet):
            if count < len(info.pictures.ticks):
                yield int(info.pictures.ticks[count]), frame
            count += 1


def _decode(video: VideoStream, packet: av.Packet | None) -> list[VideoFrame]:
    """Decode a packet, or, for None, what the decoder still holds."""
    try:
        return video.decode(packet)
    except DAMAGE as error:
        log.debug("a packet cannot be decoded (%s)", cause(error))
        return []


def _entry(pictures: PictureTimes, tick: int) -> int | None:
    """Return the latest keyframe from which the picture at `tick` can be decoded exactly."""
    place = int(np.searchsorted(pictures.keyframe_ticks, tick, side="right")) - 1
    return int(pictures.keyframe_ticks[place]) if place >= 0 else None
