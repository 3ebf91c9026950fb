"""The path from a cue list to editors' sessions and lists: `cues.json` and formats in, files out.

No model is needed and jax is never loaded. Every format is written from the cue list; those with
sound share the files in `media`, which are the takes themselves and not rendered stems.
"""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import CueListError, OutputExistsError, UsageError
from temporal_foley.exported_sound import shape_reader, write_media, write_stems
from temporal_foley.media.probe import VideoInfo, probe_video
from temporal_foley.session.cuesheet import write_cue_sheet
from temporal_foley.session.labels import audacity_text, captions_text
from temporal_foley.session.layout import MEDIA_FOLDER, LayoutSettings, Picture, Session, lay_out
from temporal_foley.session.names import clean_name, file_name
from temporal_foley.session.output import RUN_FILE, read_run, staged
from temporal_foley.session.run_record import Progress, RunRecord
from temporal_foley.session.source_video import find_source_video
from temporal_foley.session.timecode import EditRate, nearest_rate, parse_timecode
from temporal_foley.sound.library import Library, load_library
from temporal_foley.sound.render import BUS_LEVELS_DB
from temporal_foley.timegrid import to_sample
from temporal_foley.timeline import Timeline, read_timeline, without_rejected

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
EXPORT_FOLDER = "export"


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
class ExportOutcome:
    """What was written, by format, and what a person should know of it."""

    folder: Path
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Work:
    """All that the writers need."""

    timeline: Timeline
    edit: EditRate
    first_frame: int
    info: VideoInfo | None
    folder: Path
    """Where it will be: what links to it must name this, not the place it is made at."""
    base: str
    settings: ExportSettings
    record: RunRecord


def parse_formats(text: str) -> tuple[str, ...]:
    """Read names of formats, parted by commas; `all` means every one.

    Raises:
        UsageError: There is no such format.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in FORMATS and name != "all":
            raise UsageError(f"no export format {name!r}; there are: {', '.join(FORMATS)}, all")
    return tuple(FORMATS) if "all" in names else tuple(dict.fromkeys(names))


def missing_formats(cues: Path, formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats whose file does not stand in the export folder beside a cue list."""
    base = _base(read_timeline(cues))
    folder = cues.parent / EXPORT_FOLDER
    return tuple(name for name in formats if not (folder / _target(base, name)).exists())


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
        out: The folder for what is made.
        settings: Rate, timecode, handles and the like.
        video: The video the cues were made for; by default looked for where it was.
        library: The sound library's folder, if it was not the built-in one.
        overwrite: Replace sessions and lists that stand there.
        progress: Told how far each stage is.

    Raises:
        CueListError: The cue list is wrong, or does not fit the video or library.
        OutputExistsError: A session or list stands there, and `overwrite` is not given.
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
        work = _Work(
            timeline=timeline,
            edit=edit,
            first_frame=first_frame,
            info=None if path is None else probe_video(path),
            folder=folder,
            base=_base(timeline),
            settings=settings,
            record=record,
        )
    _check_folder(work, formats, overwrite=overwrite)
    sounds = None
    if {*formats} & {"stems", *SESSIONS}:
        sounds = _library(timeline, cues, None if library is None else Path(library))
    run = read_run(cues.parent)
    mix_gain_db = 0.0 if run is None else run.mix_gain_db or 0.0
    with staged(folder) as staging:
        if "stems" in formats and sounds is not None:
            mix_gain_db = _export_stems(work, sounds, staging)
        if {*formats} & {*SESSIONS} and sounds is not None:
            _export_sessions(work, sounds, formats, staging, mix_gain_db)
        _export_lists(work, formats, staging)
    return ExportOutcome(
        folder=folder,
        files=tuple(_target(work.base, name) for name in formats),
        warnings=_warnings(work, formats),
    )


def _start_at(timeline: Timeline, text: str) -> Timeline:
    try:
        return dataclasses.replace(timeline, start_timecode=text)
    except ValueError:
        raise UsageError(f"--timecode must look like 01:00:00:00, got {text!r}") from None


def _base(timeline: Timeline) -> str:
    return file_name(Path(timeline.source.name).stem)


def _target(base: str, name: str) -> str:
    return FORMATS[name] if name == "stems" else base + FORMATS[name]


def _check_folder(work: _Work, formats: Sequence[str], *, overwrite: bool) -> None:
    folder = work.folder
    if (folder / RUN_FILE).exists():
        raise OutputExistsError(f"{folder}: holds a finished run; choose another --out")
    if overwrite:
        return
    for name in formats:
        target = folder / _target(work.base, name)
        if os.path.lexists(target):
            raise OutputExistsError(f"{target}: exists; use --overwrite or --out DIR")


