"""Export a cue list as sessions and lists for editors.

No model is needed and jax is never loaded. Sessions share the sound files in `media`, which are the
takes themselves and not rendered stems. A session that was edited since it was exported is never
replaced before its edits are imported.
"""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from temporal_foley.cue_list import read_timeline
from temporal_foley.errors import CueListError, OutputExistsError, UsageError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import RUN_FILE, FinishedRun, read_run, staged
from temporal_foley.files.run_record import Progress, RunRecord
from temporal_foley.media.probe import VideoInfo, probe_video
from temporal_foley.session.build_session import SessionSettings, build_session
from temporal_foley.session.camera_timecode import lead_frames
from temporal_foley.session.export_media import (
    copy_stems,
    shape_reader,
    write_media,
    write_stems,
)
from temporal_foley.session.names import FOLDERS, FORMATS, clean_name, export_name, file_name
from temporal_foley.session.session_model import MEDIA_FOLDER, Session, SessionPicture
from temporal_foley.session.source_video import find_source_video
from temporal_foley.session.stem_names import StemNames, categories_of, usual_edit
from temporal_foley.session.timecode import EditRate, nearest_rate, parse_timecode
from temporal_foley.session.writers.cuesheet import write_cue_sheet
from temporal_foley.session.writers.department_lists import departments_text, foley_sheet_text
from temporal_foley.session.writers.labels import audacity_text, captions_text
from temporal_foley.session.written import changed_files, note_written
from temporal_foley.sound.levels import BUSES
from temporal_foley.sound.takes.library import Library, check_library, load_library
from temporal_foley.timegrid import to_sample
from temporal_foley.timeline import Timeline, without_rejected

EXPORT_FOLDER = "export"
SESSIONS = ("otio", "otioz", "reaper", "aaf", "dawproject", "fcp7", "fcpxml", "edl")
SESSIONS += ("after_effects", "markers", "pro_tools_markers")
LINKING = ("otio", "reaper", "aaf", "fcp7", "fcpxml", "edl", "after_effects")
"""Sessions that refer to the files in `media`; an embedded AAF does not."""

WITHOUT_MUTED = ("aaf", "edl", "markers", "pro_tools_markers")
"""Sessions without the cues that the original already contains: they have no muted clips."""


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
class ExportOutcome:
    """The files that were written, and warnings."""

    folder: Path
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Job:
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


