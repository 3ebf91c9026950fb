"""Define a session as every editor has it: tracks of clips over sound files, markers, a picture."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from temporal_foley.session.curves import STILL
from temporal_foley.session.timecode import EditRate, timecode
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Asset, Curve, Loop

MEDIA_FOLDER = "media"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakeShape:
    """Length, channels and peak of a take."""

    samples: int
    channels: int
    peak: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Media:
    """A sound file of a session.

    It has the take's samples `[start, start + samples)`, with the loop written out; before the
    take's first sample it is silent. Its level is lowered by `gain_db` so that it does not clip,
    and `lowpass_hz` is the cutoff of its distance filter.
    """

    name: str
    title: str
    asset: Asset | None
    """None for the tone of the 2-pop and the original sound."""
    is_original: bool = False
    """Whether it is the video's own sound."""
    loop: Loop | None = None
    lowpass_hz: float | None = None
    start: int = 0
    samples: int
    channels: int
    gain_db: float = 0.0

    @property
    def path(self) -> str:
        """Path of the file relative to the session's folder."""
        return f"{MEDIA_FOLDER}/{self.name}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
    """A part of a sound file at a place, in samples; places count from the session's start."""

    name: str
    cue: str = ""
    """Id of the cue; empty for the 2-pop and the original sound."""
    effect: str = ""
    media: Media
    onset: int = 0
    """Onset of the cue, from the first picture."""
    place: int
    length: int
    source_in: int = 0
    """First sample of the file that plays."""
    meets: int = 0
    """Samples from its start to the visible moment."""
    gain_db: float = 0.0
    file_db: float = 0.0
    """The part of its gain that is not the cue's `gain_db`: it compensates for the file's level,
    and includes a constant level curve."""
    level: Curve = STILL
    """Decibels added to the gain: `STILL`, or at least two points, all inside the clip."""
    pan: Curve = STILL
    fade_in: int = 0
    fade_out: int = 0
    note: str = ""
    is_muted: bool = False
    """Whether it is in the session without playing: the original already contains its effect."""

    @property
    def end(self) -> int:
        """End of the clip, from the session's start."""
        return self.place + self.length


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionTrack:
    """Clips of one effect, in order of place; they may overlap."""

    name: str
    effect: str
    """Empty for the 2-pop and the original sound."""
    bus: str
    gain_db: float
    clips: tuple[Clip, ...]

    @property
    def is_original(self) -> bool:
        """Whether it has the video's own sound."""
        return any(clip.media.is_original for clip in self.clips)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionPicture:
    """The video of a session.

    Its file plays for `lead` frames before the first picture; its own timecode begins at the frame
    number `file_start`, or is unknown.
    """

    path: Path
    name: str
    frames: int
    lead: int = 0
    lead_samples: int = 0
    file_start: int | None = None
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
    """A whole session. It begins `leader` samples before the first picture."""

    name: str
    edit: EditRate
    start_frame: int
    """Frame number of the timecode at the session's start."""
    leader: int
    length: int
    """In samples, including the leader."""
    tracks: tuple[SessionTrack, ...]
    media: tuple[Media, ...]
    markers: tuple[Marker, ...]
    picture: SessionPicture | None
    mix_gain_db: float
    original: str
    """What happens to the video's own sound in the mix: keep, duck or mute."""
    duck_db: float
    source_sha256: str = ""
    """Of the video that the cue list is for."""

    @property
    def start_timecode(self) -> str:
        """Timecode at the session's start."""
        return timecode(self.start_frame, self.edit)

    @property
    def frames(self) -> int:
        """Length in frames, rounded up."""
        return math.ceil(Fraction(self.length, SAMPLE_RATE_HZ) * self.edit.rate)

    @property
    def clips(self) -> list[Clip]:
        """The clips of all tracks, in order of place."""
        found = [clip for track in self.tracks for clip in track.clips]
        return sorted(found, key=lambda clip: (clip.place, clip.effect, clip.name))

    @property
    def file_begins(self) -> dict[str, int]:
        """Where the first sample of each file is on the timeline, by its first clip."""
        return {clip.media.name: clip.place - clip.source_in for clip in reversed(self.clips)}

    @property
    def cues(self) -> list[Clip]:
        """The clips that are cues and play, in order of place."""
        return [clip for clip in self.clips if clip.effect and not clip.is_muted]


def lanes(clips: Sequence[Clip], place_of: Callable[[Clip], tuple[int, int]]) -> list[list[Clip]]:
    """Distribute clips over the fewest lanes without overlap; `place_of` returns begin and end."""
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
