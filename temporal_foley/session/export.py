"""The path from a cue list to editors' sessions and lists: `cues.json` and formats in, files out.

No model is needed and jax is never loaded. Every format is written from the cue list; those with
sound share the files in `media`, which are the takes themselves and not rendered stems. A session
that an editor saved since is never replaced before its edits were imported.
"""

import dataclasses
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from temporal_foley.cue_list import read_timeline
from temporal_foley.errors import CueListError, OutputExistsError, UsageError
from temporal_foley.files.output import RUN_FILE, read_run, staged
from temporal_foley.files.run_record import Progress, RunRecord
from temporal_foley.media.probe import probe_video
from temporal_foley.session.formats import (
    FORMATS,
    PRINTED,
    SESSIONS,
    ExportSettings,
    Work,
    export_lists,
    export_sessions,
    export_stems,
    file_of,
)
from temporal_foley.session.names import file_name
from temporal_foley.session.source_video import find_source_video
from temporal_foley.session.timecode import nearest_rate, parse_timecode
from temporal_foley.session.written import changed_files, note_written
from temporal_foley.sound.levels import BUSES
from temporal_foley.sound.takes.library import Library, load_library
from temporal_foley.timeline import Timeline

__all__ = ["FORMATS", "ExportSettings", "export_cues", "missing_formats", "parse_formats"]

EXPORT_FOLDER = "export"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportOutcome:
    """What was written, by format, and what a person should know of it."""

    folder: Path
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


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
    return tuple(name for name in formats if not (folder / file_of(base, name)).exists())


def check_sessions(folder: Path, video: Path, formats: Sequence[str]) -> None:
    """Make sure that sessions of a video's output folder may be written anew.

    Raises:
        OutputExistsError: One was changed since it was exported, and not imported.
    """
    refuse_changed(folder / EXPORT_FOLDER, file_name(video.stem), formats)


def refuse_changed(folder: Path, base: str, formats: Sequence[str]) -> None:
    """Raise `OutputExistsError` for what a person changed since it was exported."""
    changed = changed_files(folder, _files(base, formats))
    if changed:
        is_read = Path(changed[0]).suffix in (".rpp", ".otio", ".otioz")
        way = "bring its edits into the cue list by temporal-foley import, or " if is_read else ""
        raise OutputExistsError(
            "was changed since it was exported",
            path=folder / changed[0],
            remedy=f"{way}move it away",
        )


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
        overwrite: Replace sessions and lists that stand there as they were exported.
        progress: Told how far each stage is.

    Raises:
        CueListError: The cue list is wrong, or does not fit the video or library.
        OutputExistsError: A session or list stands there, and `overwrite` is not given; or it was
            changed since it was exported, and not imported.
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
        work = Work(
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
        refuse_changed(folder, work.base, formats)
    else:
        _refuse_existing(folder, work.base, formats)
    sounds = None
    if {*formats} & {"stems", *SESSIONS}:
        sounds = _library(timeline, cues, None if library is None else Path(library))
    run = read_run(cues.parent)
    mix_gain_db = 0.0 if run is None else run.mix_gain_db or 0.0
    with staged(folder) as staging:
        if "stems" in formats and sounds is not None:
            mix_gain_db = export_stems(work, sounds, staging)
        if {*formats} & {*SESSIONS} and sounds is not None:
            export_sessions(work, sounds, formats, staging, mix_gain_db)
        export_lists(work, formats, staging)
        note_written(staging, folder, _files(work.base, formats))
    return ExportOutcome(
        folder=folder,
        files=tuple(file_of(work.base, name) for name in formats),
        warnings=_warnings(work, formats),
    )


def _start_at(timeline: Timeline, text: str) -> Timeline:
    try:
        return dataclasses.replace(timeline, start_timecode=text)
    except ValueError:
        raise UsageError(f"--timecode must look like 01:00:00:00, got {text!r}") from None


def _base(timeline: Timeline) -> str:
    return file_name(Path(timeline.source.name).stem)


def _refuse_existing(folder: Path, base: str, formats: Sequence[str]) -> None:
    for name in formats:
        target = folder / file_of(base, name)
        if os.path.lexists(target):
            raise OutputExistsError("exists", path=target, remedy="use --overwrite or --out DIR")


def _files(base: str, formats: Sequence[str]) -> list[str]:
    """Return the files that are one each; stems are many, and rendered anew as the mix is."""
    return [file_of(base, name) for name in formats if name != "stems"]


def _library(timeline: Timeline, cues: Path, path: Path | None) -> Library:
    sounds = load_library(path)
    if sounds.sha256 != timeline.library.sha256:
        raise CueListError(
            f"was cast from another library or version ({timeline.library.name})",
            path=cues,
            remedy="use --library DIR, or run generate again",
        )
    for track in timeline.tracks:
        if track.bus not in BUSES:
            known = ", ".join(BUSES)
            raise CueListError(f"bus must be one of {known}, got {track.bus!r}", path=cues)
    return sounds


def _warnings(work: Work, formats: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    if work.info is None and {*formats} & {*SESSIONS, *PRINTED}:
        found.append("the video is not where it was: sessions are without picture; use --video")
    rate = work.timeline.source.video_rate
    if abs(rate - work.edit.rate) > Fraction(1, 100) and work.settings.rate is None:
        found.append(
            f"the video's average rate is {float(rate):.3f} Hz; the edit counts at {work.edit}"
        )
    return tuple(found)