def export_cues(
    cues: str | Path,
    formats: Sequence[str],
    out: str | Path | None = None,
    settings: ExportSettings | None = None,
    *,
    video: str | Path | None = None,
    library: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportOutcome:
    """Write sessions and lists of a `cues.json`, into `export` beside it or into `out`.

    Args:
        cues: The cue list.
        formats: Keys of `FORMATS`.
        out: The folder to write to.
        settings: Rate, timecode, handles and so on.
        video: The video of the cue list; by default it is looked for where it was.
        library: The folder of the sound library, if it was not the built-in one.
        overwrite: Replace existing sessions and lists that were not changed since their export.
        progress: Called with each stage and the part of it that is done.

    Raises:
        CueListError: The cue list is wrong, or does not fit the video or library.
        OutputExistsError: A session or list exists, and `overwrite` is not given; or it was changed
            since it was exported, and not imported.
    """
    settings, cues = settings or ExportSettings(), Path(cues).absolute()
    if not formats:
        raise UsageError(f"export needs a format; there are: {', '.join(FORMATS)}, all")
    folder = cues.parent / EXPORT_FOLDER if out is None else Path(out).absolute()
    record = RunRecord("export", progress)
    with record.stage("probe"):
        timeline = read_timeline(cues)
        if settings.timecode is not None:
            timeline = _start_at(timeline, settings.timecode)
        rate = settings.rate or nearest_rate(timeline.source.video_rate)
        edit, first_frame = parse_timecode(timeline.start_timecode, rate)
        path = find_source_video(timeline, cues, None if video is None else Path(video))
        job = _Job(
            timeline=timeline,
            edit=edit,
            first_frame=first_frame,
            info=None if path is None else probe_video(path),
            folder=folder,
            base=_base(timeline),
            settings=settings,
            record=record,
        )
    if (folder / RUN_FILE).exists():
        raise OutputExistsError("holds a finished run", path=folder, remedy="choose another --out")
    if overwrite:
        refuse_changed(folder, job.base, formats)
    else:
        _refuse_existing(folder, job.base, formats)
    sounds = None
    if {*formats} & {"stems", *SESSIONS}:
        sounds = _library(timeline, cues, None if library is None else Path(library))
    run = read_run(cues.parent)
    mix_gain_db = 0.0 if run is None else run.mix_gain_db or 0.0
    own_gain_db = mix_gain_db if run is None else run.original_gain_db or mix_gain_db
    with staged(folder) as staging:
        is_made = run is not None and sounds is not None and _holds_stems(job, cues, run, sounds)
        if "stems" in formats and is_made:
            names = StemNames(timeline, edit, first_frame)
            copy_stems(cues.parent, staging, names)
        elif "stems" in formats and sounds is not None:
            mix_gain_db, own_gain_db = _export_stems(job, sounds, staging)
        if {*formats} & {*SESSIONS} and sounds is not None:
            _export_sessions(job, sounds, formats, staging, (mix_gain_db, own_gain_db))
        _export_lists(job, formats, staging)
        note_written(staging, folder, _files(job.base, formats))
    return ExportOutcome(
        folder=folder,
        files=tuple(export_name(job.base, name) for name in formats),
        warnings=_warnings(job, formats),
    )


def missing_formats(cues: Path, formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats whose file is missing in the export folder beside a cue list."""
    base = _base(read_timeline(cues))
    folder = cues.parent / EXPORT_FOLDER
    return tuple(name for name in formats if not (folder / export_name(base, name)).exists())


def check_sessions(folder: Path, video: Path, formats: Sequence[str]) -> None:
    """Check that the sessions in a video's output folder may be replaced.

    Raises:
        OutputExistsError: One was changed since it was exported, and not imported.
    """
    refuse_changed(folder / EXPORT_FOLDER, file_name(video.stem), formats)


def refuse_changed(folder: Path, base: str, formats: Sequence[str]) -> None:
    """Raise `OutputExistsError` if a file was changed since it was exported."""
    changed = changed_files(folder, _files(base, formats))
    if changed:
        is_read = Path(changed[0]).suffix in (".rpp", ".otio", ".otioz")
        way = "bring its edits into the cue list by temporal-foley import, or " if is_read else ""
        raise OutputExistsError(
            "was changed since it was exported",
            path=folder / changed[0],
            remedy=f"{way}move it away",
        )


def _start_at(timeline: Timeline, text: str) -> Timeline:
    try:
        return dataclasses.replace(timeline, start_timecode=text)
    except ValueError:
        raise UsageError(f"must look like 01:00:00:00, got {text!r}", option="--timecode") from None


def _base(timeline: Timeline) -> str:
    return file_name(Path(timeline.source.name).stem)


def _refuse_existing(folder: Path, base: str, formats: Sequence[str]) -> None:
    for name in formats:
        target = folder / export_name(base, name)
        if os.path.lexists(target):
            raise OutputExistsError("exists", path=target, remedy="use --overwrite or --out DIR")


def _files(base: str, formats: Sequence[str]) -> list[str]:
    """Return the names of single files; stems are many, and rendered anew like the mix."""
    return [export_name(base, name) for name in formats if name not in FOLDERS]


def _library(timeline: Timeline, cues: Path, path: Path | None) -> Library:
    sounds = load_library(path)
    check_library(timeline, sounds, cues)
    for track in timeline.tracks:
        if track.bus not in BUSES:
            known = ", ".join(BUSES)
            raise CueListError(f"bus must be one of {known}, got {track.bus!r}", path=cues)
    return sounds


def _warnings(job: _Job, formats: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    if job.info is None and {*formats} & {*SESSIONS, "html"}:
        found.append("the video was not found: sessions are without picture; use --video")
    silent = sum(cue.status == "already_heard" for cue in job.timeline.cues)
    without = [name for name in formats if name in WITHOUT_MUTED]
    if silent and without:
        cues = "1 cue" if silent == 1 else f"{silent} cues"
        found.append(
            f"{cues} that the original already contains: left out of {', '.join(without)}, which "
            "have no muted clips; accept them to export them"
        )
    rate = job.timeline.source.video_rate
    if abs(rate - job.edit.rate) > Fraction(1, 100) and job.settings.rate is None:
        found.append(
            f"the video's average rate is {float(rate):.3f} Hz; the edit counts at {job.edit}"
        )
    return tuple(found)


def _holds_stems(job: _Job, cues: Path, run: FinishedRun, sounds: Library) -> bool:
    """Return whether the folder of a cue list has the very stems that are to be exported."""
    made = {"cues": file_sha256(cues), "library": sounds.sha256}
    is_usual = (job.edit, job.first_frame) == usual_edit(job.timeline)
    return (
        is_usual
        and not job.settings.has_pop
        and made.items() <= run.made_with.items()
        and all((cues.parent / name).is_file() for name in run.files)
    )


def _export_stems(job: _Job, sounds: Library, staging: Path) -> tuple[float, float]:
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


def _export_sessions(
    job: _Job,
    sounds: Library,
    formats: Sequence[str],
    staging: Path,
    gains_db: tuple[float, float],
) -> None:
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


def _write_session(name: str, session: Session, job: _Job, path: Path, media: Path) -> None:
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


def _export_lists(job: _Job, formats: Sequence[str], staging: Path) -> None:
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


def _spotting_page(job: _Job) -> str:
    from temporal_foley.pages.thumbnails import cue_pictures
    from temporal_foley.session.writers.spotting_list import spotting_html

    pictures: dict[str, bytes] = {}
    if job.info is not None:
        cues = without_rejected(job.timeline).cues
        pictures = cue_pictures(job.info, {cue.id: cue.picture_sample for cue in cues})
    return spotting_html(job.timeline, pictures, job.edit, job.first_frame)


def _picture(job: _Job) -> SessionPicture | None:
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


def _file_start(job: _Job) -> int | None:
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
