"""Define the model of the work on a video: events, and the cues, tracks and timeline made of them.

`cues.json` stores exactly this model; every other format is written from it. Positions are
integer samples at 48 kHz counted from the first picture; the picture's own rates are rationals.
"""

import dataclasses
import itertools
import re
from fractions import Fraction
from typing import Literal, get_args

from temporal_foley.files.records import require
from temporal_foley.timegrid import SAMPLE_RATE_HZ

MOST_ALTERNATES = 3
DEFAULT_START_TIMECODE = "01:00:00:00"
GAIN_DB = (-120.0, 40.0)
"""Least and most gain of a cue."""
_TIMECODE = re.compile(r"[0-2]\d:[0-5]\d:[0-5]\d[:;][0-5]\d")

Curve = tuple[tuple[int, float], ...]
"""Breakpoints (samples from the cue's onset, value), straight between them; one point: static."""

Envelope = tuple[tuple[float, float], ...]
"""Points (seconds of the video, decibels relative to the loudest part)."""

Timing = Literal["sound", "picture", "grid", "guessed"]
"""Where a time comes from: the video's own sound, the picture at its own rate, the detector's grid,
or a usual pace from the detector's onset on."""

Modality = Literal["picture", "sound", "both"]
"""What a detection rests on."""

DigitalSource = Literal["recorded", "synthesised", "generated", "composite"]
"""Where a sound comes from: a recording, a synthesis by rule, a generative model, or several of
these in one file."""

Original = Literal["fill", "replace", "keep", "duck", "mute"]
"""What the mix does with the original sound. `fill`: keep it, and leave out effects that it already
contains; `replace`: lower it under the effects that replace its own; `keep`: keep it under all
effects; `duck`: lower it under all effects; `mute`: leave it out."""

