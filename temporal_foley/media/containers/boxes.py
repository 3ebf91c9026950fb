"""Read and rewrite the boxes of mp4 and mov files (ISO/IEC 14496-12, QuickTime File Format).

FFmpeg writes only the boxes that it knows. What a camera or editor put beside them is copied from
the old file as it is: the description of the picture's samples, user data, keys and tags.
"""

import dataclasses
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

_PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
_MOST_MOOV_BYTES = 1 << 30
_MOST_TOP_BOXES = 100_000
_MOST_EXTRA_BYTES = 1 << 24
_LARGEST = (1 << 32) - 1
_SAMPLE_ENTRY_HEAD = 86
"""Bytes of a visual sample entry before its boxes, its own size and kind included."""


@dataclasses.dataclass
class Box:
    """A box with its content, or, if it is a known parent, with the boxes in it."""

    kind: bytes
    body: bytes = b""
    boxes: "list[Box] | None" = None

    def find(self, *path: bytes) -> "Box | None":
        """Return the first box along a path of kinds."""
        here: Box | None = self
        for kind in path:
            inner = () if here is None else here.boxes or ()
            here = next((box for box in inner if box.kind == kind), None)
        return here

    def all(self, kind: bytes) -> "list[Box]":
        """Return all boxes of a kind directly in this one."""
        return [box for box in self.boxes or () if box.kind == kind]

    def to_bytes(self) -> bytes:
        """Return the box as it is in a file."""
        body = self.body
        if self.boxes is not None:
            body = b"".join(box.to_bytes() for box in self.boxes)
        return struct.pack(">I4s", len(body) + 8, self.kind) + body


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopBox:
    """Where a box of the file itself is."""

    kind: bytes
    offset: int
    size: int
    head: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditEntry:
    """One entry of an edit list: what plays, in ticks of the track; None is an empty edit."""

    seconds: Fraction
    """How long it lasts; 0 in an old file means to the end."""
    media_time: int | None
    rate: Fraction


def top_boxes(file: BinaryIO) -> list[TopBox]:
    """Return the boxes of a file, as far as they are whole."""
    end = file.seek(0, os.SEEK_END)
    place, found = 0, []
    while place + 8 <= end and len(found) < _MOST_TOP_BOXES:
        file.seek(place)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            more = file.read(8)
            if len(more) < 8:
                break
            size, head = struct.unpack(">Q", more)[0], 16
        elif size == 0:
            size = end - place
        if size < head or place + size > end:
            break
        found.append(TopBox(kind=kind, offset=place, size=size, head=head))
        place += size
    return found


def read_moov(path: Path) -> Box | None:
    """Read the header of a file; None if it is of another format or damaged."""
    try:
        with path.open("rb") as file:
            for top in top_boxes(file):
                if top.kind == b"moov" and top.size <= _MOST_MOOV_BYTES:
                    file.seek(top.offset + top.head)
                    return Box(b"moov", boxes=parse_boxes(file.read(top.size - top.head)))
    except (OSError, struct.error):
        return None
    return None


def parse_boxes(data: bytes) -> list[Box]:
    """Split the content of a box into boxes; a rest that is none is left out."""
    return [
        Box(kind, boxes=parse_boxes(body)) if kind in _PARENTS else Box(kind, body)
        for kind, body in split(data)
    ]


