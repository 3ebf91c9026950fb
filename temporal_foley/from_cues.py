"""The path from a cue list, as written or as edited, to stems, mix and video; no model needed."""

import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.edits.keep import BEFORE_FILE, PROPOSED_FILE
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.errors import CueListError, OutputExistsError, VocabularyError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import RUN_FILE, staged, write_run
from temporal_foley.files.run_record import Progress, RunRecord
from temporal_foley.foley import Outcome, run_document
from temporal_foley.media.mux import output_suffix
from temporal_foley.media.video import VideoInfo, probe_video, sample_frames
from temporal_foley.session.source_video import find_source_video
from temporal_foley.sound.credits import check_licences
from temporal_foley.sound.mix import MUSIC_AND_EFFECTS
from temporal_foley.sound.takes.library import load_library
from temporal_foley.spotting.detections import Detections
from temporal_foley.spotting.tables import read_scores
from temporal_foley.stages import THUMBNAILS, picture_samples, render_timeline
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Timeline, without_rejected

CUES_FILE = "cues.json"
TABLES = ("scores.tsv", "events.tsv", PROPOSED_FILE, BEFORE_FILE)
THUMBNAIL_ROWS = 224


def render_cues(
    cues: str | Path,
    out: str | Path | None = None,
    *,
    video: str | Path | None = None,
    library: str | Path | None = None,
    allowed: frozenset[str] = frozenset(),
    mix_changes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Make stems, mix and video from a `cues.json`, into its own folder or into `out`.

    Args:
        cues: The cue list.
        out: The folder for what is made.
        video: The video the cues were made for; by default looked for where it was.
        library: The sound library's folder, if it was not the built-in one.
        allowed: Families of licences; a cue with a take under another is refused. Empty: any.
        mix_changes: Fields of `MixSettings` that replace those of the cue list.
        overwrite: Replace stems, mix and video that stand there.
        progress: Told how far each stage is.

    Raises:
        CueListError: The cue list is wrong, or does not fit the video or library.
        OutputExistsError: Stems, mix or video stand there, and `overwrite` is not given.
    """
    cues = Path(cues).absolute()
    folder = cues.parent if out is None else Path(out).absolute()
    record = RunRecord("render", progress)
    with record.stage("probe"):
        timeline = read_timeline(cues)
        check_licences(timeline, allowed)
        path = find_source_video(timeline, cues, None if video is None else Path(video))
        if path is None:
            where = cues.parent.parent / timeline.source.name
            raise CueListError(f"{where}: the video of {cues.name} is not there; use --video FILE")
        info = probe_video(path)
        if timeline.source.duration_samples != picture_samples(info):
            raise CueListError(
                f"{cues}: source.duration_samples must be {picture_samples(info)}, the length of "
                f"{info.path.name}, got {timeline.source.duration_samples}"
            )
        sounds = load_library(None if library is None else Path(library))
        if sounds.sha256 != timeline.library.sha256:
            raise CueListError(
                f"{cues}: was cast from another library or version ({timeline.library.name}); "
                "use --library DIR, or run generate again"
            )
    video_name = Path(info.path.name).stem + output_suffix(info)
    targets = ("stems", "mix.wav", f"{MUSIC_AND_EFFECTS}.wav", video_name, RUN_FILE)
    if not overwrite:
        for name in targets:
            if (folder / name).exists():
                raise OutputExistsError(f"{folder / name}: exists; use --overwrite or --out DIR")
    with staged(folder) as staging:
        shutil.copyfile(cues, staging / CUES_FILE)
        mix = dataclasses.replace(timeline.mix, **(mix_changes or {}))
        if mix != timeline.mix:
            timeline = dataclasses.replace(timeline, mix=mix)
            write_timeline(timeline, staging / CUES_FILE)
        for name in TABLES:
            if (cues.parent / name).is_file():
                shutil.copyfile(cues.parent / name, staging / name)
        seen = _what_was_seen(timeline, cues.parent, info)
        report = render_timeline(timeline, sounds, info, staging, record, seen)
        made_with = {
            "video": timeline.source.sha256,
            "cues": file_sha256(staging / CUES_FILE),
            "library": sounds.sha256,
        }
        write_run(staging, run_document(record, info, made_with, report))
    heard = without_rejected(timeline).cues
    return Outcome(folder=folder, status="made", cues=len(heard), warnings=info.warnings)


def _what_was_seen(timeline: Timeline, folder: Path, info: VideoInfo) -> Detections:
    """Gather for the overview what stands beside the cue list; without scores, lanes stay bare."""
    try:
        vocabulary = load_vocabulary(timeline.vocabulary.name)
    except VocabularyError:
        vocabulary = Vocabulary(name=timeline.vocabulary.name, effects=())
    grid = TimeGrid.covering(info.duration, timeline.frame_rate)
    probabilities = np.zeros((0, len(vocabulary)), np.float32)
    if (folder / "scores.tsv").is_file():
        table = read_scores(folder / "scores.tsv")
        if table.effects == vocabulary.names and len(table.probabilities) == grid.frames:
            probabilities = table.probabilities
    return Detections(
        grid=grid,
        vocabulary=vocabulary,
        probabilities=probabilities,
        thumbnails=tuple(_thumbnails(info)),
    )


def _thumbnails(info: VideoInfo) -> Iterator[tuple[float, np.ndarray]]:
    import cv2

    def shrink(image: np.ndarray) -> np.ndarray:
        rows, columns = image.shape[:2]
        size = (max(1, round(columns * THUMBNAIL_ROWS / rows)), THUMBNAIL_ROWS)
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    apart = max(info.duration / THUMBNAILS, Fraction(1, 1000))
    grid = TimeGrid(frame_rate=1 / apart, frames=THUMBNAILS, start=apart / 2)
    for frame in sample_frames(info, grid, shrink):
        yield float(frame.time), frame.image
