"""Read the form and size of a picture file, and compute a hash that look-alikes share.

The hash is the DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions" (2010): 64 lowest frequencies of the picture at 32 x 32, each above their median or not.
"""

import struct
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8, UInt64

_SIDE = 32
_LOWEST = 8
_JPEG_SIZE_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_BARE_MARKERS = {0x01, *range(0xD0, 0xD9)}


class PictureForm(NamedTuple):
    """The form and size that the header of a picture file states."""

    suffix: str
    width: int
    height: int


def picture_form(data: bytes) -> PictureForm | None:
    """Return the form of a JPEG, PNG or still WebP by its header; None for other files.

    Nothing is decoded, so that a small file of a huge picture can be rejected.
    """
    try:
        if data[:3] == b"\xff\xd8\xff":
            return _jpeg_form(data)
        if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR":
            return PictureForm(".png", *struct.unpack(">II", data[16:24]))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_form(data)
    except (struct.error, IndexError):
        pass
    return None


def decode_picture(data: bytes) -> UInt8[np.ndarray, "height width 3"] | None:
    """Decode a picture; None if it is damaged. The channels are blue, green, red."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None


def perceptual_hash(picture: UInt8[np.ndarray, "height width 3"]) -> int:
    """Return 64 bits: look-alikes differ in a few of them, other pictures in about half."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small.astype(np.float32))[:_LOWEST, :_LOWEST].ravel()
    # The first is the mean, far above all others; the median of these is what splits them.
    bits = lowest > np.median(lowest[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def distances(
    hash_bits: int, others: UInt64[np.ndarray, " others"]
) -> UInt8[np.ndarray, " others"]:
    """Return the number of bits in which a hash differs from each of others."""
    return np.bitwise_count(others ^ np.uint64(hash_bits))


def _jpeg_form(data: bytes) -> PictureForm | None:
    place = 2
    while place + 9 < len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
        elif marker in _JPEG_BARE_MARKERS:
            place += 2
        elif marker in _JPEG_SIZE_MARKERS:
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return PictureForm(".jpg", width, height)
        else:
            place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return None


def _webp_form(data: bytes) -> PictureForm | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return PictureForm(".webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        bits = struct.unpack("<I", data[21:25])[0]
        return PictureForm(".webp", (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
    if kind == b"VP8X" and not data[20] & 0x02:  # that bit: moving pictures
        width = int.from_bytes(data[24:27], "little") + 1
        return PictureForm(".webp", width, int.from_bytes(data[27:30], "little") + 1)
    return None
