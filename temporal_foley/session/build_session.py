"""Build an editor's session from a timeline: clips over sound files, markers and the picture.

Every cue becomes a clip over the file of its take, not over a rendered stem, so that an editor can
move, trim, fade and pan it, and the file has more of the take on both sides (handles). Cues with
the same take share its file; a loop is written out in full. No two editors share a distance filter,
so its result is written into the file.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from temporal_foley.session.curves import STILL, inside, level_inside
from temporal_foley.session.names import (
    clean_name,
    clean_text,
    cue_names,
    file_name,
    take_number,
    title_of,
    ucs_name,
)
from temporal_foley.session.session_model import (
    Clip,
    Marker,
    Media,
    Session,
    SessionPicture,
    SessionTrack,
    TakeShape,
)
from temporal_foley.session.timecode import EditRate, frames_a_day
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample
from temporal_foley.timeline import (
    SILENT_STATUSES,
    Asset,
    Cue,
    Curve,
    Loop,
    Timeline,
    Track,
    without_rejected,
)

MONO_DB = 20.0 * math.log10(math.sqrt(0.5))
"""A mono take in the middle is 3 dB quieter on each side; most editors do not do that themselves.
"""

LOWPASS_STEPS = 6
"""Steps per octave: cues whose cutoff is within one step of each other share a file."""
LOWPASS_OVERSHOOT = 1.25
"""How much higher the peak of a filtered sound may be."""

LEADER_S = 10
POP_BEFORE_S = 2
POP_HZ = 1_000
POP_DB = -20.0

MARK = "_TFOLEY_"
"""A file of ours has this in its name, before the name of its video."""
DUCK_DOWN, DUCK_UP = SAMPLE_RATE_HZ * 15 // 100, SAMPLE_RATE_HZ // 2
"""Samples in which the video's own sound fades down and up again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """How a session is built."""

    edit: EditRate
    first_frame: int
    """Frame number of the first picture's timecode."""
    handles: int = SAMPLE_RATE_HZ
    """Samples of a take that a file has before and after the part that a clip uses."""
    has_pop: bool = False
    """Begin ten seconds early, with a tone of one frame two seconds before the picture."""
    slate: str = ""
    """Text of the marker at the start; without a text there is no marker."""

    def __post_init__(self) -> None:
        if not 0 <= self.handles <= 60 * SAMPLE_RATE_HZ:
            raise ValueError("handles must be in [0, 60] seconds")


def build_session(
    timeline: Timeline,
    settings: SessionSettings,
    shape_of: Callable[[Asset], TakeShape],
    *,
    categories: Mapping[str, str],
    track_gains_db: Mapping[str, float],
    mix_gain_db: float = 0.0,
    original_gain_db: float = 0.0,
    picture: SessionPicture | None = None,
) -> Session:
    """Build the session of a timeline.

    Rejected cues are left out; those that the original already contains are muted clips.

    Args:
        timeline: The cues.
        settings: Rate, handles, 2-pop and slate.
        shape_of: Returns length, channels and peak of a take.
        categories: UCS CatID of each effect.
        track_gains_db: Level of each effect's track.
        mix_gain_db: Gain of the effects in the mix.
        original_gain_db: Gain of the video's own sound in the mix.
        picture: The video.
    """
    names = cue_names(timeline)
    timeline = without_rejected(timeline, keep=("already_heard",))
    edit = settings.edit
    leader = to_sample(edit.grid.time(LEADER_S * edit.nominal)) if settings.has_pop else 0
    media = _plan_media(timeline, settings, shape_of, categories)
    tracks = [
        SessionTrack(
            name=title_of(track.effect),
            effect=track.effect,
            bus=track.bus,
            gain_db=track_gains_db[track.effect],
            clips=tuple(_clip(cue, names[cue.id], media[_key(cue)], leader) for cue in track.cues),
        )
        for track in timeline.tracks
    ]
    files = list(dict.fromkeys(media.values()))
    has_original = picture is not None and picture.has_audio and timeline.mix.original != "mute"
    if has_original:
        own = _original(timeline, leader, original_gain_db)
        tracks.append(own)
        files.append(own.clips[0].media)
    first = settings.first_frame
    markers: list[Marker] = []
    if settings.slate:
        markers.append(Marker(name=clean_name(settings.slate), place=0))
    if settings.has_pop:
        first = (first - LEADER_S * edit.nominal) % frames_a_day(edit)
        pop = _pop(edit)
        tracks.append(pop)
        files.append(pop.clips[0].media)
        markers.append(Marker(name="2-pop", place=pop.clips[0].place))
    markers.append(Marker(name="First picture", place=leader))
    markers.append(Marker(name="Last picture", place=leader + timeline.source.duration_samples))
    return Session(
        name=clean_name(Path(timeline.source.name).stem),
        edit=edit,
        start_frame=first,
        leader=leader,
        length=leader + timeline.source.duration_samples,
        tracks=tuple(tracks),
        media=tuple(files),
        markers=tuple(markers),
        picture=picture,
        mix_gain_db=mix_gain_db,
        original=timeline.mix.original if timeline.source.has_audio else "mute",
        duck_db=timeline.mix.duck_db,
        source_sha256=timeline.source.sha256,
    )


