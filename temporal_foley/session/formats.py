"""The files of an export: a timeline, formats and a folder in; the file of each format out."""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import CueListError, UsageError
from temporal_foley.files.run_record import RunRecord
from temporal_foley.media.probe import VideoInfo
from temporal_foley.session.lay_out import LayoutSettings, lay_out
from temporal_foley.session.layout import MEDIA_FOLDER, Picture, Session
from temporal_foley.session.media_files import shape_reader, write_media, write_stems
from temporal_foley.session.names import clean_name
from temporal_foley.session.timecode import EditRate
from temporal_foley.session.writers.cuesheet import write_cue_sheet
from temporal_foley.session.writers.labels import audacity_text, captions_text
from temporal_foley.sound.takes.library import Library
from temporal_foley.timegrid import to_sample
from temporal_foley.timeline import Timeline, without_rejected

FORMATS = {
    "stems": "stems",
    "otio": ".otio",
    "otioz": ".otioz",
    "reaper": ".rpp",
    "aaf": ".aaf",
    "dawproject": ".dawproject",
    "fcp7": ".xml",
    "audacity": ".labels.txt",
    "csv": ".csv",
    "vtt": ".vtt",
    "html": ".spotting.html",
    "pdf": ".spotting.pdf",
}
"""What can be written, and how its file ends; `stems` is a folder."""
SESSIONS = ("otio", "otioz", "reaper", "aaf", "dawproject", "fcp7")
LINKING = ("otio", "reaper", "aaf", "fcp7")
"""Sessions that point to the files in `media`; an embedded AAF does not."""
PRINTED = ("html", "pdf")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What a person may choose about sessions."""

    rate: Fraction | None = None
    """Picture rate of the edit; None: the usual one nearest to the video's."""
    timecode: str | None = None
    """Of the first picture; None: as the cue list says."""
    handles_s: float = 1.0
    has_pop: bool = False
    slate: str = ""
    embed: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.handles_s <= 60.0:
            raise UsageError(f"--handles must be in [0, 60] seconds, got {self.handles_s}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """All that the writers of files need."""

    timeline: Timeline
    edit: EditRate
    first_frame: int
    info: VideoInfo | None
    folder: Path
    """Where it will be: what links to it must name this, not the place it is made at."""
    base: str
    settings: ExportSettings
    record: RunRecord


def file_of(base: str, name: str) -> str:
    """Return the name of a format's file."""
    return FORMATS[name] if name == "stems" else base + FORMATS[name]


def _categories(timeline: Timeline) -> dict[str, str]:
    """Return the UCS CatID of each effect by the shipped vocabulary; empty where it has none."""
    known = {effect.name: effect.ucs for effect in load_vocabulary().effects}
    return {track.effect: known.get(track.effect, "") for track in timeline.tracks}


def export_stems(work: Work, sounds: Library, staging: Path) -> float:
    """Write the stems and the mix as broadcast WAV; returns the gain of the mix."""
    timeline = without_rejected(work.timeline)
    needs_video = timeline.source.has_audio and timeline.mix.original != "mute"
    if needs_video and work.info is None:
        raise CueListError(
            f"{timeline.source.name}: the video is not there, and its sound is one of the stems; "
            "use --video FILE"
        )
    with work.record.stage("render") as done:
        return write_stems(
            timeline,
            sounds,
            work.info if needs_video else None,
            staging,
            LayoutSettings(
                edit=work.edit, first_frame=work.first_frame, has_pop=work.settings.has_pop
            ),
            _categories(timeline),
            done,
        )


def export_sessions(
    work: Work, sounds: Library, formats: Sequence[str], staging: Path, mix_gain_db: float
) -> None:
    timeline, settings = work.timeline, work.settings
    session = lay_out(
        timeline,
        LayoutSettings(
            edit=work.edit,
            first_frame=work.first_frame,
            handles=to_sample(settings.handles_s),
            has_pop=settings.has_pop,
            slate=settings.slate,
        ),
        shape_reader(sounds),
        categories=_categories(timeline),
        track_gains_db={
            track.effect: track.gain_db + sounds.levels.bus_db(track.bus)
            for track in timeline.tracks
        },
        mix_gain_db=mix_gain_db,
        picture=_picture(work),
    )
    media = staging / MEDIA_FOLDER
    with work.record.stage("write sound") as done:
        write_media(session, sounds, media, done)
    for name in formats:
        if name in SESSIONS:
            with work.record.stage(f"write {name}"):
                _write_session(name, session, work, staging / file_of(work.base, name), media)
    links = [name for name in formats if name in LINKING]
    if not links or (links == ["aaf"] and settings.embed):
        shutil.rmtree(media)


def _write_session(name: str, session: Session, work: Work, path: Path, media: Path) -> None:
    """Write one format; its writer is loaded here, when it is asked for."""
    video = None if work.info is None else work.info.path
    relative = None if video is None else _relative(video, work.folder)
    match name:
        case "otio":
            from temporal_foley.session.writers.otio import otio_text

            path.write_text(otio_text(session, relative), encoding="utf-8")
        case "otioz":
            from temporal_foley.session.writers.otio import write_otioz

            write_otioz(path, session, media, video)
        case "reaper":
            from temporal_foley.session.writers.reaper import reaper_text

            path.write_text(reaper_text(session, relative), encoding="utf-8", newline="\n")
        case "aaf":
            from temporal_foley.session.writers.aaf import write_aaf

            address = (work.folder / MEDIA_FOLDER).as_uri()
            write_aaf(path, session, media, address, embed=work.settings.embed)
        case "dawproject":
            from temporal_foley.session.writers.dawproject import write_dawproject

            write_dawproject(path, session, media)
        case "fcp7":
            from temporal_foley.session.writers.fcp7 import fcp7_text

            address = None if video is None else video.as_uri()
            text = fcp7_text(session, address, work.folder.as_uri())
            path.write_text(text, encoding="utf-8")


def export_lists(work: Work, formats: Sequence[str], staging: Path) -> None:
    timeline = work.timeline
    if "audacity" in formats:
        path = staging / file_of(work.base, "audacity")
        path.write_text(audacity_text(timeline), encoding="utf-8")
    if "csv" in formats:
        write_cue_sheet(timeline, staging / file_of(work.base, "csv"), work.edit.rate)
    if "vtt" in formats:
        path = staging / file_of(work.base, "vtt")
        path.write_text(captions_text(timeline), encoding="utf-8")
    if not {*formats} & {*PRINTED}:
        return
    from temporal_foley.pages.thumbnails import cue_pictures
    from temporal_foley.session.writers.spotting_list import (
        spotting_html,
        spotting_rows,
        spotting_title,
        write_spotting_pdf,
    )

    heard = without_rejected(timeline).cues
    with work.record.stage("list"):
        pictures: dict[str, bytes] = {}
        if work.info is not None:
            pictures = cue_pictures(work.info, {cue.id: cue.picture_sample for cue in heard})
        rows = spotting_rows(timeline, pictures, work.edit, work.first_frame)
        title = spotting_title(timeline, work.edit, len(rows))
        if "html" in formats:
            path = staging / file_of(work.base, "html")
            path.write_text(spotting_html(title, rows), encoding="utf-8")
        if "pdf" in formats:
            write_spotting_pdf(staging / file_of(work.base, "pdf"), title, rows)


def _picture(work: Work) -> Picture | None:
    info = work.info
    if info is None:
        return None
    return Picture(
        path=info.path,
        name=clean_name(info.path.name),
        frames=max(1, round(info.duration * work.edit.rate)),
        has_audio=info.has_audio,
        width=info.width,
        height=info.height,
    )


def _relative(path: Path, folder: Path) -> str:
    """Return a path from a folder, with forward slashes; across drives it stays absolute."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()
