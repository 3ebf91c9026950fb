"""Read and rewrite how Matroska and WebM files describe their picture (RFC 9559).

FFmpeg's writer takes the shape of pixels from a place that PyAV does not reach, so it is put in
afterwards, where a long title has kept room for it.
"""

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

_SEGMENT, _TRACKS, _ENTRY = 0x18538067, 0x1654AE6B, 0xAE
_ADDS, _ADDED = 0x41E4, 0x41ED
_TYPE, _VIDEO, _NAME, _VOID, _CRC = 0x83, 0xE0, 0x536E, 0xEC, 0xBF
_WIDTH, _HEIGHT = 0xB0, 0xBA
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_ASPECT = 3
"""The display's width and height are a ratio, not pixels."""
_MOST_BYTES = 1 << 24
ROOM = 512
"""Letters of the title that keeps room."""

Element = tuple[int, bytes]


def read_video_element(path: Path, number: int = 0) -> bytes | None:
    """Return how a file describes a picture; None if it does not.

    Args:
        path: A Matroska or WebM file.
        number: Which of its pictures.
    """
    try:
        with path.open("rb") as file:
            found = _find_tracks(file)
            if found is None:
                return None
            entries = _video_entries(found[1])
            return _child(entries[number], _VIDEO) if number < len(entries) else None
    except (OSError, IndexError, struct.error):
        return None


def read_codec_additions(path: Path, number: int = 0) -> list[bytes]:
    """Return what a file adds to the codec of a picture: the configuration of Dolby Vision."""
    try:
        with path.open("rb") as file:
            found = _find_tracks(file)
            entries = [] if found is None else _video_entries(found[1])
    except OSError:
        return []
    if number >= len(entries):
        return []
    additions = [dict(elements(body)) for kind, body in elements(entries[number]) if kind == _ADDS]
    return [one[_ADDED].ljust(24, b"\0")[:24] for one in additions if one.get(_ADDED)]


def write_video_element(path: Path, video: bytes | None, shape: Fraction, title: str) -> bool:
    """Replace the description of the picture in a finished file, and its title.

    Args:
        path: A file whose picture has a title of at least `ROOM` letters.
        video: The description; None to keep it and only set the shape of its pixels.
        shape: Width by height of a pixel, for a description that is kept.
        title: The title.

    Returns:
        Whether there was room.
    """
    with path.open("r+b") as file:
        found = _find_tracks(file)
        if found is None:
            return False
        place, content = found
        changed = b""
        for kind, body in elements(content):
            if kind == _CRC:
                continue
            if kind == _ENTRY and _is_video(body):
                body = _changed(body, video, shape, title)
                if body is None:
                    return False
            changed += element(kind, body)
        has_crc = any(kind == _CRC for kind, _ in elements(content))
        left = len(content) - len(changed) - (6 if has_crc else 0)
        if left != 0 and left < 2:
            return False
        changed += _void(left)
        if has_crc:
            changed = element(_CRC, struct.pack("<I", zlib.crc32(changed))) + changed
        file.seek(place)
        file.write(changed)
        return len(changed) == len(content)


def _changed(entry: bytes, video: bytes | None, shape: Fraction, title: str) -> bytes | None:
    parts: list[Element] = []
    for kind, body in elements(entry):
        if kind == _NAME:
            if title:
                parts.append((_NAME, title.encode("utf-8", "replace")))
            continue
        if kind == _VIDEO:
            body = _shaped(body, shape) if video is None else video
        parts.append((kind, body))
    return b"".join(element(kind, body) for kind, body in parts)


def _shaped(video: bytes, shape: Fraction) -> bytes:
    parts = [part for part in elements(video) if part[0] not in _DISPLAY]
    sizes = dict(parts)
    width, height = (int.from_bytes(sizes.get(kind, b"\0"), "big") for kind in (_WIDTH, _HEIGHT))
    display = Fraction(width, max(height, 1)) * shape
    parts += [
        (_DISPLAY_WIDTH, _number(display.numerator)),
        (_DISPLAY_HEIGHT, _number(display.denominator)),
        (_DISPLAY_UNIT, _number(_ASPECT)),
    ]
    return b"".join(element(kind, body) for kind, body in parts)


_DISPLAY = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)


def _find_tracks(file: BinaryIO) -> tuple[int, bytes] | None:
    """Return where the description of the tracks begins in a file, and its content."""
    place = 0
    while True:
        head = _head(file, place)
        if head is None:
            return None
        kind, start, size = head
        if kind == _TRACKS:
            if size is None or size > _MOST_BYTES:
                return None
            file.seek(start)
            return start, file.read(size)
        place = start if kind == _SEGMENT or size is None else start + size


def _head(file: BinaryIO, place: int) -> tuple[int, int, int | None] | None:
    """Return kind, begin of the content and its size; None at the end. An unknown size is None."""
    file.seek(place)
    data = file.read(12)
    if len(data) < 2 or not data[0]:
        return None
    length = 9 - data[0].bit_length()
    kind = int.from_bytes(data[:length], "big")
    if length >= len(data) or not data[length]:
        return None
    wide = 9 - data[length].bit_length()
    size = int.from_bytes(data[length : length + wide], "big") & ((1 << 7 * wide) - 1)
    return kind, place + length + wide, None if size == (1 << 7 * wide) - 1 else size


def elements(data: bytes) -> Iterator[Element]:
    """Yield kind and content of the elements in some bytes."""
    place = 0
    while place < len(data) and data[place]:
        length = 9 - data[place].bit_length()
        kind = int.from_bytes(data[place : place + length], "big")
        place += length
        if place >= len(data) or not data[place]:
            return
        wide = 9 - data[place].bit_length()
        size = int.from_bytes(data[place : place + wide], "big") & ((1 << 7 * wide) - 1)
        place += wide
        yield kind, data[place : place + size]
        place += size


def element(kind: int, body: bytes) -> bytes:
    """Return an element as it is in a file."""
    head = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    for wide in range(1, 9):
        if len(body) < (1 << 7 * wide) - 1:
            return head + (len(body) | 1 << 7 * wide).to_bytes(wide, "big") + body
    raise ValueError(f"body must be shorter than 2**56 bytes, got {len(body)}")


def _void(size: int) -> bytes:
    """Return an element of a whole size that says nothing."""
    if size == 0:
        return b""
    wide = 1 if size < 120 else 8
    left = size - 1 - wide
    return bytes([_VOID]) + (left | 1 << 7 * wide).to_bytes(wide, "big") + bytes(left)


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _video_entries(tracks: bytes) -> list[bytes]:
    return [body for kind, body in elements(tracks) if kind == _ENTRY and _is_video(body)]


def _is_video(entry: bytes) -> bool:
    return _child(entry, _TYPE) == b"\x01"


def _child(data: bytes, kind: int) -> bytes | None:
    return next((body for found, body in elements(data) if found == kind), None)