_Key = tuple[Asset, Loop | None, float | None]


def _key(cue: Cue) -> _Key:
    return cue.asset, cue.loop, _step_of(cue.lowpass_hz)


def _step_of(lowpass_hz: float | None) -> float | None:
    if lowpass_hz is None:
        return None
    return round(
        1_000.0 * 2.0 ** (round(LOWPASS_STEPS * math.log2(lowpass_hz / 1e3)) / LOWPASS_STEPS), 1
    )


def _clip(cue: Cue, name: str, media: Media, leader: int) -> Clip:
    file_db = media.gain_db + (MONO_DB if media.channels == 1 else 0.0)
    level = level_inside(cue.level, cue.length)
    if len(level) == 1:
        file_db, level = file_db + level[0][1], STILL
    return Clip(
        name=name,
        cue=cue.id,
        effect=cue.effect,
        media=media,
        onset=cue.onset_sample,
        place=leader + cue.onset_sample,
        length=cue.length,
        source_in=cue.source_start - media.start,
        meets=min(max(0, cue.anchor - cue.source_start), cue.length),
        gain_db=cue.gain_db + file_db,
        file_db=file_db,
        level=level,
        pan=inside(cue.pan, cue.length),
        fade_in=cue.fade_in,
        fade_out=cue.fade_out,
        note=clean_text(cue.reason),
        is_muted=cue.status in SILENT_STATUSES,
    )


def _plan_media(
    timeline: Timeline,
    settings: SessionSettings,
    shape_of: Callable[[Asset], TakeShape],
    categories: Mapping[str, str],
) -> dict[_Key, Media]:
    """Plan one file for every take that plays, long enough for all its cues and their handles."""
    users: dict[_Key, list[tuple[Track, Cue]]] = {}
    for track in timeline.tracks:
        for cue in track.cues:
            users.setdefault(_key(cue), []).append((track, cue))
    source = Path(timeline.source.name).stem
    # Silence before the take: where cuts lie on frames only, a clip begins up to one early.
    lead = settings.edit.frame_samples
    handles = settings.handles
    planned: dict[_Key, Media] = {}
    for (asset, loop, lowpass_hz), used in users.items():
        shape = shape_of(asset)
        peak = shape.peak * (1.0 if lowpass_hz is None else LOWPASS_OVERSHOOT)
        cues = [cue for _, cue in used]
        start, end = planned_range(cues, handles, lead, None if loop else shape.samples)
        track, _ = used[0]
        title = _title(asset)
        name = ucs_name(
            categories.get(track.effect, ""),
            track.effect,
            f"{title} {_digest((asset, loop, lowpass_hz), start, end)}",
            source,
        )
        planned[asset, loop, lowpass_hz] = Media(
            name=f"{name}.wav",
            title=title,
            asset=asset,
            loop=loop,
            lowpass_hz=lowpass_hz,
            start=start,
            samples=end - start,
            channels=shape.channels,
            gain_db=20.0 * math.log10(peak) if peak > 1.0 else 0.0,
        )
    return planned


def planned_range(
    cues: Sequence[Cue], handles: int, lead: int, samples: int | None
) -> tuple[int, int]:
    """Return which samples of their take the file of some cues has.

    Args:
        cues: All cues with that take.
        handles: Samples to have beyond what plays, at either end.
        lead: Samples of a frame, which is the most silence before the take.
        samples: Length of the take; None if its loop goes on without end.
    """
    handles = max(handles, lead)
    start = max(min(cue.source_start for cue in cues) - handles, -lead)
    end = max(cue.source_start + cue.length for cue in cues) + handles
    return start, end if samples is None else max(min(end, samples), start + 1)


