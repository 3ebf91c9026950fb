"""Choose the sound tracks of a video that are used, and name those that are not.

A camera records two microphones as two mono tracks: they are left and right. A screen recorder may
put a silent track first: then the next one that holds sound is used.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import av
import av.container
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Disposition

from temporal_foley.errors import UsageError
from temporal_foley.media.downmix import to_float
from temporal_foley.media.open import DAMAGE, open_media

SILENCE = 1e-4
"""A track that stays below it (-80 dBFS) is silent."""
ALL = "all"
OPTION = "--audio-track"

Side = Literal["both", "left", "right"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoundTrack:
    """A sound track that is used: the index of its stream, and where it plays."""

    index: int
    side: Side = "both"


def choose_tracks(
    container: av.container.InputContainer, path: Path, wanted: str = ""
) -> tuple[tuple[SoundTrack, ...], list[str]]:
    """Return the sound tracks to use, and a line for everything that is not heard.

    Args:
        container: The open video.
        path: Its path, to look for silent tracks.
        wanted: The number of a track, from 1; `all`; or nothing, for the usual one.

    Raises:
        UsageError: There is no such track.
    """
    streams = list(container.streams.audio)
    known = [stream for stream in streams if _can_decode(stream)]
    lines = [
        f"{track_name(streams, stream)} is in a codec that is not known here: it is left out"
        for stream in streams
        if stream not in known
    ]
    if wanted == ALL:
        return _all(known), lines
    if wanted:
        return (_numbered(streams, known, wanted),), lines
    tracks, notes = _usual(streams, known, path)
    used = {track.index for track in tracks}
    said = " ".join(notes)
    unused = [
        stream
        for stream in known
        if stream.index not in used and track_name(streams, stream) not in said
    ]
    if unused:
        names = ", ".join(track_name(streams, stream) for stream in unused)
        verb = "is" if len(unused) == 1 else "are"
        notes.append(f"{names} {verb} not used; {OPTION} N or all chooses")
    return tracks, lines + notes


def track_name(streams: Sequence[AudioStream], stream: AudioStream) -> str:
    """Return what a sound track is, in a few words, with its number."""
    facts = []
    if stream.codec_context is not None:
        facts += [stream.codec_context.name, stream.codec_context.layout.name]
    facts += [stream.metadata.get(name, "") for name in ("language", "title")]
    known = ", ".join(fact for fact in facts if fact and fact != "und")
    number = f"sound track {streams.index(stream) + 1}"
    return f"{number} ({known})" if known else number


def _can_decode(stream: AudioStream) -> bool:
    return stream.codec_context is not None and bool(stream.codec_context.sample_rate)


def _all(known: Sequence[AudioStream]) -> tuple[SoundTrack, ...]:
    if len(known) > 1 and all(_channels(stream) == 1 for stream in known):
        tracks = [
            SoundTrack(index=stream.index, side="right" if number % 2 else "left")
            for number, stream in enumerate(known)
        ]
        if len(tracks) % 2:
            tracks[-1] = SoundTrack(index=tracks[-1].index)
        return tuple(tracks)
    return tuple(SoundTrack(index=stream.index) for stream in known)


def _numbered(
    streams: Sequence[AudioStream], known: Sequence[AudioStream], wanted: str
) -> SoundTrack:
    number = int(wanted) if wanted.isascii() and wanted.isdigit() else 0
    if not 1 <= number <= len(streams):
        count = f"it has {len(streams)}" if streams else "it has none"
        raise UsageError(f"no sound track {wanted}: {count}", option=OPTION)
    stream = streams[number - 1]
    if stream not in known:
        raise UsageError(f"sound track {number} is in a codec that is not known", option=OPTION)
    return SoundTrack(index=stream.index)


def _usual(
    streams: Sequence[AudioStream], known: Sequence[AudioStream], path: Path
) -> tuple[tuple[SoundTrack, ...], list[str]]:
    if len(known) < 2:
        return tuple(SoundTrack(index=stream.index) for stream in known), []
    marked = [s for s in known if s.disposition & Disposition.default]
    first = (marked or known)[0]
    pair = _mono_pair(known)
    if pair is not None:
        silent = [stream for stream in pair if is_silent(path, stream.index)]
        if len(silent) == 1:
            heard = next(stream for stream in pair if stream not in silent)
            note = f"{track_name(streams, silent[0])} is silent: the other is on both sides"
            return (SoundTrack(index=heard.index),), [note]
        if not silent:
            left, right = pair
            sides = (
                SoundTrack(index=left.index, side="left"),
                SoundTrack(index=right.index, side="right"),
            )
            note = (
                f"{track_name(streams, left)} and {track_name(streams, right)} are left and right"
            )
            return sides, [note]
    if is_silent(path, first.index):
        for other in known:
            if other is not first and not is_silent(path, other.index):
                note = (
                    f"{track_name(streams, first)} is silent: {track_name(streams, other)} is used"
                )
                return (SoundTrack(index=other.index),), [note]
    return (SoundTrack(index=first.index),), []


def _mono_pair(known: Sequence[AudioStream]) -> tuple[AudioStream, AudioStream] | None:
    """Return the two microphones of a camera; None if the tracks are something else."""
    left, right = known[:2]
    if not all(_channels(stream) == 1 for stream in known):
        return None
    if left.codec_context.sample_rate != right.codec_context.sample_rate:
        return None
    for name in ("language", "title"):
        texts = {stream.metadata.get(name, "") for stream in (left, right)} - {"", "und"}
        if name == "language" and len(texts) > 1:
            return None
    return left, right


def _channels(stream: AudioStream) -> int:
    return len(stream.codec_context.layout.channels)


def is_silent(path: Path, index: int) -> bool:
    """Return whether a track holds no sound at all; the first that is found answers."""
    with open_media(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, AudioStream)
        try:
            for packet in container.demux(stream):
                try:
                    frames = stream.decode(packet)
                except DAMAGE:
                    continue
                for frame in frames:
                    if np.abs(to_float(frame.to_ndarray())).max(initial=0.0) > SILENCE:
                        return False
        except DAMAGE:
            return True
    return True