def _library(timeline: Timeline, cues: Path, path: Path | None) -> Library:
    sounds = load_library(path)
    if sounds.sha256 != timeline.library.sha256:
        raise CueListError(
            f"{cues}: was cast from another library or version ({timeline.library.name}); "
            "use --library DIR, or run generate again"
        )
    for track in timeline.tracks:
        if track.bus not in BUS_LEVELS_DB:
            known = ", ".join(BUS_LEVELS_DB)
            raise CueListError(f"{cues}: bus must be one of {known}, got {track.bus!r}")
    return sounds


def _categories(timeline: Timeline) -> dict[str, str]:
    """Return the UCS CatID of each effect by the shipped vocabulary; empty where it has none."""
    known = {effect.name: effect.ucs for effect in load_vocabulary().effects}
    return {track.effect: known.get(track.effect, "") for track in timeline.tracks}


def _export_stems(work: _Work, sounds: Library, staging: Path) -> float:
    """Write the stems and the mix as broadcast WAV; returns the gain of the mix."""
    timeline = without_rejected(work.timeline)
    needs_video = timeline.source.has_audio and timeline.mix.original != "mute"
    if needs_video and work.info is None:
        raise CueListError(
            f"{timeline.source.name}: the video is not there, and its sound is one of the stems; "
            "use --video FILE"
        )
    with work.record.stage("lay up") as done:
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


def _export_sessions(
    work: _Work, sounds: Library, formats: Sequence[str], staging: Path, mix_gain_db: float
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
            track.effect: track.gain_db + BUS_LEVELS_DB[track.bus] for track in timeline.tracks
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
                _write_session(name, session, work, staging / _target(work.base, name), media)
    links = [name for name in formats if name in LINKING]
    if not links or (links == ["aaf"] and settings.embed):
        shutil.rmtree(media)


def _write_session(name: str, session: Session, work: _Work, path: Path, media: Path) -> None:
    """Write one format; its writer is loaded here, when it is asked for."""
    video = None if work.info is None else work.info.path
    relative = None if video is None else _relative(video, work.folder)
    match name:
        case "otio":
            from temporal_foley.session.otio import otio_text

            path.write_text(otio_text(session, relative), encoding="utf-8")
        case "otioz":
            from temporal_foley.session.otio import write_otioz

            write_otioz(path, session, media, video)
        case "reaper":
            from temporal_foley.session.reaper import reaper_text

            path.write_text(reaper_text(session, relative), encoding="utf-8", newline="\n")
        case "aaf":
            from temporal_foley.session.aaf import write_aaf

            address = (work.folder / MEDIA_FOLDER).as_uri()
            write_aaf(path, session, media, address, embed=work.settings.embed)
        case "dawproject":
            from temporal_foley.session.dawproject import write_dawproject

            write_dawproject(path, session, media)
        case "fcp7":
            from temporal_foley.session.fcp7 import fcp7_text

            address = None if video is None else video.as_uri()
            text = fcp7_text(session, address, work.folder.as_uri())
            path.write_text(text, encoding="utf-8")


def _export_lists(work: _Work, formats: Sequence[str], staging: Path) -> None:
    timeline = work.timeline
    if "audacity" in formats:
        path = staging / _target(work.base, "audacity")
        path.write_text(audacity_text(timeline), encoding="utf-8")
    if "csv" in formats:
        write_cue_sheet(timeline, staging / _target(work.base, "csv"), work.edit.rate)
    if "vtt" in formats:
        path = staging / _target(work.base, "vtt")
        path.write_text(captions_text(timeline), encoding="utf-8")
    if not {*formats} & {*PRINTED}:
        return
    from temporal_foley.session.spotting_list import (
        spotting_html,
        spotting_rows,
        spotting_title,
        write_spotting_pdf,
    )
    from temporal_foley.session.thumbnails import cue_pictures

    heard = without_rejected(timeline).cues
    with work.record.stage("list"):
        pictures: dict[str, bytes] = {}
        if work.info is not None:
            pictures = cue_pictures(work.info, {cue.id: cue.picture_sample for cue in heard})
        rows = spotting_rows(timeline, pictures, work.edit, work.first_frame)
        title = spotting_title(timeline, work.edit, len(rows))
        if "html" in formats:
            path = staging / _target(work.base, "html")
            path.write_text(spotting_html(title, rows), encoding="utf-8")
        if "pdf" in formats:
            write_spotting_pdf(staging / _target(work.base, "pdf"), title, rows)


def _picture(work: _Work) -> Picture | None:
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


def _warnings(work: _Work, formats: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    if work.info is None and {*formats} & {*SESSIONS, *PRINTED}:
        found.append("the video is not where it was: sessions are without picture; use --video")
    rate = work.timeline.source.video_rate
    if abs(rate - work.edit.rate) > Fraction(1, 100) and work.settings.rate is None:
        found.append(
            f"the video's average rate is {float(rate):.3f} Hz; the edit counts at {work.edit}"
        )
    return tuple(found)
