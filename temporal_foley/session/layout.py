"""A session as every editor knows it: tracks of clips over sound files, markers and a picture."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from temporal_foley.session.timecode import EditRate, timecode
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Asset, Curve, Loop

MEDIA_FOLDER = "media"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakeShape:
    """What a layout must know of a take: its length, channels and highest sample."""

    samples: int
    channels: int
    peak: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Media:
    """A sound file of a session.

    It holds the take's samples `[start, start + samples)`, those of the loop written out; before
    the take's first sample it is silent. `gain_db` was taken off so that it does not clip, and
    above `lowpass_hz` distance has taken the treble away.
    """

    name: str
    title: str
    asset: Asset | None
    """None: the tone of the 2-pop."""
    loop: Loop | None = None
    lowpass_hz: float | None = None
    start: int = 0
    samples: int
    channels: int
    gain_db: float = 0.0

    @property
    def path(self) -> str:
        """Where it lies, from the session's own folder."""
        return f"{MEDIA_FOLDER}/{self.name}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
    """A stretch of a sound file, at a place; all in samples, places from the session's start."""

    name: str
    cue: str
    """The cue's id, or empty."""
    effect: str
    media: Media
    onset: int
    """The cue's own, from the first picture."""
    place: int
    length: int
    source_in: int
    """First sample of the file that is heard."""
    meets: int
    """Samples from its start to the moment of the picture."""
    gain_db: float
    file_db: float
    """The part of its gain that is not the cue's `gain_db`: what makes up for what its file is, and
    a level that stands still."""
    level: Curve
    """Decibels on top of the gain; `STILL`, or two points or more, all inside of the clip."""
    pan: Curve
    fade_in: int
    fade_out: int
    note: str = ""

    @property
    def end(self) -> int:
        """Where it ends, from the session's start."""
        return self.place + self.length


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionTrack:
    """Clips of one effect, in order of place; they may overlap."""

    name: str
    effect: str
    bus: str
    gain_db: float
    clips: tuple[Clip, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """The video of a session."""

    path: Path
    name: str
    frames: int
    has_audio: bool
    width: int
    height: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Marker:
    """A named place, in samples from the session's start."""

    name: str
    place: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """The whole of a session. It begins `leader` samples before the first picture."""

    name: str
    edit: EditRate
    start_frame: int
    """Frame number of the timecode at the session's start."""
    leader: int
    length: int
    """In samples, leader included."""
    tracks: tuple[SessionTrack, ...]
    media: tuple[Media, ...]
    markers: tuple[Marker, ...]
    picture: Picture | None
    mix_gain_db: float
    original: str
    """What the mix does with the video's own sound: keep, duck or mute."""
    duck_db: float

    @property
    def start_timecode(self) -> str:
        """Timecode at the session's start."""
        return timecode(self.start_frame, self.edit)

    @property
    def frames(self) -> int:
        """Length in frames, the last one begun."""
        return math.ceil(Fraction(self.length, SAMPLE_RATE_HZ) * self.edit.rate)

    @property
    def clips(self) -> list[Clip]:
        """The clips of all tracks, in order of place."""
        found = [clip for track in self.tracks for clip in track.clips]
        return sorted(found, key=lambda clip: (clip.place, clip.effect, clip.name))


def lanes(clips: Sequence[Clip], place_of: Callable[[Clip], tuple[int, int]]) -> list[list[Clip]]:
    """Spread clips over as few lanes as hold them without overlap; `place_of`: begin and end."""
    rows: list[list[Clip]] = []
    ends: list[int] = []
    for clip in sorted(clips, key=lambda clip: (*place_of(clip), clip.name)):
        begin, end = place_of(clip)
        row = next((row for row, until in enumerate(ends) if until <= begin), len(rows))
        if row == len(rows):
            rows.append([])
            ends.append(0)
        rows[row].append(clip)
        ends[row] = end
    return rows


def exact_place(clip: Clip) -> tuple[int, int]:
    """Return where a clip begins and ends, in samples."""
    return clip.place, clip.end
