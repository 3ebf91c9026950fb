"""Write REAPER projects (`.rpp`).

The form is that of projects saved by REAPER 6 and 7: a line is a keyword with its values, `<` opens
a block and `>` closes it. Places are seconds with enough digits to find each sample again.
"""

import uuid
from collections.abc import Iterator

from temporal_foley.session.curves import amplitude_of, ratios
from temporal_foley.session.edited import known_lines, origin_note
from temporal_foley.session.session_model import Clip, Session, SessionTrack
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_SPACE = uuid.UUID("6f1c0f0e-4b0b-5d3a-9d47-0c8a2f2f5e11")
_SLOW_START_AND_END = 5
"""REAPER's number of the fade shape that is nearest to ours."""


def reaper_text(session: Session, picture: str | None) -> str:
    """Return the project; `picture` is the video's path as the project will name it."""
    return "\n".join(_project(session, picture)) + "\n"


def _project(session: Session, picture: str | None) -> Iterator[str]:
    edit = session.edit
    start_s = float(edit.grid.time(session.start_frame))
    pulldown = 0 if not edit.is_ntsc else 1 if edit.drop else 2
    yield '<REAPER_PROJECT 0.1 "7.0/temporal-foley" 0'
    yield f"  PROJOFFS {start_s!r} 0 0"
    yield f"  TIMEMODE 1 5 -1 {edit.nominal} {pulldown} 0 -1"
    yield f"  SAMPLERATE {SAMPLE_RATE_HZ} 1 0"
    yield "  TEMPO 120 4 4"
    yield "  <NOTES 0 2"
    yield from (f"    |{line}" for line in known_lines(session))
    yield "  >"
    yield "  MASTER_VOLUME 1 0 -1 -1 1"
    for number, marker in enumerate(session.markers, 1):
        yield f"  MARKER {number} {_seconds(marker.place)} {_quoted(marker.name)} 0"
    if session.picture is not None and picture is not None:
        yield from _picture_track(session, picture)
    for track in session.tracks:
        # The video has its own sound.
        if picture is None or not track.is_original:
            yield from _track(track, session)
    yield ">"


def _picture_track(session: Session, picture: str) -> Iterator[str]:
    """Write the video item; its sound ducks under the effects as in the mix."""
    assert session.picture is not None
    seconds = session.picture.frames / session.edit.rate
    own = next((track for track in session.tracks if track.is_original), None)
    volume = _ratio(session.mix_gain_db if own is None else own.gain_db)
    is_mute = session.original == "mute"
    yield from _track_head("picture", "picture", volume, is_mute=is_mute)
    level = () if own is None else ratios(own.clips[0].level)
    if len(level) > 1:
        points = [(_seconds(session.leader + at), repr(round(value, 9))) for at, value in level]
        yield from _envelope("VOLENV2", points, indent="    ")
    yield "    <ITEM"
    yield f"      POSITION {_seconds(session.leader)}"
    yield f"      LENGTH {float(seconds)!r}"
    yield "      LOOP 0"
    yield f"      IGUID {_guid('picture item')}"
    yield f"      NAME {_quoted(session.picture.name)}"
    yield "      VOLPAN 1 0 1 -1"
    yield f"      SOFFS {_seconds(session.picture.lead_samples)}"
    yield f"      GUID {_guid('picture take')}"
    yield "      <SOURCE VIDEO"
    yield f"        FILE {_quoted(picture)}"
    yield "      >"
    yield "    >"
    yield "  >"


def _track(track: SessionTrack, session: Session) -> Iterator[str]:
    gain_db = track.gain_db + (session.mix_gain_db if track.effect else 0.0)
    yield from _track_head(track.name, track.effect or track.name, _ratio(gain_db))
    for clip in track.clips:
        yield from _item(clip)
    yield "  >"


def _track_head(name: str, key: str, volume: float, *, is_mute: bool = False) -> Iterator[str]:
    guid = _guid(f"track {key}")
    yield f"  <TRACK {guid}"
    yield f"    NAME {_quoted(name)}"
    yield f"    VOLPAN {volume!r} 0 -1 -1 1"
    yield f"    MUTESOLO {int(is_mute)} 0 0"
    yield "    NCHAN 2"
    yield f"    TRACKID {guid}"


def _item(clip: Clip) -> Iterator[str]:
    pan = clip.pan[0][1] if len(clip.pan) == 1 else 0.0
    shape = _SLOW_START_AND_END
    yield "    <ITEM"
    yield f"      POSITION {_seconds(clip.place)}"
    yield f"      SNAPOFFS {_seconds(clip.meets)}"
    yield f"      LENGTH {_seconds(clip.length)}"
    yield "      LOOP 0"
    yield "      ALLTAKES 0"
    yield f"      FADEIN {shape} {_seconds(clip.fade_in)} 0 {shape} 0 0 0"
    yield f"      FADEOUT {shape} {_seconds(clip.fade_out)} 0 {shape} 0 0 0"
    yield f"      MUTE {int(clip.is_muted)} 0"
    yield f"      IGUID {item_guid(clip.cue)}"
    yield f"      NAME {_quoted(clip.name)}"
    yield f"      VOLPAN {_ratio(clip.gain_db)!r} {pan!r} 1 -1"
    yield f"      SOFFS {_seconds(clip.source_in)}"
    yield "      PLAYRATE 1 1 0 -1 0 0.0025"
    yield "      CHANMODE 0"
    yield f"      GUID {_guid(f'take {clip.cue}')}"
    if len(clip.level) > 1:
        points = [(_seconds(at), repr(round(value, 9))) for at, value in ratios(clip.level)]
        yield from _envelope("VOLENV", points, indent="      ")
    if len(clip.pan) > 1:
        # In envelopes, unlike in VOLPAN, left is above zero.
        points = [(_seconds(place), repr(-value)) for place, value in clip.pan]
        yield from _envelope("PANENV", points, indent="      ")
    if clip.effect:
        yield "      <NOTES"
        yield from (f"        |{line}" for line in (clip.note, origin_note(clip)) if line)
        yield "      >"
    yield "      <SOURCE WAVE"
    yield f"        FILE {_quoted(clip.media.path)}"
    yield "      >"
    yield "    >"


def _envelope(kind: str, points: list[tuple[str, str]], indent: str) -> Iterator[str]:
    yield f"{indent}<{kind}"
    yield f"{indent}  ACT 1 -1"
    yield f"{indent}  VIS 1 1 1"
    yield from (f"{indent}  PT {place} {value} 0" for place, value in points)
    yield f"{indent}>"


def _seconds(samples: int) -> str:
    """Write samples as seconds; twelve decimals are a hundred millionth of a sample."""
    return f"{samples / SAMPLE_RATE_HZ:.12f}".rstrip("0").rstrip(".")


def _ratio(decibels: float) -> float:
    return round(amplitude_of(decibels), 9)


def _quoted(text: str) -> str:
    """Quote a text with a mark that does not occur in it, as REAPER does; clean names have no `."""
    mark = next((mark for mark in ('"', "'") if mark not in text), "`")
    return f"{mark}{text}{mark}"


def item_guid(cue: str) -> str:
    """Return the GUID of a cue's item: REAPER gives a copy of the item another one."""
    return _guid(f"item {cue}")


def _guid(key: str) -> str:
    return f"{{{str(uuid.uuid5(_SPACE, key)).upper()}}}"
