"""Render timelines: stems, mix, the video with its new sound, and the pages that show them.

`render_cue_list` renders a cue list, as written or as edited, and needs no model.
"""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np

from temporal_foley import __version__
from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.documents.disclosure import DISCLOSURE_NAME, disclosure_html
from temporal_foley.documents.signing import Credentials, check_container, sign_run
from temporal_foley.edits.keep import BEFORE_FILE, PROPOSED_FILE
from temporal_foley.effects import Effect
from temporal_foley.errors import MediaError, OutputExistsError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import (
    RUN_FILE,
    FinishedRun,
    read_run,
    staged,
    write_run,
)
from temporal_foley.files.run_record import Progress, RunRecord
from temporal_foley.media.audio import read_audio
from temporal_foley.media.containers.accept import video_name
from temporal_foley.media.mux import mux_sound
from temporal_foley.media.video import VideoInfo
from temporal_foley.pages.overview import SHOWN_PROBABILITY, RenderedSound, draw_overview
from temporal_foley.pages.read_detections import read_detections
from temporal_foley.pages.review import ReviewTake, write_review
from temporal_foley.session.camera_timecode import timecode_warning
from temporal_foley.session.source_video import open_source_video
from temporal_foley.session.stem_names import StemNames
from temporal_foley.session.writers.cuesheet import write_cue_sheet
from temporal_foley.sound.alternates import choose_alternates, list_alternates
from temporal_foley.sound.ambience import carry_through_scenes
from temporal_foley.sound.mix import (
    MIX,
    MUSIC_AND_EFFECTS,
    STEMS_FOLDER,
    MixReport,
    mix_warnings,
    write_mix,
)
from temporal_foley.sound.room_tone import ROOM_TONE_STEM
from temporal_foley.sound.signal.blocks import Replayed
from temporal_foley.sound.stems import ORIGINAL_STEM
from temporal_foley.sound.takes.credits import CREDITS_NAME, check_licences, write_credits
from temporal_foley.sound.takes.library import Library, check_library, load_library
from temporal_foley.spotting.detections import Detections
from temporal_foley.timeline import (
    MOST_ALTERNATES,
    Asset,
    Cue,
    Event,
    Timeline,
    keeps_own_sound,
    without_rejected,
)

CUES_FILE = "cues.json"
MIX_FILE = f"{MIX}.wav"
TABLES = ("scores.tsv", "events.tsv", PROPOSED_FILE, BEFORE_FILE)
EFFECTS_WITHOUT_CUES = 6
"""Effects that can be added in the page from disk where nothing was found."""

_HELD_SOUND_BYTES = 48 << 20
"""Two minutes of stereo."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run wrote. `status` is `unchanged` if the output already existed as asked for."""

    folder: Path
    status: Literal["made", "unchanged"]
    events: tuple[Event, ...] | None = None
    """The detected events; None if this run detected none."""
    timeline: Timeline | None = None
    """None if only tables were written."""
    stems: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    """The sound file of each track, and of the original sound, by name."""
    mix: Path | None = None
    video: Path | None = None
    """The video with its new sound."""
    report: MixReport | None = None
    """Loudness and peaks; None if nothing was rendered."""
    changes: str | None = None
    """What changed besides the edits that were kept; None if there were no edits."""
    warnings: tuple[str, ...] = ()

    @property
    def cues(self) -> list[Cue]:
        """The cues that play, in order of onset."""
        return [] if self.timeline is None else without_rejected(self.timeline).cues

    @property
    def already_heard(self) -> list[Cue]:
        """The cues that are left to the original sound."""
        cues = [] if self.timeline is None else self.timeline.cues
        return [cue for cue in cues if cue.status == "already_heard"]


def rendered(folder: Path, info: VideoInfo, timeline: Timeline, **fields: Any) -> RunResult:
    """Describe a finished output folder."""
    run = read_run(folder)
    names = (Path(name) for name in (() if run is None else run.files))
    stem_names = StemNames.of(timeline)
    effects = (*(track.effect for track in timeline.tracks), ORIGINAL_STEM, ROOM_TONE_STEM)
    # By the name of its file; folders of earlier versions have that of the effect there.
    stem_of = {stem_names(effect).name: effect for effect in effects}
    stems = {
        stem_of.get(name.name, name.stem): folder / name
        for name in names
        if name.parent == Path(STEMS_FOLDER)
    }
    return RunResult(
        folder=folder,
        timeline=timeline,
        stems=stems,
        mix=folder / MIX_FILE,
        video=_made_video(folder, info, run),
        warnings=info.warnings if run is None else run.warnings,
        **fields,
    )


def _made_video(folder: Path, info: VideoInfo, run: FinishedRun | None) -> Path | None:
    names = [video_name(info, same_name=same_name) for same_name in (False, True)]
    known = names if run is None else [name for name in names if name in run.files]
    return folder / known[0] if known and known[0] else None


