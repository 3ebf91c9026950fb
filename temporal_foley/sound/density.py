"""Lower less important effects where too many play at once or one would mask another.

Consecutive cues of an effect form one voice. Where more voices play than a listener can follow, the
least important are lowered: hard effects come before foley and foley before backgrounds, and within
a bus the more probable and louder ones come first. A voice that would mask a more important one, in
the bands that make that one loud, is lowered too. Nothing is removed, and each cue's `reason`
records what was done.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from temporal_foley.sound.levels import BUSES, DEFAULT_LEVELS, MixLevels
from temporal_foley.sound.signal.bands import BandLevels, band_levels, sum_levels
from temporal_foley.sound.signal.fades import add_level
from temporal_foley.sound.takes.library import Library
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import SILENT_STATUSES, Asset, Cue, Track

MOST_ON_BUS: Mapping[str, int] = {"hard_effects": 3, "foley": 2, "backgrounds": 2}
COVERS_DB, COVERED_PART = 6.0, 0.7
"""A voice covers another if it is this much louder in bands with this part of its loudness."""
ONE_VOICE = SAMPLE_RATE_HZ
"""Cues of an effect separated by less than this form one voice."""
ATTACK, RELEASE = 3 * SAMPLE_RATE_HZ // 10, SAMPLE_RATE_HZ
"""Samples over which a voice falls, up to the start of another voice, and returns."""
SHORTEST_RETURN = 2 * SAMPLE_RATE_HZ


@dataclasses.dataclass(frozen=True, kw_only=True)
class Voice:
    """Consecutive cues of a track, and their level in each band."""

    effect: str
    bus: str
    onset: int
    offset: int
    confidence: float
    levels: BandLevels

    @functools.cached_property
    def weight(self) -> tuple[int, float, str]:
        """Sorting key, the most important voice first; a doubtful voice counts as a softer one."""
        loud = sum_levels(self.levels) + 20.0 * float(np.log10(max(self.confidence, 0.01)))
        return BUSES.index(self.bus), -round(loud, 1), self.effect


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepBack:
    """A range of samples in which a voice is lowered by `depth_db`."""

    start: int
    stop: int
    depth_db: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Note:
    """A text for the `reason` of cues in a range of samples."""

    start: int
    stop: int
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Yielding:
    """Where a voice is lowered, and why."""

    steps: tuple[StepBack, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def corners(self) -> list[int]:
        """The samples of the timeline at which the level curve bends."""
        return [
            place
            for step in self.steps
            for place in (step.start - ATTACK, step.start, step.stop, step.stop + RELEASE)
        ]

    def depth_at(self, place: int) -> float:
        """Return the change of level in decibels at a sample; at most 0."""
        return min((_depth_of(step, place) for step in self.steps), default=0.0)


def thin_out(tracks: Sequence[Track], library: Library) -> tuple[Track, ...]:
    """Lower the cues of less important voices, as described in the module."""
    bands: dict[Asset, BandLevels] = {}

    def bands_of(asset: Asset) -> BandLevels:
        base = dataclasses.replace(asset, cents=0)
        if base not in bands:
            bands[base] = band_levels(library.read(base).samples)
        return bands[base]

    grouped = [(track, group) for track in tracks for group in _groups(track.cues)]
    voices = [
        _voice(track, group, [bands_of(cue.asset) for cue in group], library.levels)
        for track, group in grouped
    ]
    changed: dict[str, Cue] = {}
    for (_, group), yielding in zip(grouped, find_yielding(voices, library.levels), strict=True):
        if yielding.notes:
            changed.update((cue.id, _softened(cue, yielding)) for cue in group)
    return tuple(
        dataclasses.replace(track, cues=tuple(changed.get(cue.id, cue) for cue in track.cues))
        for track in tracks
    )


def find_yielding(voices: Sequence[Voice], levels: MixLevels = DEFAULT_LEVELS) -> list[Yielding]:
    """Return for each voice where it is lowered, and why."""
    spans: list[list[StepBack]] = [[] for _ in voices]
    notes: list[list[Note]] = [[] for _ in voices]
    covers = functools.cache(lambda one, other: _covers(voices[one], voices[other]))
    places = sorted({place for voice in voices for place in (voice.onset, voice.offset)})
    begins = sorted(range(len(voices)), key=lambda number: voices[number].onset)
    sounding: list[int] = []
    waiting = iter([*begins, None])
    following = next(waiting)
    for start, stop in itertools.pairwise(places):
        while following is not None and voices[following].onset <= start:
            sounding.append(following)
            following = next(waiting)
        sounding = [number for number in sounding if voices[number].offset > start]
        ranked = sorted(sounding, key=lambda number: voices[number].weight)
        for rank, number in enumerate(ranked):
            before = ranked[:rank]
            depth, why = _judge(voices, before, number, covers, levels)
            if depth:
                spans[number].append(StepBack(start=start, stop=stop, depth_db=depth))
            notes[number] += [Note(start=start, stop=stop, text=text) for text in why]
    return [
        Yielding(steps=tuple(_joined(own)), notes=tuple(said))
        for own, said in zip(spans, notes, strict=True)
    ]


def _judge(
    voices: Sequence[Voice],
    before: Sequence[int],
    number: int,
    covers: Callable[[int, int], bool],
    levels: MixLevels,
) -> tuple[float, list[str]]:
    """Return how far a voice is lowered under more important ones, and why."""
    own = voices[number]
    depth = 0.0
    why: list[str] = []
    on_bus = [other for other in before if voices[other].bus == own.bus]
    if len(on_bus) >= MOST_ON_BUS[own.bus]:
        depth += levels.crowded_db
        why.append(f"steps back behind {_names(voices, on_bus)}")
    elif len(before) >= levels.most_voices:
        depth += levels.crowded_db
        why.append(f"steps back behind {_names(voices, before)}")
    covered = [other for other in before if covers(number, other)]
    if covered:
        depth += levels.yielding_db
        why.append(f"yields to {_names(voices, covered)}")
    covering = [other for other in before if covers(other, number)]
    if covering:
        why.append(f"covered by {_names(voices, covering)}")
    return max(depth, levels.lowest_db), why


def _names(voices: Sequence[Voice], numbers: Iterable[int]) -> str:
    names = [voices[number].effect.replace("_", " ") for number in numbers]
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} and {unique[-1]}"


def _covers(one: Voice, other: Voice) -> bool:
    """Return whether a voice is much louder than another in most of its loud bands."""
    if one.effect == other.effect:
        return False
    # Loudness grows as the 0.3rd power of a band's power (S. Stevens, JASA 51, 1972).
    loudness = 10.0 ** (0.03 * other.levels)
    covered = one.levels - other.levels >= COVERS_DB
    return bool(loudness[covered].sum() >= COVERED_PART * loudness.sum())


def _joined(steps: list[StepBack]) -> list[StepBack]:
    """Join adjacent steps of one depth; stay low where the level has no time to return."""
    joined: list[StepBack] = []
    for step in steps:
        last = joined[-1] if joined else None
        if last is not None and last.stop < step.start < last.stop + SHORTEST_RETURN:
            depth = max(last.depth_db, step.depth_db)
            between = StepBack(start=last.stop, stop=step.start, depth_db=depth)
            joined.append(between)
            last = between
        if last is not None and last.stop == step.start and last.depth_db == step.depth_db:
            joined[-1] = dataclasses.replace(last, stop=step.stop)
        else:
            joined.append(step)
    return joined


def _depth_of(step: StepBack, place: int) -> float:
    if place < step.start:
        part = 1.0 - (step.start - place) / ATTACK
    elif place > step.stop:
        part = 1.0 - (place - step.stop) / RELEASE
    else:
        part = 1.0
    return step.depth_db * max(part, 0.0)


def _groups(cues: Sequence[Cue]) -> list[tuple[Cue, ...]]:
    """Group the consecutive cues of a track; silent cues are left out."""
    groups: list[list[Cue]] = []
    end = 0
    for cue in cues:
        if cue.status in SILENT_STATUSES:
            continue
        if groups and cue.onset_sample < end + ONE_VOICE:
            groups[-1].append(cue)
        else:
            groups.append([cue])
            end = 0
        end = max(end, cue.offset_sample)
    return [tuple(group) for group in groups]


def _voice(
    track: Track, cues: Sequence[Cue], bands: Sequence[BandLevels], levels: MixLevels
) -> Voice:
    bus_db = levels.bus_db(track.bus) + track.gain_db
    loudest = [
        one + bus_db + cue.gain_db + max(level for _, level in cue.level)
        for cue, one in zip(cues, bands, strict=True)
    ]
    return Voice(
        effect=track.effect,
        bus=track.bus,
        onset=min(cue.onset_sample for cue in cues),
        offset=max(cue.offset_sample for cue in cues),
        confidence=max(cue.confidence for cue in cues),
        levels=np.max(loudest, axis=0),
    )


def _softened(cue: Cue, yielding: Yielding) -> Cue:
    level = add_level(cue, yielding.depth_at, yielding.corners) if yielding.steps else cue.level
    said = [
        note.text
        for note in yielding.notes
        if note.start < cue.offset_sample and note.stop > cue.onset_sample
    ]
    reason = "; ".join(text for text in (cue.reason, *dict.fromkeys(said)) if text)
    return dataclasses.replace(cue, level=level, reason=reason)
