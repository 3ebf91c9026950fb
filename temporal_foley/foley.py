"""The path from a video to its effect layers, top to bottom.

    foley = Foley.load()
    tags = foley.tag("clip.mp4")              # probabilities and events, in memory
    outcome = foley.generate("clip.mp4")      # cues, stems, mix, video: outcome.folder

Each stage also stands alone: `tag_video`, `cast_timeline`, `render_timeline`. Seconds count from
the first picture of the video; the words are those of `docs/architecture.md`.
"""

import contextlib
import dataclasses
import importlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from temporal_foley import __version__
from temporal_foley.effects import DEFAULT_VOCABULARY, Vocabulary, load_vocabulary
from temporal_foley.media.audio import Sound, read_audio
from temporal_foley.media.digest import file_sha256
from temporal_foley.media.mux import mux_sound, output_suffix
from temporal_foley.media.read_ahead import read_ahead
from temporal_foley.media.video import SampledFrame, VideoInfo, probe_video, sample_frames
from temporal_foley.models.image.backbone import DEFAULT_BACKBONE
from temporal_foley.models.imagenet_spotter import load_imagenet_spotter
from temporal_foley.models.spotter import Spotter
from temporal_foley.session.cuesheet import write_cue_sheet
from temporal_foley.session.output import check_output, output_folder, staged, write_run
from temporal_foley.session.overview import Heard, Seen, draw_overview
from temporal_foley.session.run_record import Progress, RunRecord
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.library import Library, load_library
from temporal_foley.sound.mix import MixReport, lay_up
from temporal_foley.spotting.events import DecodingConfig, decode_events
from temporal_foley.spotting.tables import write_events, write_scores
from temporal_foley.timegrid import TimeGrid, to_sample
from temporal_foley.timeline import (
    Event,
    MixSettings,
    Provenance,
    Source,
    Timeline,
    write_timeline,
)

DEFAULT_FRAME_RATE = Fraction(4)
READ_AHEAD_FRAMES = 256
"""Pictures that may wait for the model, 40 MB at the default size: while the network is loaded,
decoding goes on."""
THUMBNAILS = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectionSettings:
    """What is looked for, and how closely."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    frame_rate: Fraction = DEFAULT_FRAME_RATE
    decoding: DecodingConfig = DecodingConfig()

    def __post_init__(self) -> None:
        if not Fraction(1, 10) <= self.frame_rate <= 60:
            raise ValueError(f"frame_rate must be in [0.1, 60] Hz, got {self.frame_rate}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tags:
    """What was seen in a video, and the events made of it."""

    info: VideoInfo
    seen: Seen
    events: tuple[Event, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run; `finished`: it stood there already and was left alone."""

    folder: Path
    status: Literal["made", "finished"]
    events: tuple[Event, ...] | None = None
    """What was found; None where nothing was looked for."""
    cues: int | None = None
    """How many cues were laid up; None where none were asked for."""
    warnings: tuple[str, ...] = ()


