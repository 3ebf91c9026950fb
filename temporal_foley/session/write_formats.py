"""Write the formats of an export: stems, sessions and lists.

The writer of a session is imported only when it is needed.
"""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from temporal_foley.errors import CueListError, UsageError
from temporal_foley.files.run_record import RunRecord
from temporal_foley.media.probe import VideoInfo
from temporal_foley.session.build_session import SessionSettings, build_session
from temporal_foley.session.camera_timecode import lead_frames
from temporal_foley.session.export_media import shape_reader, write_media, write_stems
from temporal_foley.session.names import clean_name, export_name
from temporal_foley.session.session_model import MEDIA_FOLDER, Session, SessionPicture
from temporal_foley.session.stem_names import categories_of
from temporal_foley.session.timecode import EditRate, parse_timecode
from temporal_foley.session.writers.cuesheet import write_cue_sheet
from temporal_foley.session.writers.department_lists import departments_text, foley_sheet_text
from temporal_foley.session.writers.labels import audacity_text, captions_text
from temporal_foley.sound.takes.library import Library
from temporal_foley.timegrid import to_sample
from temporal_foley.timeline import Timeline, without_rejected

SESSIONS = ("otio", "otioz", "reaper", "aaf", "dawproject", "fcp7", "fcpxml", "edl")
SESSIONS += ("after_effects", "markers", "pro_tools_markers")
LINKING = ("otio", "reaper", "aaf", "fcp7", "fcpxml", "edl", "after_effects")
"""Sessions that refer to the files in `media`; an embedded AAF does not."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """How sessions are written."""

    rate: Fraction | None = None
    """Picture rate of the edit; None for the usual rate nearest to the video's."""
    timecode: str | None = None
    """Timecode of the first picture; None for that of the cue list."""
    handles_s: float = 1.0
    has_pop: bool = False
    slate: str = ""
    embed: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.handles_s <= 60.0:
            raise UsageError(
                f"must be in [0, 60] seconds, got {self.handles_s}", option="--handles"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportJob:
    """Everything that the writers of files need."""

    timeline: Timeline
    edit: EditRate
    first_frame: int
    info: VideoInfo | None
    folder: Path
    """The final folder, which links must name, not the one that is written to meanwhile."""
    base: str
    settings: ExportSettings
    record: RunRecord

    @property
    def video(self) -> Path | None:
        return None if self.info is None else self.info.path


def export_stems(job: ExportJob, sounds: Library, staging: Path) -> tuple[float, float]:
    """Write stems and mix as broadcast WAV; return the gains of effects and original in the mix."""
    timeline = without_rejected(job.timeline)
    needs_video = timeline.source.has_audio and timeline.mix.original != "mute"
    if needs_video and job.info is None:
        raise CueListError(
            "the video is missing, and its sound is one of the stems",
            path=timeline.source.name,
            remedy="use --video FILE",
        )
    settings = SessionSettings(
        edit=job.edit, first_frame=job.first_frame, has_pop=job.settings.has_pop
    )
    info = job.info if needs_video else None
    with job.record.stage("render") as done:
        return write_stems(timeline, sounds, info, staging, settings, done)


def export_sessions(
    job: ExportJob,
    sounds: Library,
    formats: Sequence[str],
    staging: Path,
    gains_db: tuple[float, float],
) -> None:
    """Write sessions and, where they need it, the folder of sound files that they share."""
    timeline, settings = job.timeline, job.settings
    session = build_session(
        timeline,
        SessionSettings(
            edit=job.edit,
            first_frame=job.first_frame,
            handles=to_sample(settings.handles_s),
            has_pop=settings.has_pop,
            slate=settings.slate,
        ),
        shape_reader(sounds),
        categories=categories_of(timeline),
        track_gains_db={
            track.effect: track.gain_db + sounds.levels.bus_db(track.bus)
            for track in timeline.tracks
        },
        mix_gain_db=gains_db[0],
        original_gain_db=gains_db[1],
        picture=_picture(job),
    )
    media = staging / MEDIA_FOLDER
    with job.record.stage("write sound") as done:
        write_media(session, sounds, job.info, media, done)
    for name in formats:
        if name in SESSIONS:
            with job.record.stage(f"write {name}"):
                _write_session(name, session, job, staging / export_name(job.base, name), media)
    links = [name for name in formats if name in LINKING]
    if not links or (links == ["aaf"] and settings.embed):
        shutil.rmtree(media)


def _write_session(name: str, session: Session, job: ExportJob, path: Path, media: Path) -> None:
    """Write one format; its writer is imported only when it is needed."""
    relative = None if job.video is None else _relative(job.video, job.folder)
    match name:
        case "otio":
            from temporal_foley.session.writers.otio import otio_text

            path.write_text(otio_text(session, relative), encoding="utf-8")
        case "otioz":
            from temporal_foley.session.writers.otio import write_otioz

            write_otioz(path, session, media, job.video)
        case "reaper":
            from temporal_foley.session.writers.reaper import reaper_text

            text = reaper_text(session, relative)
            path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
        case "aaf":
            from temporal_foley.session.writers.aaf import write_aaf

            address = (job.folder / MEDIA_FOLDER).as_uri()
            write_aaf(path, session, media, address, embed=job.settings.embed)
        case "dawproject":
            from temporal_foley.session.writers.dawproject import write_dawproject

            write_dawproject(path, session, media)
        case "fcp7":
            from temporal_foley.session.writers.fcp7 import fcp7_text

            address = None if job.video is None else job.video.as_uri()
            text = fcp7_text(session, address, job.folder.as_uri())
            path.write_text(text, encoding="utf-8")
        case "fcpxml":
            from temporal_foley.session.writers.fcpxml import fcpxml_text

            address = None if job.video is None else job.video.as_uri()
            text = fcpxml_text(session, address, job.folder.as_uri())
            path.write_text(text, encoding="utf-8")
        case "edl":
            from temporal_foley.session.writers.edl import write_edls

            write_edls(path, session)
        case "after_effects":
            from temporal_foley.session.writers.after_effects import after_effects_text

            video = None if job.video is None else job.video.as_posix()
            path.write_text(after_effects_text(session, video), encoding="ascii")
        case "markers" | "pro_tools_markers":
            from temporal_foley.session.writers import markers

            write = markers.resolve_markers_text if name == "markers" else markers.pro_tools_text
            path.write_text(write(session), encoding="utf-8")


def export_lists(job: ExportJob, formats: Sequence[str], staging: Path) -> None:
    """Write the lists for people and for programs that take markers."""
    texts = {
        "audacity": lambda: audacity_text(job.timeline),
        "vtt": lambda: captions_text(job.timeline),
        "html": lambda: _spotting_page(job),
        "foley": lambda: foley_sheet_text(job.timeline, job.edit, job.first_frame),
        "departments": lambda: departments_text(job.timeline, job.edit, job.first_frame),
    }
    if "csv" in formats:
        write_cue_sheet(job.timeline, staging / export_name(job.base, "csv"), job.edit.rate)
    for name, text in texts.items():
        if name in formats:
            path = staging / export_name(job.base, name)
            with job.record.stage(f"write {name}"):
                path.write_text(text(), encoding="utf-8", errors="replace")


def _spotting_page(job: ExportJob) -> str:
    from temporal_foley.pages.thumbnails import cue_pictures
    from temporal_foley.session.writers.spotting_list import spotting_html

    pictures: dict[str, bytes] = {}
    if job.info is not None:
        cues = without_rejected(job.timeline).cues
        pictures = cue_pictures(job.info, {cue.id: cue.picture_sample for cue in cues})
    return spotting_html(job.timeline, pictures, job.edit, job.first_frame)


def _picture(job: ExportJob) -> SessionPicture | None:
    info = job.info
    if info is None:
        return None
    return SessionPicture(
        path=info.path,
        name=clean_name(info.path.name),
        frames=max(1, round(info.duration * job.edit.rate)),
        lead=lead_frames(job.timeline.source, job.edit),
        lead_samples=job.timeline.source.lead_samples,
        file_start=_file_start(job),
        has_audio=info.has_audio,
        width=info.width,
        height=info.height,
    )


def _file_start(job: ExportJob) -> int | None:
    """Return the frame number at which the video's own timecode begins; None if it has none."""
    text = job.timeline.source.timecode
    if not text:
        return None
    try:
        return parse_timecode(text, job.edit.rate)[1]
    except UsageError:  # The edit counts at another rate than the camera.
        return None


def _relative(path: Path, folder: Path) -> str:
    """Return a path relative to a folder, with forward slashes; absolute across drives."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()
