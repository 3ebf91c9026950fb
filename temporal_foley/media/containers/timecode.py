"""Read the timecode that a camera wrote for the first picture of a file."""

import re
import struct
from fractions import Fraction
from pathlib import Path

import av
import av.container
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from temporal_foley.media.containers.boxes import Box, clock_rate, edits_of, handler, read_moov

_TEXT = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.,])(\d\d)")
_IN_STREAM = ("S12M_TIMECODE", "GOP_TIMECODE")


def read_timecode(
    container: av.container.InputContainer, video: VideoStream, first: VideoFrame, path: Path
) -> str:
    """Return the timecode at which a file begins; an empty text if it has none.

    The container's track or tag comes first, then what is written in the stream of the picture
    (SMPTE ST 12-1 in H.264 and H.265, the group header of MPEG-2, the subcode of DV).
    """
    tags = [video.metadata, container.metadata]
    tags += [stream.metadata for stream in container.streams.data]
    for tag in tags:
        for name, text in tag.items():
            if name.lower() == "timecode" and (found := _plain(text)):
                return found
    return _in_stream(first) or _in_dv(container, video, path)


def timecode_cut(path: Path) -> Fraction:
    """Return how many seconds of a file's timecode track an edit list has cut off."""
    moov = read_moov(path)
    for trak in [] if moov is None else moov.all(b"trak"):
        if handler(trak) != b"tmcd":
            continue
        scale = clock_rate(trak.find(b"mdia", b"mdhd"))
        edits = [edit for edit in _edits(moov, trak) if edit is not None]
        if scale and edits:
            return Fraction(edits[0], scale)
    return Fraction(0)


def reel_name(path: Path) -> str:
    """Return the name of the reel in a file's timecode track; an empty text if there is none."""
    moov = read_moov(path)
    for trak in [] if moov is None else moov.all(b"trak"):
        if handler(trak) == b"tmcd":
            table = trak.find(b"mdia", b"minf", b"stbl", b"stsd")
            found = re.search(rb"name(..)..", b"" if table is None else table.body, re.DOTALL)
            if table is not None and found is not None:
                size = struct.unpack(">H", found[1])[0]
                return table.body[found.end() : found.end() + size].decode("utf-8", "replace")
    return ""


def _edits(moov: Box | None, trak: Box) -> list[int | None]:
    return [] if moov is None else [edit.media_time for edit in edits_of(moov, trak)]


def _plain(text: str) -> str:
    match = _TEXT.fullmatch(text.strip())
    if match is None or int(match[1]) > 23:
        return ""
    mark = ":" if match[4] == ":" else ";"
    return f"{match[1]}:{match[2]}:{match[3]}{mark}{match[5]}"


def _in_stream(first: VideoFrame) -> str:
    for name in _IN_STREAM:
        data = first.side_data.get(name)
        if data is None:
            continue
        if name == "GOP_TIMECODE":
            found = _group_timecode(int.from_bytes(bytes(data)[:8], "little"))
        else:
            found = _packed_timecode(bytes(data))
        if found:
            return found
    return ""


def _group_timecode(bits: int) -> str:
    """Read the 25 bits of a group header (ISO/IEC 13818-2, 6.3.8); zero is an encoder's default."""
    drop, hours, minutes = bits >> 24 & 1, bits >> 19 & 31, bits >> 13 & 63
    seconds, pictures = bits >> 6 & 63, bits & 63
    if not hours + minutes + seconds + pictures:
        return ""
    return _plain(f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{pictures:02d}")


def _packed_timecode(data: bytes) -> str:
    """Read a timecode as in SMPTE ST 12-1, binary coded decimal in 32 bits."""
    if len(data) < 8 or not 1 <= struct.unpack_from("<I", data)[0] <= 3:
        return ""
    return _decimal(struct.unpack_from("<I", data, 4)[0])


def _decimal(bits: int) -> str:
    pairs = [(bits >> shift & mask, bits >> low & 15) for shift, mask, low in _DIGITS]
    hours, minutes, seconds, pictures = (10 * tens + ones for tens, ones in pairs)
    mark = ";" if bits >> 30 & 1 else ":"
    return _plain(f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{pictures:02d}")


_DIGITS = ((4, 3, 0), (12, 7, 8), (20, 7, 16), (28, 3, 24))
"""Tens with their mask, and ones: hours, minutes, seconds and pictures."""


def _in_dv(container: av.container.InputContainer, video: VideoStream, path: Path) -> str:
    """Read the subcode of DV's first picture (IEC 61834-2, pack 0x13)."""
    if video.codec_context.codec.canonical_name != "dvvideo":
        return ""
    from temporal_foley.media.open import open_media

    with open_media(path) as again:
        packet = next((p for p in again.demux(again.streams[video.index]) if p.size), None)
        data = b"" if packet is None else bytes(memoryview(packet))
    for block in range(80, min(len(data), 12_000), 80):
        if data[block] >> 5 != 1:  # Subcode blocks only.
            continue
        for pack in range(block + 6, block + 80 - 5, 8):
            if data[pack] == 0x13 and data[pack + 1 : pack + 5] != b"\xff" * 4:
                frame, second, minute, hour = data[pack + 1 : pack + 5]
                drop = 1 << 30 if frame & 0x40 else 0
                bits = (frame & 0x3F) << 24 | (second & 0x7F) << 16
                return _decimal(bits | (minute & 0x7F) << 8 | hour & 0x3F | drop)
    return ""
