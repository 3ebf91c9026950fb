"""Copy the sound tracks of a film as they are, packet by packet."""

import heapq
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container
import numpy as np
from av.audio.stream import AudioStream

from temporal_foley.media.audio import read_audio
from temporal_foley.media.containers.fields import OWN_METADATA
from temporal_foley.media.open import open_media
from temporal_foley.media.probe import VideoInfo, probe_video
from temporal_foley.media.streams import read_packets

MOST_ERROR = 1e-3
"""The most that a copied sound may differ: a shift by a sample of a 10 kHz tone is 1.6."""


def own_sound(
    info: VideoInfo, source: av.container.InputContainer, target: av.container.OutputContainer
) -> Iterator[av.Packet]:
    """Add all sound tracks of a film to a new file, and return their packets in order.

    Raises:
        FFmpegError, ValueError: The container does not take one of them.
    """
    tracks: list[Iterator[av.Packet]] = []
    for number, old in enumerate(source.streams.audio):
        new = target.add_stream_from_template(old, opaque=True)
        new.disposition = old.disposition
        for name, text in old.metadata.items():
            if name.lower() not in OWN_METADATA:
                new.metadata[name] = text
        tracks.append(_packets(info, number, new))
    return heapq.merge(*tracks, key=due)


def due(packet: av.Packet) -> Fraction:
    """Return when a packet is decoded, in seconds; one without any time is due at once."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    return -Fraction(10**9) if ticks is None else ticks * packet.time_base


def sounds_alike(info: VideoInfo, copy: Path) -> bool:
    """Return whether a copy of a film plays the same sound with its picture.

    Containers round times, so it may be moved by less than a sample.
    """
    old, new = read_audio(info), read_audio(probe_video(copy, info.audio_track))
    if old is None or new is None:
        return old is new
    power = error = 0.0
    for one, other in zip(old, new, strict=False):
        power += float(np.square(one).sum())
        error += float(np.square(one - other).sum())
    return error <= MOST_ERROR * power


def _packets(info: VideoInfo, number: int, track: AudioStream) -> Iterator[av.Packet]:
    """Yield the packets of a sound track at times that count from the first picture."""
    with open_media(info.path) as source:
        for packet in read_packets(source, source.streams.audio[number], info.clock):
            late = round(info.start / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - late
            packet.dts = None if packet.dts is None else packet.dts - late
            packet.stream = track
            yield packet
