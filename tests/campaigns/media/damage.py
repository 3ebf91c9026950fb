"""Damage the bytes of a media file in six ways."""

import re
import struct
from collections.abc import Callable

import numpy as np

# Names that stand before lengths, counts and tables in the headers of the containers.
_HEADS = re.compile(
    rb"ftyp|moov|mvhd|trak|tkhd|edts|elst|mdhd|hdlr|minf|stbl|stsd|stts|ctts|stss|stsc|stsz|stco"
    rb"|co64|avc1|avcC|hvc1|hev1|hvcC|mp4v|mp4a|esds|moof|mfhd|traf|tfhd|tfdt|trun|sidx|mfra|colr"
    rb"|RIFF|LIST|avih|strh|strf|idx1|indx|movi|WAVE|fmt |fact|data|OggS|fLaC|ID3|Xing|LAME|FORM"
    rb"|COMM|SSND|\x1aE\xdf\xa3|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x1f\x43\xb6\x75|\x1c\x53\xbb\x6b"
    rb"|\x2a\xd7\xb1|\x44\x89|\x63\xa2|\xb0\x81|\xba\x81|\x47\x40|\x47\x41"
)
_EXTREME = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)

Damage = Callable[[bytes, np.random.Generator], bytes]


def truncated(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut the end off: anywhere, or, one time in four, within the header."""
    end = min(len(data), 4096) if rng.random() < 0.25 else len(data)
    return data[: int(rng.integers(0, end))]


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip single bits, one to a hundred of them."""
    changed = bytearray(data)
    for place in rng.integers(0, len(data), round(10 ** rng.uniform(0, 2))):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def burst(data: bytes, rng: np.random.Generator) -> bytes:
    """Write noise over a stretch."""
    start, end = _stretch(data, rng)
    return data[:start] + rng.bytes(end - start) + data[end:]


def zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    """Write zeros over a stretch, as a disk with a hole does."""
    start, end = _stretch(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def shifted(data: bytes, rng: np.random.Generator) -> bytes:
    """Leave a stretch out, or put it in twice."""
    start, end = _stretch(data, rng)
    return data[:start] + data[end:] if rng.random() < 0.5 else data[:end] + data[start:]


def header_edited(data: bytes, rng: np.random.Generator) -> bytes:
    """Write extreme numbers near the names of a header: lengths, counts, rates, sizes."""
    changed = bytearray(data)
    heads = [match.start() for match in _HEADS.finditer(data)] or [0]
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.choice(heads)) + int(rng.integers(-8, 48))
        width = int(rng.choice([1, 2, 4, 8]))
        place = min(max(place, 0), len(data) - width)
        value = int(rng.choice(_EXTREME)) if rng.random() < 0.7 else int(rng.integers(1 << 32))
        order = ">" if rng.random() < 0.5 else "<"
        packed = struct.pack(f"{order}Q", value)
        changed[place : place + width] = packed[-width:] if order == ">" else packed[:width]
    return bytes(changed)


KINDS: tuple[Damage, ...] = (truncated, flipped, burst, zeroed, shifted, header_edited)


def _stretch(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    length = min(round(16 ** rng.uniform(0.75, 4)), len(data))
    start = int(rng.integers(0, len(data) - length + 1))
    return start, start + length
