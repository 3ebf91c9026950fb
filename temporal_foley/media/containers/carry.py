"""Carry over from an old mp4 or mov file what FFmpeg's writer does not know.

The packets of the picture are the same, so their description is copied as it is: codec tag, colour,
clean aperture, 360 degrees, Dolby Vision and what a maker added. So are user data and keys.
"""

import struct
from fractions import Fraction
from pathlib import Path

from temporal_foley.media.containers.boxes import (
    Box,
    EditEntry,
    clock_rate,
    edit_list,
    handler,
    read_moov,
    read_top,
    replace_moov,
    sample_entries,
    set_duration,
    split,
    track_of,
)

_TRACK_BOXES = (b"tapt", b"udta", b"meta", b"uuid")
_FILM_BOXES = (b"udta", b"meta", b"uuid")
_TABLES = (b"sdtp", b"sgpd", b"sbgp", b"subs", b"stps")
_CHAPTERS = b"chpl"


def finish_boxes(
    new: Path,
    *,
    old: Path | None,
    old_track: int,
    edits: tuple[EditEntry, ...],
    keys: dict[str, str],
    at_front: bool,
) -> None:
    """Complete the header of a new mp4 or mov file.

    Args:
        new: The file, as FFmpeg wrote it: its header is last.
        old: The film that it was made of, if that is mp4 or mov too.
        old_track: The number of its picture's track.
        edits: The edit list of the picture; empty to keep FFmpeg's.
        keys: Tags that have no place elsewhere, written as keys of QuickTime.
        at_front: Whether the header goes before the media.
    """
    moov = read_moov(new)
    if moov is None:
        return
    picture = next((t for t in moov.all(b"trak") if handler(t) == b"vide"), None)
    source = None if old is None else read_moov(old)
    before = None if source is None else track_of(source, old_track)
    if picture is not None and edits:
        _set_edits(moov, picture, edits)
    more = b""
    if old is not None and source is not None and before is not None and picture is not None:
        _carry_track(before, picture)
        _carry_film(source, moov)
        more = read_top(old, (b"uuid", b"meta"))
    if keys and moov.boxes is not None:
        moov.boxes.append(_key_box(keys))
    replace_moov(new, moov, at_front=at_front, more=more)


def _set_edits(moov: Box, picture: Box, edits: tuple[EditEntry, ...]) -> None:
    scale = clock_rate(moov.find(b"mvhd"))
    box = edit_list(list(edits), scale)
    place = next((n for n, b in enumerate(picture.boxes or []) if b.kind == b"edts"), None)
    if picture.boxes is not None and place is not None:
        picture.boxes[place] = box
    elif picture.boxes is not None:
        picture.boxes.insert(1, box)
    set_duration(moov, picture, sum((edit.seconds for edit in edits), Fraction(0)))


def _carry_track(before: Box, picture: Box) -> None:
    _carry_description(before, picture)
    for path, size in (((b"mdia", b"hdlr"), 0), ((b"mdia", b"mdhd"), 0)):
        old, new = before.find(*path), picture.find(*path)
        if old is None or new is None:
            continue
        if path[-1] == b"hdlr":
            new.body = old.body
        elif old.body[:1] == new.body[:1] and size == 0:
            # The language and what follows it are the last four bytes.
            new.body = new.body[:-4] + old.body[-4:]
    old, new = before.find(b"tkhd"), picture.find(b"tkhd")
    if old is not None and new is not None and len(old.body) >= 60 <= len(new.body):
        # Layer, group, volume, the matrix of the display, width and height.
        new.body = new.body[:-52] + old.body[-52:]
    for box in before.boxes or []:
        if box.kind in _TRACK_BOXES and picture.boxes is not None:
            is_one = box.kind != b"uuid"
            picture.boxes = [b for b in picture.boxes if not is_one or b.kind != box.kind]
            picture.boxes.append(box)


def _carry_description(before: Box, picture: Box) -> None:
    entries = sample_entries(before)
    new = picture.find(b"mdia", b"minf", b"stbl", b"stsd")
    old = before.find(b"mdia", b"minf", b"stbl", b"stsd")
    if len(entries) == 1 and len(sample_entries(picture)) == 1 and old and new:
        # The media is in this file, which the first of its references says.
        place = 8 + 8 + 6
        new.body = old.body[:place] + b"\x00\x01" + old.body[place + 2 :]
    old_table = before.find(b"mdia", b"minf", b"stbl")
    table = picture.find(b"mdia", b"minf", b"stbl")
    if old_table is None or table is None or table.boxes is None:
        return
    if _sample_count(old_table) != _sample_count(table):
        return
    kinds = {box.kind for box in table.boxes}
    table.boxes += [b for b in old_table.boxes or [] if b.kind in _TABLES and b.kind not in kinds]


def _sample_count(table: Box) -> int:
    box = table.find(b"stsz") or table.find(b"stz2")
    return 0 if box is None or len(box.body) < 12 else struct.unpack_from(">I", box.body, 8)[0]


def _carry_film(source: Box, moov: Box) -> None:
    chapters = [
        struct.pack(">I4s", len(body) + 8, kind) + body
        for box in moov.all(b"udta")
        for kind, body in split(box.body)
        if kind == _CHAPTERS
    ]
    if moov.boxes is None:
        return
    moov.boxes = [box for box in moov.boxes if box.kind not in _FILM_BOXES]
    for box in source.boxes or []:
        if box.kind not in _FILM_BOXES:
            continue
        if box.kind == b"udta" and chapters:
            kept = b"".join(
                struct.pack(">I4s", len(body) + 8, kind) + body
                for kind, body in split(box.body)
                if kind != _CHAPTERS
            )
            box, chapters = Box(b"udta", kept + b"".join(chapters)), []
        moov.boxes.append(box)
    if chapters:
        moov.boxes.append(Box(b"udta", b"".join(chapters)))


def _key_box(keys: dict[str, str]) -> Box:
    """Return tags as QuickTime's keys (QuickTime File Format, metadata)."""
    names, values = b"", b""
    for number, (name, text) in enumerate(sorted(keys.items()), 1):
        key, value = name.encode("utf-8", "replace"), text.encode("utf-8", "replace")
        names += struct.pack(">I4s", len(key) + 8, b"mdta") + key
        data = struct.pack(">I4sII", len(value) + 16, b"data", 1, 0) + value
        values += struct.pack(">II", len(data) + 8, number) + data
    handled = Box(b"hdlr", bytes(8) + b"mdta" + bytes(13)).to_bytes()
    listed = Box(b"keys", struct.pack(">II", 0, len(keys)) + names).to_bytes()
    return Box(b"meta", handled + listed + Box(b"ilst", values).to_bytes())
