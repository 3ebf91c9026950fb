"""Read the packets that belong to a film, at times that count from its first picture.

What an edit list hides is left out unless a shown picture is decoded from it; AVI, which stores no
times of showing, gets those of the decoder.
"""

import dataclasses
import itertools
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container
import numpy as np
from av.video.stream import VideoStream
from jaxtyping import Int64

from temporal_foley.files.cores import decoder_threads
from temporal_foley.media.coding.field_pairs import FieldPairs
from temporal_foley.media.coding.keyframes import starts_afresh
from temporal_foley.media.containers.boxes import (
    EditEntry,
    edits_of,
    read_moov,
    track_of,
)
from temporal_foley.media.decode import IN_ORDER
from temporal_foley.media.open import DAMAGE, MAX_PIXELS, open_media
from temporal_foley.media.probe import VideoInfo
from temporal_foley.media.streams import read_packets, video_stream

# As they are in the file, without what FFmpeg makes of the edit list.
_AS_STORED = {"ignore_editlist": "1"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Film:
    """The packets of a film's picture, and the edit list that shows what is to be seen of them."""

    packets: Iterator[av.Packet]
    edits: tuple[EditEntry, ...] = ()
    """In ticks from the first decoding time; empty if everything is shown."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Stored:
    """All packets of a file with an edit list, in decoding order."""

    shown: Int64[np.ndarray, " packets"]
    decoded: Int64[np.ndarray, " packets"]
    is_entry: np.ndarray


def read_film(
    info: VideoInfo,
    source: av.container.InputContainer,
    video: VideoStream,
    most: int | None = None,
) -> Film:
    """Return the packets of a video that is open, and how much of them is shown.

    Args:
        info: The video.
        source: The open file.
        video: The stream of its picture.
        most: How many packets are wanted; None for all.
    """
    film = _read_all(info, source, video, most)
    return dataclasses.replace(film, packets=itertools.islice(film.packets, most))


def _read_all(
    info: VideoInfo,
    source: av.container.InputContainer,
    video: VideoStream,
    most: int | None,
) -> Film:
    edits = hiding_edits(info, video)
    if edits:
        return _edited(info, edits)
    origin = int(info.pictures.ticks[0])
    if info.pictures.is_exact:
        packets = read_packets(source, video, info.clock)
        if info.pictures.has_fields:
            packets = _paired(packets, video)
        return Film(packets=_moved(packets, origin))
    packets = read_packets(source, video, info.clock)
    return Film(packets=_in_order(packets, info, origin, most))


def hiding_edits(info: VideoInfo, video: VideoStream) -> list[EditEntry]:
    """Return the edits of the picture's track, if they hide or repeat anything."""
    moov = read_moov(info.path) if "mov" in info.format.split(",") else None
    trak = None if moov is None else track_of(moov, video.id)
    if moov is None or trak is None:
        return []
    edits = [edit for edit in edits_of(moov, trak) if edit.media_time is not None]
    if len(edits) > 1:
        return edits
    with open_media(info.path) as again:
        hidden = any(p.is_discard for p in read_packets(again, again.streams.video[_place(video)]))
    return edits if hidden else []


def speed_changes(info: VideoInfo, video: VideoStream) -> bool:
    """Return whether an edit list plays a part faster or slower, which is not done here."""
    moov = read_moov(info.path) if "mov" in info.format.split(",") else None
    trak = None if moov is None else track_of(moov, video.id)
    return moov is not None and trak is not None and any(e.rate != 1 for e in edits_of(moov, trak))


def _place(video: VideoStream) -> int:
    return [stream.index for stream in video.container.streams.video].index(video.index)


def _moved(packets: Iterator[av.Packet], origin: int) -> Iterator[av.Packet]:
    for packet in packets:
        packet.pts = None if packet.pts is None else packet.pts - origin
        packet.dts = None if packet.dts is None else packet.dts - origin
        yield packet


def _paired(packets: Iterator[av.Packet], video: VideoStream) -> Iterator[av.Packet]:
    """Put both fields of a picture into one packet, as every container but a stream has them."""
    pairs, first = FieldPairs(video), None
    for packet in packets:
        is_second = pairs.is_second(packet)
        if first is not None and is_second:
            whole = av.Packet(bytes(memoryview(first)) + bytes(memoryview(packet)))
            whole.pts, whole.dts, whole.time_base = first.pts, first.dts, first.time_base
            whole.duration = (first.duration or 0) + (packet.duration or 0)
            whole.is_keyframe = first.is_keyframe
            yield whole
            first = None
            continue
        if first is not None:
            yield first
        first = packet
    if first is not None:
        yield first


def _edited(info: VideoInfo, edits: list[EditEntry]) -> Film:
    stored = _read_stored(info.path)
    scale = info.pictures.time_base.denominator
    keep = np.zeros(len(stored.shown), bool)
    spans: list[tuple[int, int, Fraction]] = []
    for edit in edits:
        begin = edit.media_time or 0
        length = round(edit.seconds * scale) or int(stored.shown.max()) + 1 - begin
        inside = np.flatnonzero((stored.shown >= begin) & (stored.shown < begin + length))
        if not len(inside):
            continue
        first = int(stored.shown[inside].min())
        before = np.flatnonzero(stored.is_entry & (stored.shown <= first))
        before = before[before <= inside[0]]
        keep[(before[-1] if len(before) else 0) : inside[-1] + 1] = True
        if not spans:  # The film begins with a picture, not between two.
            length -= first - begin
            begin = first
        spans.append((begin, first, Fraction(length, scale)))
    if not spans:
        return Film(packets=iter(()))
    late = _closed_up(stored, keep)
    start = int(stored.decoded[keep][0])
    places = [int(np.flatnonzero(keep & (stored.shown == first))[0]) for _, first, _ in spans]
    return Film(
        packets=_kept(info, keep, late + spans[0][0]),
        edits=tuple(
            EditEntry(seconds=seconds, media_time=begin - start - int(late[at]), rate=Fraction(1))
            for (begin, _, seconds), at in zip(spans, places, strict=True)
        ),
    )


def _closed_up(stored: _Stored, keep: np.ndarray) -> Int64[np.ndarray, " packets"]:
    """Return how much earlier each packet comes where those before it are left out."""
    late = np.zeros(len(keep), np.int64)
    kept = np.flatnonzero(keep)
    for before, after in itertools.pairwise(kept):
        gap = 0
        if after > before + 1:
            step = stored.decoded[before + 1] - stored.decoded[before]
            gap = stored.decoded[after] - stored.decoded[before] - step
        late[after] = late[before] + gap
    return late


def _read_stored(path: Path) -> _Stored:
    shown, decoded, entries = [], [], []
    with open_media(path, _AS_STORED) as source:
        video = video_stream(source, path)
        for packet in read_packets(source, video):
            time = packet.dts if packet.dts is not None else packet.pts
            decoded.append(time or 0)
            shown.append(packet.pts if packet.pts is not None else time or 0)
            entries.append(packet.is_keyframe and starts_afresh(packet, video))
    return _Stored(
        shown=np.array(shown, np.int64),
        decoded=np.array(decoded, np.int64),
        is_entry=np.array(entries, bool),
    )


def _kept(
    info: VideoInfo, keep: np.ndarray, origins: Int64[np.ndarray, " packets"]
) -> Iterator[av.Packet]:
    with open_media(info.path, _AS_STORED) as source:
        packets = read_packets(source, video_stream(source, info.path))
        for number, packet in enumerate(packets):
            if keep[number]:
                yield from _moved(iter((packet,)), int(origins[number]))


def _in_order(
    packets: Iterator[av.Packet], info: VideoInfo, origin: int, most: int | None
) -> Iterator[av.Packet]:
    """Give packets without times of showing those of the decoder's pictures."""
    ticks = info.pictures.ticks
    order = _shown_order(info, most)
    late = max((int(ticks[n]) - int(ticks[k]) for n, k in enumerate(order)), default=0)
    for number, packet in enumerate(packets):
        if number < len(order):
            packet.pts = int(ticks[order[number]]) - origin
            packet.dts = int(ticks[number]) - origin - max(0, late)
        else:
            packet.pts = packet.dts = None
        yield packet


def _shown_order(info: VideoInfo, most: int | None) -> list[int]:
    """Return the place of each packet's picture among those shown, in decoding order."""
    count = min(len(info.pictures.ticks), most or sys.maxsize)
    with open_media(info.path) as source:
        video = video_stream(source, info.path)
        if not video.codec_context.has_b_frames:
            return list(range(count))
        video.codec_context.options = {"max_pixels": str(MAX_PIXELS)} | IN_ORDER
        video.thread_type = "AUTO"
        video.codec_context.thread_count = decoder_threads()
        shown: list[int] = []
        for number, packet in enumerate(itertools.islice(read_packets(source, video), count)):
            packet.pts = packet.dts = number
            shown += _numbers(video, packet)
        shown += _numbers(video, None)
    # A picture that cannot be decoded is shown in its turn.
    known = set(shown)
    for number in range(count):
        if number not in known:
            shown.insert(min(number, len(shown)), number)
    places = {number: place for place, number in enumerate(shown[:count])}
    return [places.get(number, number) for number in range(count)]


def _numbers(video: VideoStream, packet: av.Packet | None) -> list[int]:
    try:
        return [frame.pts for frame in video.decode(packet) if frame.pts is not None]
    except DAMAGE:
        return []
