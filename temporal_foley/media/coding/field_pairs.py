"""Find the packets that hold the second field of a picture, in H.264 that codes fields apart.

Cameras that record interlaced pictures may put each field into a packet of its own (ITU-T H.264
7.3.3, field_pic_flag): two packets then are one picture.
"""

from collections.abc import Iterator

import av
from av.video.stream import VideoStream

_SLICES, _SEQUENCE, _PICTURE = (1, 5), 7, 8
_HEAD_BYTES = 96
# Profiles whose sequence parameters also describe the sampling of colours (7.3.2.1.1).
_WITH_CHROMA = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


class FieldPairs:
    """Tells of each packet, in the order of the file, whether it completes a picture."""

    def __init__(self, video: VideoStream):
        extradata = video.codec_context.extradata or b""
        self._is_h264 = video.codec_context.codec.canonical_name == "h264"
        has_lengths = len(extradata) > 6 and extradata[0] == 1
        self._length_size = (extradata[4] & 3) + 1 if has_lengths else 0
        self._sequences: dict[int, tuple[int, bool, bool]] = {}
        self._pictures: dict[int, int] = {}
        self._first: tuple[bool, int] | None = None
        if self._is_h264:
            for unit in _stored_units(extradata) if has_lengths else _split(extradata, 0):
                self._learn(unit)

    def is_second(self, packet: av.Packet) -> bool:
        """Return whether a packet holds the other field of the picture before it."""
        if not self._is_h264 or (
            self._sequences and all(whole for _, whole, _ in self._sequences.values())
        ):
            return False
        field = None
        for unit in _split(bytes(memoryview(packet)), self._length_size):
            kind = unit[0] & 0x1F
            if kind in (_SEQUENCE, _PICTURE):
                self._learn(unit)
            elif kind in _SLICES:
                field = self._field(unit)
                break
        before, self._first = self._first, None
        if field is None:
            return False
        if before is not None and before[0] != field[0] and before[1] == field[1]:
            return True
        self._first = field
        return False

    def _learn(self, unit: bytes) -> None:
        bits = _Bits(unit[1:])
        try:
            if unit[0] & 0x1F == _SEQUENCE:
                number, facts = _sequence(bits)
                self._sequences[number] = facts
            elif unit[0] & 0x1F == _PICTURE:
                number = bits.number()
                self._pictures[number] = bits.number()
        except IndexError:
            return

    def _field(self, unit: bytes) -> tuple[bool, int] | None:
        """Return parity and frame number of a slice; None if it is of a whole picture."""
        bits = _Bits(unit[1:_HEAD_BYTES])
        try:
            bits.number()
            bits.number()
            facts = self._sequences.get(self._pictures.get(bits.number(), -1))
            if facts is None or facts[1]:
                return None
            if facts[2]:
                bits.read(2)
            frame = bits.read(facts[0])
            return (bool(bits.read(1)), frame) if bits.read(1) else None
        except IndexError:
            return None


class _Bits:
    """Reads the bits of a unit, without the bytes that keep start codes out of it."""

    def __init__(self, data: bytes):
        self._data = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._place = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self._data[self._place >> 3]
            value = value << 1 | byte >> (7 - (self._place & 7)) & 1
            self._place += 1
        return value

    def number(self) -> int:
        """Read an Exp-Golomb number (9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 32:
                raise IndexError("no number")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        value = self.number()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _sequence(bits: _Bits) -> tuple[int, tuple[int, bool, bool]]:
    """Return the number of sequence parameters, and what slices need of them.

    That is how many bits a frame number has, whether all pictures are whole, and whether colours
    are coded apart.
    """
    profile = bits.read(8)
    bits.read(16)
    number, is_apart = bits.number(), False
    if profile in _WITH_CHROMA:
        chroma = bits.number()
        is_apart = bool(chroma == 3 and bits.read(1))
        bits.number()
        bits.number()
        bits.read(1)
        if bits.read(1):
            for index in range(8 if chroma != 3 else 12):
                if bits.read(1):
                    _skip_scaling(bits, 16 if index < 6 else 64)
    frame_bits = bits.number() + 4
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.read(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.number()):
            bits.signed()
    bits.number()
    bits.read(1)
    bits.number()
    bits.number()
    return number, (frame_bits, bool(bits.read(1)), is_apart)


def _skip_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _stored_units(extradata: bytes) -> Iterator[bytes]:
    """Yield the parameters in an avcC box (ISO/IEC 14496-15, 5.3.3.1)."""
    place, count = 6, extradata[5] & 0x1F
    for _ in range(2):
        for _ in range(count):
            size = int.from_bytes(extradata[place : place + 2], "big")
            if size:
                yield extradata[place + 2 : place + 2 + size]
            place += 2 + size
        count = extradata[place] if place < len(extradata) else 0
        place += 1


def _split(data: bytes, length_size: int) -> Iterator[bytes]:
    """Yield the units of a packet; `length_size` 0 means start codes (Annex B)."""
    if length_size:
        place = 0
        while place + length_size < len(data):
            size = int.from_bytes(data[place : place + length_size], "big")
            place += length_size
            if size:
                yield data[place : place + size]
            place += size
        return
    place = data.find(b"\x00\x00\x01")
    while 0 <= place < len(data) - 3:
        after = data.find(b"\x00\x00\x01", place + 3)
        yield data[place + 3 : after if after >= 0 else len(data)]
        place = after