def split(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of the boxes in some bytes."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1 and place + 16 <= len(data):
            size, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        elif size == 0:
            size = len(data) - place
        if size < head or place + size > len(data):
            return
        yield kind, data[place + head : place + size]
        place += size


def track_id(trak: Box) -> int:
    """Return the number of a track."""
    head = trak.find(b"tkhd")
    if head is None or len(head.body) < 24:
        return 0
    return struct.unpack_from(">I", head.body, 20 if head.body[0] else 12)[0]


def handler(trak: Box) -> bytes:
    """Return what a track holds: `vide`, `soun`, `tmcd` and so on."""
    head = trak.find(b"mdia", b"hdlr")
    return b"" if head is None else head.body[8:12]


def track_of(moov: Box, number: int) -> Box | None:
    """Return the track with a number."""
    return next((trak for trak in moov.all(b"trak") if track_id(trak) == number), None)


def clock_rate(head: Box | None) -> int:
    """Return the ticks per second of an `mvhd` or `mdhd` box; 0 if there is none."""
    if head is None or len(head.body) < 24:
        return 0
    return struct.unpack_from(">I", head.body, 20 if head.body[0] else 12)[0]


def edits_of(moov: Box, trak: Box) -> list[EditEntry]:
    """Return the edit list of a track."""
    box, scale = trak.find(b"edts", b"elst"), clock_rate(moov.find(b"mvhd"))
    if box is None or scale == 0 or len(box.body) < 8:
        return []
    form, size = (">Qqhh", 20) if box.body[0] else (">Iihh", 12)
    count = min(struct.unpack_from(">I", box.body, 4)[0], (len(box.body) - 8) // size)
    found = []
    for number in range(count):
        length, start, whole, part = struct.unpack_from(form, box.body, 8 + number * size)
        found.append(
            EditEntry(
                seconds=Fraction(length, scale),
                media_time=None if start < 0 else start,
                rate=whole + Fraction(part & 0xFFFF, 1 << 16),
            )
        )
    return found


def edit_list(edits: list[EditEntry], scale: int) -> Box:
    """Return the box of an edit list; `scale` is the ticks per second of the film's header."""
    body = struct.pack(">II", 1 << 24, len(edits))
    for edit in edits:
        start = -1 if edit.media_time is None else edit.media_time
        body += struct.pack(">Qqhh", round(edit.seconds * scale), start, 1, 0)
    return Box(b"edts", boxes=[Box(b"elst", body)])


def set_duration(moov: Box, trak: Box, seconds: Fraction) -> None:
    """Say how long a track is shown, and the film with it."""
    scale = clock_rate(moov.find(b"mvhd"))
    _put_duration(trak.find(b"tkhd"), round(seconds * scale), 28, 20)
    lengths = [_duration(other.find(b"tkhd"), 28, 20) for other in moov.all(b"trak")]
    _put_duration(moov.find(b"mvhd"), max(lengths, default=0), 24, 16)


def _duration(head: Box | None, long_at: int, short_at: int) -> int:
    if head is None or len(head.body) < long_at + 8:
        return 0
    if head.body[0]:
        return struct.unpack_from(">Q", head.body, long_at)[0]
    return struct.unpack_from(">I", head.body, short_at)[0]


def _put_duration(head: Box | None, ticks: int, long_at: int, short_at: int) -> None:
    if head is None:
        return
    body = bytearray(head.body)
    if body[0]:
        struct.pack_into(">Q", body, long_at, ticks)
    else:
        struct.pack_into(">I", body, short_at, min(ticks, 0xFFFFFFFF))
    head.body = bytes(body)


def sample_entries(trak: Box) -> list[tuple[bytes, bytes]]:
    """Return the descriptions of a track's samples: codec tag and content."""
    box = trak.find(b"mdia", b"minf", b"stbl", b"stsd")
    return [] if box is None else list(split(box.body[8:]))


def entry_boxes(trak: Box) -> dict[bytes, bytes]:
    """Return the boxes in the first description of a picture's samples."""
    entries = sample_entries(trak)
    return dict(split(entries[0][1][_SAMPLE_ENTRY_HEAD - 8 :])) if entries else {}


def replace_moov(path: Path, moov: Box, *, at_front: bool, more: bytes = b"") -> None:
    """Put another header into a finished file whose header is last; `more` are boxes for its end.

    With `at_front` it comes before the media, so that a player can begin before it has all.
    """
    with path.open("rb") as file:
        tops = top_boxes(file)
    old = next(top for top in tops if top.kind == b"moov")
    if not at_front:
        with path.open("r+b") as file:
            file.truncate(old.offset)
            file.seek(old.offset)
            file.write(moov.to_bytes() + more)
        return
    media = next((top for top in tops if top.kind == b"mdat"), old)
    header = _shifted(moov, path.stat().st_size)
    new = path.with_name(f".{os.getpid()}.moov.part")
    try:
        with path.open("rb") as source, new.open("wb") as target:
            for top in tops:
                if top is media:
                    target.write(header)
                if top is not old:
                    _copy(source, target, top)
            target.write(more)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def _shifted(moov: Box, file_size: int) -> bytes:
    """Return a header with offsets that count it before the media."""
    tables = [trak.find(b"mdia", b"minf", b"stbl") for trak in moov.all(b"trak")]
    places = [
        box
        for table in tables
        for box in (() if table is None else table.boxes or ())
        if box.kind in (b"stco", b"co64")
    ]
    if file_size + 2 * len(moov.to_bytes()) > _LARGEST:
        for box in places:
            _write_places(box, b"co64", _places(box))
    shift = len(moov.to_bytes())
    for box in places:
        _write_places(box, box.kind, [place + shift for place in _places(box)])
    return moov.to_bytes()


def _places(box: Box) -> list[int]:
    form = "I" if box.kind == b"stco" else "Q"
    count = struct.unpack_from(">I", box.body, 4)[0]
    return list(struct.unpack_from(f">{count}{form}", box.body, 8))


def _write_places(box: Box, kind: bytes, places: list[int]) -> None:
    form = "I" if kind == b"stco" else "Q"
    box.kind, box.body = kind, box.body[:8] + struct.pack(f">{len(places)}{form}", *places)


def _copy(source: BinaryIO, target: BinaryIO, top: TopBox) -> None:
    source.seek(top.offset)
    left = top.size
    while left > 0:
        data = source.read(min(left, 1 << 22))
        if not data:
            return
        target.write(data)
        left -= len(data)


def read_top(path: Path, kinds: tuple[bytes, ...]) -> bytes:
    """Return the small boxes of some kinds that a file has beside its header, such as XMP."""
    found = b""
    with path.open("rb") as file:
        for top in top_boxes(file):
            if top.kind in kinds and top.size <= _MOST_EXTRA_BYTES:
                file.seek(top.offset)
                found += file.read(top.size)
    return found