SILENT_STATUSES = ("rejected", "already_heard")
"""Statuses of cues that do not play."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens: an effect should sound in `[onset, offset)` seconds."""

    effect: str
    onset: float
    offset: float
    confidence: float
    peak: float | None = None
    """Time in seconds at which the effect is most probable."""
    hits: tuple[float, ...] = ()
    """Times in seconds of single hits seen in the picture, the first at the onset; empty if only
    the onset is known."""
    motion: float | None = None
    """How strongly the picture moves at the onset, from 0 to 1; None if not measured."""
    reason: str = ""
    """Why onset, offset and hits are where they are, for a reader."""
    timing: Timing = "grid"
    """Where onset and hits come from."""
    strengths_db: tuple[float, ...] = ()
    """Strength of each hit relative to the strongest of its effect; empty if unknown."""
    levels_db: tuple[float, ...] = ()
    """Level of each hit in the video's own sound in dBFS; empty if unknown."""
    lengths_s: tuple[float, ...] = ()
    """How long each hit is audible; empty if unknown."""
    envelope: Envelope = ()
    """Level of a sustained effect in the video's own sound; empty if unknown."""
    audible: bool = False
    """Whether the video's own sound contains it."""
    off_screen: bool = False
    """Audible, but not detected in the picture."""
    carries: bool = False
    """Whether its source goes on through its scene while it is out of the picture."""
    modality: Modality | None = None
    """Whether the picture, the sound or only both together show it; None if not compared."""

    def __post_init__(self) -> None:
        onset, hits = self.onset, self.hits
        require(onset < self.offset, "event.offset", f"must be after {onset}, got {self.offset}")
        require(hits[:1] in ((), (onset,)), "event.hits", f"must begin at {onset}, got {hits[:1]}")
        ascends = all(a < b for a, b in itertools.pairwise(hits))
        require(ascends, "event.hits", "must be in ascending order of time")
        for name in ("strengths_db", "levels_db", "lengths_s"):
            count = len(getattr(self, name))
            per_hit = f"must be one number per hit, got {count} for {len(hits)} hits"
            require(count in (0, len(hits)), f"event.{name}", per_hit)


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
        start, end, crossfade = self.start, self.end, self.crossfade
        require(0 <= start < end, "end", f"must be after {start}, got {end}")
        fits = 0 <= crossfade <= min(start, end - start)
        problem = f"must fit before the loop's start and into the loop, got {crossfade}"
        require(fits, "crossfade", problem)
        _require_within("alike", self.alike, 0.0, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asset:
    """Identifies a take: a file of the library, or a synthesis recipe and its seed."""

    kind: Literal["file", "recipe"]
    name: str
    """Path of the file inside its library, with forward slashes; or the recipe's name."""
    seed: int | None = None
    sha256: str | None = None
    cents: int = 0
    """Pitch shift, by playing faster or slower."""
    digital_source: DigitalSource | None = None
    """Where it comes from. If not given: a file is recorded, a recipe is synthesised."""

    def __post_init__(self) -> None:
        _require_within("cents", self.cents, -1200, 1200)
        if self.digital_source is None:
            usual = "synthesised" if self.kind == "recipe" else "recorded"
            object.__setattr__(self, "digital_source", usual)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alternate:
    """Another take for a cue, with every field that changes when it is swapped in.

    Its `anchor` is aligned with the same moment of the picture as the anchor of the old take.
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
        inside = f"must be inside its {self.samples} samples, got"
        is_inside = 0 <= self.anchor < self.samples
        require(is_inside, "anchor", f"{inside} {self.anchor}")
        loop_end = 0 if self.loop is None else self.loop.end
        require(loop_end <= self.samples, "loop.end", f"{inside} {loop_end}")
        _require_within("gain_db", self.gain_db, *GAIN_DB)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """The measurements that a cue is based on; None for what was not measured."""

    probability: float | None = None
    peak_s: float | None = None
    """Time at which the effect is most probable."""
    motion: float | None = None
    """How strongly the picture moves at the onset, from 0 to 1."""
    region: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom of its place, as fractions of the picture's width and height."""
    timing: Timing | None = None
    """Where its time comes from."""
    original: tuple[int, int] | None = None
    """Samples of the timeline where the original contains it; None if it does not."""
    carries: bool = False
    """Whether it goes on, off screen, until its scene ends."""
    modality: Modality | None = None
    """Whether the picture, the sound or both show it; None if they were not compared."""
    carried_from: str | None = None
    """The cue that it carries on off screen; such cues follow their scene when it is edited."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cue:
    """An event with its sound.

    The take's samples `[source_start, source_end)`, at 48 kHz, play from `onset_sample` on; a cue
    with a `loop` repeats it until `offset_sample`. The take's sample `anchor` is aligned with the
    visible moment, which is at `onset_sample + anchor - source_start`.
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
    """Decibels added to `gain_db`; between points the amplitude is interpolated linearly."""
    pan: Curve = ((0, 0.0),)
    """-1 left, 0 centre, 1 right."""
    lowpass_hz: float | None = None
    """Cutoff of the filter that makes a sound distant; None for no filter."""
    fade_in: int = 0
    fade_out: int = 0
    reason: str = ""
    evidence: Evidence = Evidence()
    status: Literal["proposed", "accepted", "rejected", "already_heard"] = "proposed"
    """A rejected cue is silent; it stays in the list so that it is not proposed again. So is one
    that the original already contains (`already_heard`), until it is accepted."""
    locked: bool = False
    """A locked cue is not changed when the video is analysed again."""
    alternates: tuple[Alternate, ...] = ()

    def __post_init__(self) -> None:
        onset, offset = self.onset_sample, self.offset_sample
        start, end, length = self.source_start, self.source_end, self.length
        both = f"must be after onset_sample and both at least 0, got {onset} and {offset}"
        require(0 <= onset < offset, "offset_sample", both)
        require(0 <= start < end, "source_end", f"must be after {start}, got {end}")
        is_as_long = self.loop is not None or length == end - start
        as_long = f"must be {start + length} in a cue of {length} samples without a loop, got {end}"
        require(is_as_long, "source_end", as_long)
        _require_within("confidence", self.confidence, 0.0, 1.0)
        _require_within("gain_db", self.gain_db, *GAIN_DB)
        fits = min(self.fade_in, self.fade_out) >= 0 and self.fade_in + self.fade_out <= length
        require(fits, "fade_out", f"must fit with fade_in into {length} samples")
        _require_curve("pan", self.pan, -1.0, 1.0)
        _require_curve("level", self.level, *GAIN_DB)
        if self.lowpass_hz is not None:
            _require_within("lowpass_hz", self.lowpass_hz, 500.0, 20_000.0)
        at_most = f"must be at most {MOST_ALTERNATES}, got {len(self.alternates)}"
        require(len(self.alternates) <= MOST_ALTERNATES, "alternates", at_most)

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
        """The sample of the timeline at which the visible moment is."""
        return self.onset_sample + self.anchor - self.source_start


def _require_within(field: str, value: float, least: float, most: float) -> None:
    require(least <= value <= most, field, f"must be in [{least:g}, {most:g}], got {value}")


def _require_curve(field: str, curve: Curve, least: float, most: float) -> None:
    is_within = bool(curve) and all(least <= value <= most for _, value in curve)
    range_text = f"must have at least one point, with values in [{least:g}, {most:g}]"
    require(is_within, field, range_text)
    ascends = all(a[0] < b[0] for a, b in itertools.pairwise(curve))
    require(ascends, field, "must have its points in ascending order of time")


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
    timecode: str = ""
    """The timecode at which the file begins, as its camera wrote it; empty if there is none."""
    lead_samples: int = 0
    """How long the file has played when its first picture comes."""
    audio_track: str = ""
    """The sound track that was chosen: its number from 1, or `all`; empty for the usual one."""

    @property
    def duration(self) -> Fraction:
        """Length of the picture in seconds."""
        return Fraction(self.duration_samples, SAMPLE_RATE_HZ)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """Name and SHA-256 of something that a timeline was made with, such as the sound library."""

    name: str
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixSettings:
    """How the stems are mixed: what happens to the original sound, and how loud the mix is."""

    original: Original = "fill"
    duck_db: float = -12.0
    replace_db: float = -30.0
    """How far `replace` lowers the original."""
    tails: Literal["auto", "cut", "ring"] = "auto"
    """Whether the tail of a hit ends at a cut that removes its source; `auto`: by its kind."""
    loudness_lufs: float | None = -23.0
    """None leaves the original at its own level, with the effects matched to it."""
    true_peak_dbtp: float = -1.0
    speech_db: float = -6.0
    """How much quieter effects are under speech in the original; 0 disables it."""
    room_tone: bool = False
    """Whether a quiet room tone is added under foley where nothing else plays."""
    music_and_effects: bool = False
    """Whether a second mix without the original's speech is written."""
    space: Literal["none", "indoor", "outdoor"] = "none"
    """The reverb of hard effects and foley."""
    match: bool = True
    """Whether effects are matched to the level, bandwidth, room and width of the original."""

    def __post_init__(self) -> None:
        for field in ("original", "space", "tails"):
            value, known = getattr(self, field), get_args(MixSettings.__annotations__[field])
            require(value in known, field, f"must be one of {', '.join(known)}, got {value!r}")
        depths = ("duck_db", "replace_db", "speech_db")
        for field, least in (*((name, -60.0) for name in depths), ("true_peak_dbtp", -20.0)):
            _require_within(field, getattr(self, field), least, 0.0)
        lufs = self.loudness_lufs
        in_range = lufs is None or -70.0 < lufs <= 0.0
        require(in_range, "loudness_lufs", f"must be in (-70, 0], got {lufs}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SceneSpan:
    """A run of shots of one place: steady sources that it has shown go on until it ends."""

    onset_sample: int
    offset_sample: int
    shots: tuple[int, ...] = ()
    """Samples at which its shots begin, for who splits it."""

    def __post_init__(self) -> None:
        onset, offset = self.onset_sample, self.offset_sample
        both = f"must be after onset_sample and both at least 0, got {onset} and {offset}"
        require(0 <= onset < offset, "offset_sample", both)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeline:
    """All tracks of one video, and what they were made with.

    Examples:
        >>> timeline = read_timeline("clip.foley/cues.json")  # doctest: +SKIP
        >>> [cue.id for cue in timeline.cues]  # doctest: +SKIP
        ['dog_barking-0001', 'cars-0001']
    """

    source: Source
    frame_rate: Fraction
    """Grid frames per second."""
    detector: Provenance
    vocabulary: Provenance
    library: Provenance
    seed: int
    start_timecode: str = DEFAULT_START_TIMECODE
    """The timecode of the first picture, at the picture's rate; `;` before the frames: drop."""
    mix: MixSettings = MixSettings()
    tracks: tuple[Track, ...] = ()
    scenes: tuple[SceneSpan, ...] = ()
    """In order; empty if unknown. To split a scene or to join two, edit this list and render."""

    def __post_init__(self) -> None:
        timecode, example = self.start_timecode, DEFAULT_START_TIMECODE
        is_timecode = _TIMECODE.fullmatch(timecode) is not None
        require(is_timecode, "start_timecode", f"must look like {example}, got {timecode!r}")
        ids = [cue.id for cue in self.cues]
        require(len(set(ids)) == len(ids), "tracks", "must hold cues whose ids are unique")
        effects = [track.effect for track in self.tracks]
        require(
            len(set(effects)) == len(effects), "tracks", "must have one effect each, none twice"
        )
        pairs = itertools.pairwise(self.scenes)
        is_apart = all(one.offset_sample <= other.onset_sample for one, other in pairs)
        require(is_apart, "scenes", "must be in order, without overlap")
        fits = all(cue.effect == track.effect for track in self.tracks for cue in track.cues)
        require(fits, "tracks", "must hold only cues that have the effect of the track")

    @property
    def cues(self) -> list[Cue]:
        """The cues of all tracks, in order of onset."""
        cues = [cue for track in self.tracks for cue in track.cues]
        return sorted(cues, key=lambda cue: (cue.onset_sample, cue.effect, cue.id))


def without_rejected(timeline: Timeline, *, keep: tuple[str, ...] = ()) -> Timeline:
    """Return a timeline without its silent cues, and without tracks that are then empty.

    Args:
        timeline: The timeline.
        keep: Statuses of silent cues that stay all the same.
    """
    silent = set(SILENT_STATUSES).difference(keep)
    tracks: list[Track] = []
    for track in timeline.tracks:
        cues = tuple(cue for cue in track.cues if cue.status not in silent)
        if cues:
            tracks.append(dataclasses.replace(track, cues=cues))
    return dataclasses.replace(timeline, tracks=tuple(tracks))


def keeps_own_sound(timeline: Timeline) -> bool:
    """Return whether nothing is added to a video's own sound, which then stays as it is."""
    return timeline.mix.original != "mute" and not without_rejected(timeline).tracks