def file_gain_db(cue: Cue, shape: TakeShape) -> float:
    """Return the part of a clip's gain that makes up for its file, and a constant level."""
    peak = shape.peak * (1.0 if cue.lowpass_hz is None else LOWPASS_OVERSHOOT)
    gain = 20.0 * math.log10(peak) if peak > 1.0 else 0.0
    level = level_inside(cue.level, cue.length)
    still = level[0][1] if len(level) == 1 else 0.0
    return gain + (MONO_DB if shape.channels == 1 else 0.0) + still


def _title(asset: Asset) -> str:
    if asset.kind == "recipe":
        return f"take {take_number(asset)}"
    # Short enough that the digest behind it is never cut off.
    return file_name(Path(asset.name).stem)[:20].strip()


def is_file_of(cue: Cue, file: str, start: int, end: int) -> bool:
    """Return whether a file of a session has these samples of the take that a cue has now."""
    return _digest(_key(cue), start, end) in file


def _digest(key: _Key, start: int, end: int) -> str:
    """Return a text that depends on the sound, so that an old session never gets another sound."""
    asset, loop, lowpass_hz = key
    own = dataclasses.asdict(asset)
    # The sound does not depend on it, and earlier sessions do not name it.
    del own["digital_source"]
    plain = [own, loop and dataclasses.asdict(loop), start, end]
    if lowpass_hz is not None:
        plain.append(lowpass_hz)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:6]


def _original(timeline: Timeline, leader: int, gain_db: float) -> SessionTrack:
    """Make the track of the video's own sound, lowered where the mix lowers it."""
    duration = timeline.source.duration_samples
    media = Media(
        name=f"ORIGINAL{MARK}{file_name(Path(timeline.source.name).stem)}.wav",
        title="original",
        asset=None,
        is_original=True,
        samples=duration,
        channels=2,
    )
    clip = Clip(
        name="original",
        media=media,
        place=leader,
        length=duration,
        level=lowered_level(timeline),
    )
    return SessionTrack(name="original", effect="", bus="", gain_db=gain_db, clips=(clip,))


def lowered_level(timeline: Timeline) -> Curve:
    """Return the level of the video's own sound: down before effects, up again after them.

    With `duck` that is under all effects, with `replace` where effects replace its own.
    """
    mix, duration = timeline.mix, timeline.source.duration_samples
    audible = [cue for cue in timeline.cues if cue.status not in SILENT_STATUSES]
    if mix.original == "duck":
        low = mix.duck_db
        wanted = [(cue.onset_sample, cue.offset_sample) for cue in audible]
    elif mix.original == "replace":
        low = mix.replace_db
        wanted = [cue.evidence.original for cue in audible if cue.evidence.original is not None]
    else:
        return STILL
    spans: list[list[int]] = []
    for begin, end in sorted(wanted):
        if spans and begin - DUCK_DOWN <= spans[-1][1] + DUCK_UP:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([begin, end])
    points: dict[int, float] = {0: 0.0}
    for begin, end in spans:
        first, last = max(0, begin - DUCK_DOWN), min(duration, end)
        points |= {first: 0.0 if first else low, begin: low, last: low}
        if end + DUCK_UP <= duration:
            points[end + DUCK_UP] = 0.0
    return tuple(sorted(points.items())) if spans else STILL


def _pop(edit: EditRate) -> SessionTrack:
    """Make the track of the 2-pop: a tone of one frame, two seconds before the first picture."""
    grid = edit.grid
    place = to_sample(grid.time((LEADER_S - POP_BEFORE_S) * edit.nominal))
    end = to_sample(grid.time((LEADER_S - POP_BEFORE_S) * edit.nominal + 1))
    media = Media(
        name=f"2-POP_TFOLEY_{end - place}.wav",
        title="2-pop",
        asset=None,
        samples=end - place,
        channels=1,
    )
    clip = Clip(name="2-pop", media=media, place=place, length=end - place)
    return SessionTrack(name="2-pop", effect="", bus="", gain_db=0.0, clips=(clip,))
