"""The stages of the path, each callable alone: look, cast, render.

Video and settings in, events out; events in, a timeline out; a timeline in, stems, mix and video
out. `foley.py` strings them together.
"""

import contextlib
import dataclasses
import importlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np

from temporal_foley.media.audio import Sound, read_audio
from temporal_foley.media.mux import mux_sound, output_suffix
from temporal_foley.media.read_ahead import read_ahead
from temporal_foley.media.video import SampledFrame, VideoInfo, sample_frames
from temporal_foley.models.spotter import Spotter
from temporal_foley.session.cuesheet import write_cue_sheet
from temporal_foley.session.overview import Heard, Seen, draw_overview
from temporal_foley.session.run_record import RunRecord
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.library import Library
from temporal_foley.sound.mix import MixReport, lay_up
from temporal_foley.spotting.events import DecodingConfig, decode_events
from temporal_foley.timegrid import TimeGrid, to_sample
from temporal_foley.timeline import Event, MixSettings, Provenance, Source, Timeline

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


def import_ahead() -> None:
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