class Foley:
    """What is loaded once and serves many videos: vocabulary, spotter and sound library."""

    def __init__(self, spotter: Spotter, library: Library):
        self.spotter = spotter
        self.library = library

    @classmethod
    def load(
        cls,
        *,
        vocabulary: str = DEFAULT_VOCABULARY,
        backbone: str = DEFAULT_BACKBONE,
        weights: str | Path | None = None,
        library: str | Path | None = None,
    ) -> "Foley":
        """Load a vocabulary (by name or path), the spotter for it, and a sound library.

        `weights` is a weights file of the backbone, where none comes with it. The network itself
        is read when it is first needed.
        """
        spotter = load_imagenet_spotter(
            load_vocabulary(vocabulary),
            backbone=backbone,
            weights=None if weights is None else Path(weights),
        )
        return cls(
            spotter=spotter,
            library=load_library(None if library is None else Path(library)),
        )

    def tag(
        self,
        video: str | Path,
        settings: DetectionSettings | None = None,
        *,
        progress: Progress | None = None,
    ) -> Tags:
        """Tell what should be heard in a video, and when."""
        record = RunRecord("tag", progress)
        info = probe_video(Path(video))
        with record.stage("look") as done:
            return tag_video(info, self.spotter, settings or DetectionSettings(), done)

    def write_tags(
        self,
        video: str | Path,
        out: str | Path | None = None,
        settings: DetectionSettings | None = None,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Outcome:
        """Write what `tag` finds into `VIDEO.foley`, in `out` or beside the video."""
        settings = settings or DetectionSettings()
        record = RunRecord("tag", progress)
        with record.stage("probe"):
            info = probe_video(Path(video))
            made_with = self._made_with(file_sha256(info.path), settings)
        folder = output_folder(Path(video), None if out is None else Path(out))
        if check_output(folder, "tag", made_with, overwrite=overwrite) == "finished":
            return Outcome(folder=folder, status="finished")
        with staged(folder) as staging:
            with record.stage("look") as done:
                tags = tag_video(info, self.spotter, settings, done)
            _write_tables(tags, staging)
            write_run(staging, run_document(record, info, made_with))
        return Outcome(folder=folder, status="made", events=tags.events, warnings=info.warnings)

    def generate(
        self,
        video: str | Path,
        out: str | Path | None = None,
        settings: DetectionSettings | None = None,
        mix: MixSettings | None = None,
        *,
        seed: int = 0,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Outcome:
        """Lay up effect tracks for a video, into `VIDEO.foley` in `out` or beside the video.

        Raises:
            MediaError: The video cannot be read.
            OutputExistsError: Something else stands there, and `overwrite` is not given.
        """
        settings, mix = settings or DetectionSettings(), mix or MixSettings()
        record = RunRecord("generate", progress)
        with record.stage("probe"):
            info = probe_video(Path(video))
            sha256 = file_sha256(info.path)
            made_with = self._made_with(sha256, settings) | {
                "library": self.library.sha256,
                "seed": str(seed),
                **{f.name: str(getattr(mix, f.name)) for f in dataclasses.fields(mix)},
            }
        folder = output_folder(Path(video), None if out is None else Path(out))
        if check_output(folder, "generate", made_with, overwrite=overwrite) == "finished":
            return Outcome(folder=folder, status="finished")
        with staged(folder) as staging:
            threading.Thread(target=_import_ahead, name="import-ahead", daemon=True).start()
            with record.stage("look") as done:
                tags = tag_video(info, self.spotter, settings, done)
            with record.stage("cast"):
                timeline = cast_timeline(
                    tags, self.spotter, self.library, source_sha256=sha256, mix=mix, seed=seed
                )
            _write_tables(tags, staging)
            write_timeline(timeline, staging / "cues.json")
            report = render_timeline(timeline, self.library, info, staging, record, tags.seen)
            write_run(staging, run_document(record, info, made_with, report))
        return Outcome(
            folder=folder,
            status="made",
            events=tags.events,
            cues=len(timeline.cues),
            warnings=info.warnings,
        )

    def _made_with(self, source_sha256: str, settings: DetectionSettings) -> dict[str, str]:
        """Name all that decides what a video's tags are; `run.json` keeps it."""
        return {
            "version": __version__,
            "video": source_sha256,
            "spotter": self.spotter.sha256,
            "vocabulary": self.vocabulary.sha256,
            "effects": ",".join(self.vocabulary.select(settings.only, settings.exclude)),
            "frame_rate": str(settings.frame_rate),
            "decoding": str(settings.decoding),
        }

    @property
    def vocabulary(self) -> Vocabulary:
        """The effects that are looked for."""
        return self.spotter.vocabulary


def tag_video(
    info: VideoInfo,
    spotter: Spotter,
    settings: DetectionSettings,
    done: Callable[[float], None] = lambda part: None,
) -> Tags:
    """Look at a video: pictures at grid times -> probabilities -> events.

    Decoding runs ahead in a thread of its own while the model looks.
    """
    spotter.load_ahead()
    vocabulary = spotter.vocabulary
    chosen = vocabulary.select(settings.only, settings.exclude)
    grid = TimeGrid.covering(info.duration, settings.frame_rate)
    thumbnails: list[tuple[float, np.ndarray]] = []
    rows: list[np.ndarray] = []
    seen = 0
    ahead = read_ahead(sample_frames(info, grid, spotter.prepare), READ_AHEAD_FRAMES)
    with contextlib.closing(ahead) as frames:
        for batch in spotter.probabilities(_pictures(frames, grid, thumbnails)):
            rows.append(batch)
            seen += len(batch)
            done(seen / max(grid.frames, 1))
    probabilities = np.concatenate([np.zeros((0, len(vocabulary)), np.float32), *rows])
    events = decode_events(
        probabilities, grid, vocabulary, config=settings.decoding, duration=info.duration
    )
    return Tags(
        info=info,
        seen=Seen(
            grid=grid,
            vocabulary=vocabulary,
            probabilities=probabilities,
            thumbnails=tuple(thumbnails),
        ),
        events=tuple(event for event in events if event.effect in chosen),
    )


def cast_timeline(
    tags: Tags,
    spotter: Spotter,
    library: Library,
    *,
    source_sha256: str,
    mix: MixSettings,
    seed: int,
) -> Timeline:
    """Give events their sounds: the whole work on a video as one timeline."""
    info, vocabulary = tags.info, tags.seen.vocabulary
    duration_samples = picture_samples(info)
    tracks = cast_events(
        tags.events, vocabulary, library, seed=seed, duration_samples=duration_samples
    )
    return Timeline(
        source=Source(
            name=info.path.name,
            sha256=source_sha256,
            duration_samples=duration_samples,
            video_rate=info.video_rate,
            width=info.width,
            height=info.height,
            has_audio=info.has_audio,
        ),
        frame_rate=tags.seen.grid.frame_rate,
        spotter=Provenance(name=spotter.name, sha256=spotter.sha256),
        vocabulary=Provenance(name=vocabulary.name, sha256=vocabulary.sha256),
        library=Provenance(name=library.name, sha256=library.sha256),
        seed=seed,
        mix=mix,
        tracks=tracks,
    )


def render_timeline(
    timeline: Timeline,
    library: Library,
    info: VideoInfo,
    folder: Path,
    record: RunRecord,
    seen: Seen,
) -> MixReport:
    """Turn a timeline into cue sheet, stems, mix, the video with its new sound, and overview."""
    write_cue_sheet(timeline, folder / "cues.csv")

    def original() -> Iterator[Sound]:
        return read_audio(info) or iter(())

    with record.stage("lay up") as done:
        heard = original if info.has_audio else None
        report = lay_up(timeline, library, folder, original=heard, progress=done)

    def mux() -> None:
        name = Path(info.path.name).with_suffix(output_suffix(info)).name
        with record.stage("mux"):
            mux_sound(info, folder / "mix.wav", folder / name)

    # Encoding is FFmpeg's work and drawing is Python's: side by side they take one core each.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mux") as pool:
        muxed = pool.submit(mux)
        with record.stage("draw"):
            draw_overview(folder / "overview.png", timeline, _heard(report), seen)
        muxed.result()
    return report


def _import_ahead() -> None:
    """Import what casting and drawing will need while the cores wait for pictures."""
    for name in ("scipy.signal", "scipy.ndimage", "matplotlib.backends.backend_agg"):
        importlib.import_module(name)


def _pictures(
    frames: Iterable[SampledFrame], grid: TimeGrid, thumbnails: list[tuple[float, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Pass pictures on, keeping a few, evenly spread, for the overview."""
    kept = {round((i + 0.5) * grid.frames / THUMBNAILS - 0.5) for i in range(THUMBNAILS)}
    for frame in frames:
        if frame.index in kept:
            thumbnails.append((float(frame.time), frame.image))
        yield frame.image


def run_document(
    record: RunRecord,
    info: VideoInfo,
    made_with: Mapping[str, str],
    report: MixReport | None = None,
) -> dict[str, Any]:
    """Return what `run.json` says of a run."""
    return record.document(
        source={"name": info.path.name, "path": str(info.path), "sha256": made_with["video"]},
        made_with=made_with,
        warnings=info.warnings,
        video_seconds=round(float(info.duration), 6),
        levels=None if report is None else _levels(report),
    )


def picture_samples(info: VideoInfo) -> int:
    """Return how many samples long stems and mix are."""
    return max(1, to_sample(info.duration))


def _heard(report: MixReport) -> Heard:
    """Pick out of a mix report what the overview shows."""
    return Heard(
        envelopes={stem.name: stem.envelope for stem in (*report.stems, report.mix)},
        loudness_lufs=report.loudness_lufs,
        true_peak_dbtp=report.true_peak_dbtp,
    )


def _levels(report: MixReport) -> dict[str, Any]:
    """Round a mix report for `run.json`."""

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 2)

    fields = ("gain_db", "limiter_db", "stems_trim_db")
    stems = {
        stem.name: {
            "peak_dbfs": rounded(stem.peak_dbfs),
            "loudness_lufs": rounded(stem.loudness_lufs),
        }
        for stem in report.stems
    }
    return {
        "loudness_lufs": rounded(report.loudness_lufs),
        "true_peak_dbtp": rounded(report.true_peak_dbtp),
        **{name: rounded(getattr(report, name)) for name in fields},
        "stems": stems,
    }


def _write_tables(tags: Tags, folder: Path) -> None:
    seen = tags.seen
    write_scores(folder / "scores.tsv", seen.probabilities, seen.grid, seen.vocabulary.names)
    write_events(folder / "events.tsv", {tags.info.path.name: tags.events})
