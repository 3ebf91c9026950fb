"""The product's own model of the work: events, and the cues, tracks and timeline made of them.

`cues.json` is this model and nothing else; every other format is written from it. Places are
integer samples at 48 kHz counted from the first picture; the picture's own rates are rationals.
"""

import dataclasses
import itertools
import re
from fractions import Fraction
from typing import Literal

from temporal_foley.timegrid import SAMPLE_RATE_HZ

MOST_ALTERNATES = 3
DEFAULT_START_TIMECODE = "01:00:00:00"
_TIMECODE = re.compile(r"[0-2]\d:[0-5]\d:[0-5]\d[:;][0-5]\d")

Curve = tuple[tuple[int, float], ...]
"""Breakpoints (samples from the cue's onset, value), straight between them; one point: static."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens: an effect is to be heard in `[onset, offset)` seconds."""

    effect: str
    onset: float
    offset: float
    confidence: float
    peak: float | None = None
    """Time in seconds at which the effect is most probable."""
    hits: tuple[float, ...] = ()
    """Times in seconds at which the picture shows it to happen, the first at the onset; empty:
    only the onset is known."""
    motion: float | None = None
    """How strongly the picture moves at the onset, from 0 to 1; None: not looked at."""
    reason: str = ""
    """Why onset, offset and hits are where they are, for a reader."""

    def __post_init__(self) -> None:
        if not self.onset < self.offset:
            raise ValueError(f"event.offset must be after {self.onset}, got {self.offset}")
        if self.hits and self.hits[0] != self.onset:
            raise ValueError(f"event.hits must begin at {self.onset}, got {self.hits[0]}")
        if any(a >= b for a, b in itertools.pairwise(self.hits)):
            raise ValueError("event.hits must be in ascending order of time")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loop:
    """The part `[start, end)` of a take, in samples, that repeats for as long as it is needed.

    Each join is a crossfade of `crossfade` samples: the samples before `end` fade out while those
    before `start` fade in. The power stays equal for sounds that are `alike` by that much: 0 for
    noise that has nothing in common, 1 for waves that coincide.
    """

    start: int
    end: int
    crossfade: int
    alike: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"loop.end must be after {self.start}, got {self.end}")
        if not 0 <= self.crossfade <= min(self.start, self.end - self.start):
            raise ValueError(
                "loop.crossfade must fit before the loop's start and into the loop, "
                f"got {self.crossfade}"
            )
        if not 0.0 <= self.alike <= 1.0:
            raise ValueError(f"loop.alike must be in [0, 1], got {self.alike}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asset:
    """Which take sounds: a file of the library, or a recipe and the seed that makes it.

    `cents` is how much higher it sounds, played as much faster; lower if negative.
    """

    kind: Literal["file", "recipe"]
    name: str
    """Path of the file inside its library, with forward slashes; or the recipe's name."""
    seed: int | None = None
    sha256: str | None = None
    cents: int = 0

    def __post_init__(self) -> None:
        if not -1200 <= self.cents <= 1200:
            raise ValueError(f"asset.cents must be in [-1200, 1200], got {self.cents}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alternate:
    """Another take that a cue could have: all that changes when it is swapped in.

    The moment of the picture stays where it is, and the take's `anchor` meets it.
    """

    asset: Asset
    licence: str
    credit: str = ""
    samples: int
    """Length of the take."""
    loop: Loop | None = None
    anchor: int = 0
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.anchor < self.samples:
            raise ValueError(f"anchor must lie in {self.samples} samples, got {self.anchor}")
        if self.loop is not None and self.loop.end > self.samples:
            raise ValueError(f"loop must lie in {self.samples} samples, got {self.loop.end}")
        if not -120.0 <= self.gain_db <= 40.0:
            raise ValueError(f"gain_db must be in [-120, 40], got {self.gain_db}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a cue was made for, as numbers; None for what was not looked at."""

    probability: float | None = None
    peak_s: float | None = None
    """Time at which the effect is most probable."""
    motion: float | None = None
    """How strongly the picture moves at the onset, from 0 to 1."""
    region: tuple[float, float, float, float] | None = None
    """Where in the picture: left, top, right, bottom as parts of its width and height."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cue:
    """An event with its sound.

    The take's samples `[source_start, source_end)`, at 48 kHz, are heard from `onset_sample` on;
    a cue with a `loop` goes on round it until `offset_sample`. The take's sample `anchor` meets
    the picture, so that the visible moment is at `onset_sample + anchor - source_start`.
    """

    id: str
    effect: str
    onset_sample: int
    offset_sample: int
    confidence: float
    asset: Asset
    licence: str
    credit: str = ""
    source_start: int = 0
    source_end: int
    loop: Loop | None = None
    anchor: int = 0
    gain_db: float = 0.0
    level: Curve = ((0, 0.0),)
    """Decibels on top of `gain_db`; from point to point the amplitude moves in a straight line."""
    pan: Curve = ((0, 0.0),)
    """-1 left, 0 centre, 1 right."""
    lowpass_hz: float | None = None
    """Where distance takes treble away; None: nowhere."""
    fade_in: int = 0
    fade_out: int = 0
    reason: str = ""
    evidence: Evidence = Evidence()
    status: Literal["proposed", "accepted", "rejected"] = "proposed"
    """A rejected cue stays in the list, so that it is not proposed again, and is not heard."""
    locked: bool = False
    """A locked cue is left as it is when the video is looked at again."""
    alternates: tuple[Alternate, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.onset_sample < self.offset_sample:
            raise ValueError(
                f"offset_sample must be after onset_sample and both at least 0, "
                f"got {self.onset_sample} and {self.offset_sample}"
            )
        if not 0 <= self.source_start < self.source_end:
            raise ValueError(f"source_end must be after {self.source_start}, got {self.source_end}")
        length, taken = self.length, self.source_end - self.source_start
        if self.loop is None and length != taken:
            raise ValueError(
                f"a cue of {length} samples without a loop needs a source range as long, "
                f"got {taken}"
            )
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence must be in [0, 1], got {self.confidence}")
        if not -120.0 <= self.gain_db <= 40.0:
            raise ValueError(f"gain_db must be in [-120, 40], got {self.gain_db}")
        if self.fade_in < 0 or self.fade_out < 0 or self.fade_in + self.fade_out > length:
            raise ValueError(f"fades must fit into {length} samples")
        _check_curve("pan", self.pan, -1.0, 1.0)
        _check_curve("level", self.level, -120.0, 40.0)
        if self.lowpass_hz is not None and not 500.0 <= self.lowpass_hz <= 20_000.0:
            raise ValueError(f"lowpass_hz must be in [500, 20000], got {self.lowpass_hz}")
        if len(self.alternates) > MOST_ALTERNATES:
            raise ValueError(
                f"alternates must be at most {MOST_ALTERNATES}, got {len(self.alternates)}"
            )

    @property
    def length(self) -> int:
        """Length on the timeline in samples."""
        return self.offset_sample - self.onset_sample

    @property
    def onset(self) -> Fraction:
        """Onset in seconds."""
        return Fraction(self.onset_sample, SAMPLE_RATE_HZ)

    @property
    def offset(self) -> Fraction:
        """Offset in seconds."""
        return Fraction(self.offset_sample, SAMPLE_RATE_HZ)

    @property
    def picture_sample(self) -> int:
        """The sample of the timeline at which the take meets the picture."""
        return self.onset_sample + self.anchor - self.source_start


def _check_curve(name: str, curve: Curve, least: float, most: float) -> None:
    if not curve or any(not least <= value <= most for _, value in curve):
        raise ValueError(
            f"{name} must have at least one point, with values in [{least:g}, {most:g}]"
        )
    if any(a[0] >= b[0] for a, b in itertools.pairwise(curve)):
        raise ValueError(f"{name} must have its points in ascending order of time")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Track:
    """All cues of one effect, in order of onset."""

    effect: str
    kind: str
    bus: str
    gain_db: float = 0.0
    cues: tuple[Cue, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """The video that a timeline was made for."""

    name: str
    sha256: str
    duration_samples: int
    """Length of the picture in samples; stems and mix are exactly as long."""
    video_rate: Fraction
    """The picture's average frame rate; with a variable rate only a description."""
    width: int
    height: int
    has_audio: bool

    @property
    def duration(self) -> Fraction:
        """Length of the picture in seconds."""
        return Fraction(self.duration_samples, SAMPLE_RATE_HZ)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """Something that a timeline was made with: its name and the SHA-256 of its content."""

    name: str
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixSettings:
    """How the stems become a mix: what happens to the original sound, and how loud it ends."""

    original: Literal["keep", "duck", "mute"] = "keep"
    duck_db: float = -12.0
    loudness_lufs: float = -23.0
    true_peak_dbtp: float = -1.0
    speech_db: float = -6.0
    """How far effects step back where somebody speaks in the original; 0: not at all."""
    room_tone: bool = False
    """Lay a quiet room tone under foley where nothing else is heard."""
    music_and_effects: bool = False
    """Also write a mix without the original's speech."""
    space: Literal["none", "indoor", "outdoor"] = "none"
    """What hard effects and foley are heard in."""

    def __post_init__(self) -> None:
        if self.original not in ("keep", "duck", "mute"):
            raise ValueError(f"original must be keep, duck or mute, got {self.original!r}")
        if self.space not in ("none", "indoor", "outdoor"):
            raise ValueError(f"space must be none, indoor or outdoor, got {self.space!r}")
        if not -60.0 <= self.duck_db <= 0.0:
            raise ValueError(f"duck_db must be in [-60, 0], got {self.duck_db}")
        if not -60.0 <= self.speech_db <= 0.0:
            raise ValueError(f"speech_db must be in [-60, 0], got {self.speech_db}")
        if not -70.0 < self.loudness_lufs <= 0.0:
            raise ValueError(f"loudness_lufs must be in (-70, 0], got {self.loudness_lufs}")
        if not -20.0 <= self.true_peak_dbtp <= 0.0:
            raise ValueError(f"true_peak_dbtp must be in [-20, 0], got {self.true_peak_dbtp}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeline:
    """The whole of the work on one video, and what it was made with."""

    source: Source
    frame_rate: Fraction
    """Grid frames a second."""
    spotter: Provenance
    vocabulary: Provenance
    library: Provenance
    seed: int
    start_timecode: str = DEFAULT_START_TIMECODE
    """The timecode of the first picture, at the picture's rate; `;` before the frames: drop."""
    mix: MixSettings = MixSettings()
    tracks: tuple[Track, ...] = ()

    def __post_init__(self) -> None:
        if not _TIMECODE.fullmatch(self.start_timecode):
            raise ValueError(
                f"start_timecode must look like {DEFAULT_START_TIMECODE}, "
                f"got {self.start_timecode!r}"
            )
        ids = [cue.id for cue in self.cues]
        if len(set(ids)) != len(ids):
            raise ValueError("cue ids must be unique")
        effects = [track.effect for track in self.tracks]
        if len(set(effects)) != len(effects):
            raise ValueError("tracks must have one effect each, and no effect twice")
        if any(cue.effect != track.effect for track in self.tracks for cue in track.cues):
            raise ValueError("the cues of a track must have the effect of the track")

    @property
    def cues(self) -> list[Cue]:
        """The cues of all tracks, in order of onset."""
        cues = [cue for track in self.tracks for cue in track.cues]
        return sorted(cues, key=lambda cue: (cue.onset_sample, cue.effect, cue.id))


def without_rejected(timeline: Timeline) -> Timeline:
    """Return a timeline of what is to be heard: rejected cues and tracks left empty are gone."""
    tracks: list[Track] = []
    for track in timeline.tracks:
        cues = tuple(cue for cue in track.cues if cue.status != "rejected")
        if cues:
            tracks.append(dataclasses.replace(track, cues=cues))
    return dataclasses.replace(timeline, tracks=tuple(tracks))
