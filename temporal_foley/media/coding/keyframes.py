"""Find the keyframes after which no picture needs an older one.

A decoder that starts at such a packet gives the picture in it, and all that are shown after it,
bit for bit as if it had read the file from the beginning.
"""

from collections.abc import Iterator

import av
from av.video.stream import VideoStream

# Intra-only codecs, and those whose keyframes by definition reset every reference.
_ALWAYS = {"mjpeg", "prores", "dnxhd", "ffv1", "huffyuv", "utvideo", "rawvideo", "png"}
_RESET = {"vp8", "vp9"}

# ITU-T H.264 table 7-1 and H.265 table 7-1: coded slices begin here, and these are the resets.
_H264_SLICES, _H264_IDR = range(1, 6), 5
_H265_SLICES, _H265_RESETS = range(0, 32), (19, 20, 21)


def starts_afresh(packet: av.Packet, video: VideoStream) -> bool:
    """Tell whether decoding may start at this keyframe without changing a later picture.

    An H.264 keyframe can be a mere recovery point, behind which pictures may still refer to older
    ones; only an IDR picture is sure. In H.265 the CRA picture is as sure for what is shown after
    it.
    """
    codec = video.codec_context.codec.canonical_name
    if codec in _ALWAYS or codec in _RESET:
        return True
    extradata = video.codec_context.extradata or b""
    if codec == "h264":
        size = (extradata[4] & 3) + 1 if len(extradata) > 4 and extradata[0] == 1 else 0
        kinds = (head & 0x1F for head in _nal_heads(memoryview(packet), size))
        return next((kind for kind in kinds if kind in _H264_SLICES), None) == _H264_IDR
    if codec == "hevc":
        size = (extradata[21] & 3) + 1 if len(extradata) > 21 and extradata[0] == 1 else 0
        kinds = ((head >> 1) & 0x3F for head in _nal_heads(memoryview(packet), size))
        return next((kind for kind in kinds if kind in _H265_SLICES), None) in _H265_RESETS
    return False


def marks_non_reference(video: VideoStream) -> bool:
    """Tell whether pictures that no other refers to are marked, and so can be left out.

    In H.265 the mark holds within one temporal layer, so there must be only one.
    """
    codec = video.codec_context.codec.canonical_name
    if codec == "hevc":
        extradata = video.codec_context.extradata or b""
        return len(extradata) > 21 and extradata[0] == 1 and (extradata[21] >> 3) & 7 == 1
    return codec == "h264"


def _nal_heads(data: memoryview, length_size: int) -> Iterator[int]:
    """Yield the first byte of each NAL unit; `length_size` 0 means start codes (Annex B)."""
    if length_size:
        place = 0
        while place + length_size < len(data):
            yield data[place + length_size]
            place += length_size + int.from_bytes(data[place : place + length_size], "big")
        return
    raw = bytes(data)
    place = raw.find(b"\x00\x00\x01")
    while 0 <= place < len(raw) - 3:
        yield raw[place + 3]
        place = raw.find(b"\x00\x00\x01", place + 3)
