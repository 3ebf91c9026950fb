"""Write OpenTimelineIO: an `.otio` text, or an `.otioz` bundle with its media.

Sound has its places in samples at 48 kHz; the picture and the start have those of the edit.
"""

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from temporal_foley.session.edited import METADATA, origin_of, takes_of
from temporal_foley.session.session_model import Clip, Session, SessionTrack, exact_place, lanes
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_ARCHIVE_TIME = (1980, 1, 1, 0, 0, 0)


def otio_text(session: Session, picture: str | None) -> str:
    """Return the timeline as OTIO's JSON; `picture` is the relative path of the video."""
    # Its native library takes a fifth of a second to load.
    import opentimelineio as otio

    edit = session.edit
    timeline = otio.schema.Timeline(name=session.name)
    timeline.global_start_time = otio.opentime.RationalTime(session.start_frame, float(edit.rate))
    timeline.metadata[METADATA] = {
        "source_sha256": session.source_sha256,
        "leader_samples": session.leader,
        "timecode": session.start_timecode,
        "rate": str(edit.rate),
        "mix_gain_db": session.mix_gain_db,
        "cues": [clip.cue for clip in session.clips if clip.effect],
        "takes": takes_of(session),
    }
    if session.picture is not None and picture is not None:
        timeline.tracks.append(_picture_track(otio, session, picture))
    for track in session.tracks:
        for number, row in enumerate(lanes(track.clips, exact_place), 1):
            timeline.tracks.append(_track(otio, track, row, number))
    for marker in session.markers:
        timeline.tracks.markers.append(
            otio.schema.Marker(
                name=marker.name, marked_range=_range(otio, marker.place, 0, SAMPLE_RATE_HZ)
            )
        )
    return otio.adapters.write_to_string(timeline, "otio_json")


def write_otioz(path: Path, session: Session, media: Path, picture: Path | None) -> None:
    """Write a bundle: the timeline, every sound file of the folder `media`, and the video."""
    name = None
    if picture is not None and session.picture is not None:
        name = f"media/{session.picture.name}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as bundle:
        bundle.writestr(_entry("version.txt"), "1.0.0")
        bundle.writestr(_entry("content.otio"), otio_text(session, name))
        for file in session.media:
            add_file(bundle, media / file.name, f"media/{file.name}")
        if picture is not None and name is not None:
            add_file(bundle, picture, name)


def add_file(bundle: zipfile.ZipFile, path: Path, name: str) -> None:
    """Copy a file into an archive in blocks, without its date."""
    entry = _entry(name)
    entry.file_size = os.stat(path).st_size  # Tells zipfile when it needs the large form.
    with path.open("rb") as source, bundle.open(entry, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, date_time=_ARCHIVE_TIME)


def _picture_track(otio: Any, session: Session, path: str) -> Any:
    picture, rate = session.picture, float(session.edit.rate)
    assert picture is not None
    # Media is counted by its own timecode, or else from the begin of its file.
    begin = picture.file_start or 0
    clip = otio.schema.Clip(
        name=picture.name,
        media_reference=otio.schema.ExternalReference(
            target_url=quote(os.fsencode(path)),
            available_range=_range(otio, begin, picture.lead + picture.frames, rate),
        ),
        source_range=_range(otio, begin + picture.lead, picture.frames, rate),
    )
    track = otio.schema.Track(name="picture", kind=otio.schema.TrackKind.Video)
    if session.leader:
        track.append(otio.schema.Gap(source_range=_range(otio, 0, session.leader, SAMPLE_RATE_HZ)))
    track.append(clip)
    return track


def _track(otio: Any, track: SessionTrack, row: list[Clip], number: int) -> Any:
    made = otio.schema.Track(
        name=track.name if number == 1 else f"{track.name} {number}",
        kind=otio.schema.TrackKind.Audio,
    )
    made.metadata[METADATA] = {
        "effect": track.effect,
        "bus": track.bus,
        "gain_db": round(track.gain_db, 6),
    }
    place = 0
    for clip in row:
        if clip.place > place:
            gap = _range(otio, 0, clip.place - place, SAMPLE_RATE_HZ)
            made.append(otio.schema.Gap(source_range=gap))
        made.append(_clip(otio, clip))
        place = clip.end
    return made


def _clip(otio: Any, clip: Clip) -> Any:
    made = otio.schema.Clip(
        name=clip.name,
        media_reference=otio.schema.ExternalReference(
            target_url=quote(clip.media.path),
            available_range=_range(otio, 0, clip.media.samples, SAMPLE_RATE_HZ),
        ),
        source_range=_range(otio, clip.source_in, clip.length, SAMPLE_RATE_HZ),
    )
    made.enabled = not clip.is_muted
    made.metadata[METADATA] = {
        **(origin_of(clip) if clip.effect else {}),  # The 2-pop is of no cue.
        "effect": clip.effect,
        "gain_db": round(clip.gain_db, 6),
        "level_db": [[place, value] for place, value in clip.level],
        "lowpass_hz": clip.media.lowpass_hz,
        "source_in_samples": clip.source_in,
        "pan": [[place, value] for place, value in clip.pan],
        "fade_in_samples": clip.fade_in,
        "fade_out_samples": clip.fade_out,
        "note": clip.note,
    }
    return made


def _range(otio: Any, start: int, length: int, rate: float) -> Any:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(length, rate)
    )