def render_cue_list(
    cues: str | Path,
    out: str | Path | None = None,
    *,
    video: str | Path | None = None,
    library: str | Path | Library | None = None,
    allowed: frozenset[str] = frozenset(),
    mix_changes: Mapping[str, Any] | None = None,
    same_name: bool | None = None,
    sign: Credentials | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Render stems, mix and video from a `cues.json`, into its own folder or into `out`.

    Args:
        cues: The cue list.
        out: The folder to write to.
        video: The video of the cue list; by default it is looked for where it was.
        library: The sound library, or its folder, if it was not the built-in one.
        allowed: Families of licences; a cue with a take under another is refused. Empty: any.
        mix_changes: Fields of `MixSettings` that replace those of the cue list.
        same_name: Name the new video as the source; by default, as the last run in the folder.
        sign: With what video and mix are signed by C2PA; None leaves them unsigned.
        overwrite: Replace existing stems, mix and video.
        progress: Called with each stage and the part of it that is done.

    Raises:
        CueListError: The cue list is wrong, or does not fit the video or library.
        OutputExistsError: Stems, mix or video exist, and `overwrite` is not given.

    Examples:
        >>> result = render_cue_list("clip.foley/cues.json", overwrite=True)  # doctest: +SKIP
        >>> result.mix  # doctest: +SKIP
        PosixPath('clip.foley/mix.wav')
    """
    cues = Path(cues).absolute()
    folder = cues.parent if out is None else Path(out).absolute()
    record = RunRecord("render", progress)
    with record.stage("probe"):
        timeline = read_timeline(cues)
        check_licences(timeline, allowed)
        info = open_source_video(timeline, cues, None if video is None else Path(video))
        lines = timecode_warning(info)
        check_signing(info, sign)
        if not isinstance(library, Library):
            library = load_library(None if library is None else Path(library))
        check_library(timeline, library, cues)
    name = video_name(info, same_name=_is_same_name(folder, info, same_name))
    targets = [STEMS_FOLDER, MIX_FILE, f"{MUSIC_AND_EFFECTS}.wav", name, RUN_FILE]
    existing = [target for target in targets if target and (folder / target).exists()]
    if existing and not overwrite:
        raise OutputExistsError(
            "exists", path=folder / existing[0], remedy="use --overwrite or --out DIR"
        )
    with staged(folder) as staging:
        shutil.copyfile(cues, staging / CUES_FILE)
        read = file_sha256(staging / CUES_FILE)
        mix = dataclasses.replace(timeline.mix, **(mix_changes or {}))
        followed = carry_through_scenes(dataclasses.replace(timeline, mix=mix))
        if followed != timeline:
            timeline = followed
            write_timeline(timeline, staging / CUES_FILE)
        for table in TABLES:
            if (cues.parent / table).is_file():
                shutil.copyfile(cues.parent / table, staging / table)
        seen = read_detections(timeline, cues.parent, info)
        report, more = render_timeline(timeline, library, info, staging, record, seen, name, sign)
        made_with = {
            "video": timeline.source.sha256,
            "cues": file_sha256(staging / CUES_FILE),
            "library": library.sha256,
        }
        document = run_document(record, info, made_with, report, (*lines, *more))
        write_run(staging, document)
        changed = folder == cues.parent and file_sha256(cues) != read
        if changed:
            # Saved while this ran: `run.json` names the lists, so they stay as they are now.
            for changed_file in (CUES_FILE, BEFORE_FILE):
                (staging / changed_file).unlink(missing_ok=True)
    result = rendered(folder, info, timeline, status="made", report=report.moved(staging, folder))
    if not changed:
        return result
    text = f"{CUES_FILE} was changed meanwhile: this mix is of the list before that"
    return dataclasses.replace(result, warnings=(*result.warnings, text))


def render_timeline(
    timeline: Timeline,
    library: Library,
    info: VideoInfo,
    folder: Path,
    record: RunRecord,
    seen: Detections,
    name: str,
    sign: Credentials | None = None,
) -> tuple[MixReport, tuple[str, ...]]:
    """Write cue sheet, credits, disclosure, stems, mix, the new video, overview and review.

    `name` is that of the video, empty if none can be made; see `video_name`.

    Returns:
        The report of the mix, and a line for all that is lost, squashed or mixed down.
    """
    write_cue_sheet(timeline, folder / "cues.csv")
    write_credits(timeline, folder / CREDITS_NAME)

    # Speech, level and room of the original are measured before it is mixed.
    original = Replayed(lambda: read_audio(info) or iter(()), _HELD_SOUND_BYTES)
    stem_names = StemNames.of(timeline)
    with record.stage("render") as done:
        report = write_mix(
            without_rejected(timeline),
            library,
            folder,
            original=original if info.has_audio else None,
            files=stem_names,
            progress=done,
        )
    has_tone = any(stem.name == ROOM_TONE_STEM for stem in report.stems)
    page = disclosure_html(timeline, __version__, has_room_tone=has_tone)
    (folder / DISCLOSURE_NAME).write_text(page, encoding="utf-8")
    is_kept = keeps_own_sound(timeline)
    code = timeline.start_timecode if timeline.source.timecode else ""

    def mux() -> tuple[str, ...]:
        if not name:
            return (f"no container takes {info.codec}: there is no video with the new sound",)
        with record.stage("mux"):
            lines: tuple[str, ...] = ()
            if is_kept:
                try:
                    return mux_sound(info, None, folder / name, timecode=code)
                except MediaError as error:
                    lines = (f"its own sound is encoded anew: {error.what}",)
            return *mux_sound(info, folder / MIX_FILE, folder / name, timecode=code), *lines

    envelopes = {stem.name: stem.envelope for stem in (*report.stems, report.mix)}

    def review(video: str | None) -> None:
        write_review(
            folder / "review.html",
            timeline,
            seen,
            review_takes(timeline, library, seen),
            video=video,
            original=envelopes.get(ORIGINAL_STEM),
            original_file=f"{STEMS_FOLDER}/{stem_names(ORIGINAL_STEM).name}",
            mix_gain_db=report.effects_gain_db,
        )

    # Encoding is FFmpeg's work and drawing is Python's: side by side they use one core each.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mux") as pool:
        muxed = pool.submit(mux)
        with record.stage("draw"):
            sound = RenderedSound(
                envelopes=envelopes,
                loudness_lufs=report.loudness_lufs,
                true_peak_dbtp=report.true_peak_dbtp,
            )
            draw_overview(folder / "overview.png", timeline, sound, seen)
        with record.stage("review"):
            review(name or None)
        try:
            lines = muxed.result()
        except MediaError as error:
            # The sound is made, and worth more than a run that ends with nothing.
            lines = (f"the video with the new sound could not be made: {error.what}",)
            review(None)
    if sign is not None:
        mixes = [stem.path for stem in (report.mix, report.music_and_effects) if stem is not None]
        video = folder / name
        with record.stage("sign"):
            sign_run(
                timeline,
                sign,
                video=video if name and video.is_file() else None,
                parent=info.path,
                mixes=mixes,
                stems={stem.name: stem.path for stem in report.stems},
                version=__version__,
            )
    channels = info.audio_channels if info.has_audio and not is_kept else 0
    return report, (*lines, *mix_warnings(report, timeline.mix, channels))


def check_signing(info: VideoInfo, sign: Credentials | None) -> None:
    """Check, before the work, that the new video can be signed if it is to be.

    Raises:
        MediaError: C2PA does not take its container.
    """
    if sign is not None:
        check_container(Path(video_name(info) or info.path.name))


def review_takes(timeline: Timeline, library: Library, seen: Detections) -> list[ReviewTake]:
    """Return the takes of all cues, and some that they, or cues added by hand, could have.

    Making takes costs time, so an effect without cues gets one only if it was once nearly probable.
    Where nothing was found, the most probable effects get one.
    """
    tracks = {track.effect: track for track in timeline.tracks}
    peaks = seen.probabilities.max(axis=0, initial=0.0)
    least = SHOWN_PROBABILITY
    if not tracks and len(peaks):
        least = min(least, float(np.sort(peaks)[-EFFECTS_WITHOUT_CUES:][0]))
    wanted: list[tuple[Effect, tuple[Asset, ...], int]] = []
    for effect, peak in zip(seen.vocabulary.effects, peaks, strict=True):
        track = tracks.get(effect.name)
        if track is not None:
            own = tuple(dict.fromkeys(cue.asset for cue in track.cues))
            wanted.append((effect, own, len(own) + MOST_ALTERNATES))
        elif peak >= least:
            wanted.append((effect, (), 1))
    library.read_ahead(
        entry.asset
        for effect, own, most in wanted
        for entry in choose_alternates(effect, library, first=own, most=most)
    )
    takes = [
        (ReviewTake(effect=effect.name, take=other, samples=take.samples), other.asset in own)
        for effect, own, most in wanted
        for other, take in list_alternates(effect, library, first=own, most=most)
    ]
    # Those of cues come first.
    return [take for take, _ in sorted(takes, key=lambda pair: not pair[1])]


def run_document(
    record: RunRecord,
    info: VideoInfo,
    made_with: Mapping[str, str],
    report: MixReport | None = None,
    lines: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the content of `run.json`; `lines` are warnings besides those of the video."""
    return record.document(
        source={"name": info.path.name, "path": str(info.path), "sha256": made_with["video"]},
        made_with=made_with,
        warnings=[*info.warnings, *lines],
        video_seconds=round(float(info.duration), 6),
        levels=None if report is None else report.levels(),
    )


def _is_same_name(folder: Path, info: VideoInfo, wanted: bool | None) -> bool:
    """Return whether a video is named as its source: as asked, or as before, for who links it."""
    if wanted is not None:
        return wanted
    run = read_run(folder)
    return run is not None and video_name(info, same_name=True) in run.files
