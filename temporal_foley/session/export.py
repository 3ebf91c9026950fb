"""Export a cue list as sessions and lists for editors.

No model is needed and jax is never loaded. Sessions share the sound files in `media`, which are the
takes themselves and not rendered stems. A session that was edited since it was exported is never
replaced before its edits are imported.
"""

import dataclasses
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from temporal_foley.cue_list import read_timeline
from temporal_foley.errors import CueListError, OutputExistsError, UsageError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import RUN_FILE, FinishedRun, read_run, staged
from temporal_foley.files.run_record import Progress, RunRecord
from temporal_foley.media.probe import probe_video
from temporal_foley.session.export_media import copy_stems
from temporal_foley.session.names import FOLDERS, FORMATS, export_name, file_name
from temporal_foley.session.source_video import find_source_video
from temporal_foley.session.stem_names import StemNames, usual_edit
from temporal_foley.session.timecode import nearest_rate, parse_timecode
from temporal_foley.session.write_formats import (
    SESSIONS,
    ExportJob,
    ExportSettings,
    export_lists,
    export_sessions,
    export_stems,
)
from temporal_foley.session.written import changed_files, note_written
from temporal_foley.sound.levels import BUSES
from temporal_foley.sound.takes.library import Library, check_library, load_library
from temporal_foley.timeline import Timeline

EXPORT_FOLDER = "export"
WITHOUT_MUTED = ("aaf", "edl", "markers", "pro_tools_markers")
"""Sessions without the cues that the original already contains: they have no muted clips."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportOutcome:
    """The files that were written, and warnings."""

    folder: Path
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


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
        job = ExportJob(
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
            mix_gain_db, own_gain_db = export_stems(job, sounds, staging)
        if {*formats} & {*SESSIONS} and sounds is not None:
            export_sessions(job, sounds, formats, staging, (mix_gain_db, own_gain_db))
        export_lists(job, formats, staging)
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


def _warnings(job: ExportJob, formats: Sequence[str]) -> tuple[str, ...]:
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


def _holds_stems(job: ExportJob, cues: Path, run: FinishedRun, sounds: Library) -> bool:
    """Return whether the folder of a cue list has the very stems that are to be exported."""
    made = {"cues": file_sha256(cues), "library": sounds.sha256}
    is_usual = (job.edit, job.first_frame) == usual_edit(job.timeline)
    return (
        is_usual
        and not job.settings.has_pop
        and made.items() <= run.made_with.items()
        and all((cues.parent / name).is_file() for name in run.files)
    )
