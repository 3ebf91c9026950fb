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

from temporal_foley.errors import UsageError
from temporal_foley.files.run_record import RunRecord
from temporal_foley.media.audio import Sound, read_audio
from temporal_foley.media.mux import mux_sound, output_suffix
from temporal_foley.media.read_ahead import read_ahead
from temporal_foley.media.video import SampledFrame, VideoInfo, sample_frames
from temporal_foley.models.detector import Detector, FrameProbabilities
from temporal_foley.pages.overview import NOTABLE, Heard, draw_overview
from temporal_foley.pages.review import ReviewTake, write_review
from temporal_foley.session.writers.cuesheet import write_cue_sheet
from temporal_foley.sound.alternates import fill_alternates, list_alternates
from temporal_foley.sound.ambience import crossfade_ambience, meet_at_cuts
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.credits import CREDITS_NAME, write_credits
from temporal_foley.sound.density import thin_out
from temporal_foley.sound.mix import MixReport, write_mix
from temporal_foley.sound.placing import place_tracks
from temporal_foley.sound.takes.library import Library
from temporal_foley.spotting.close_look import Glimpses, gathering, look_closely
from temporal_foley.spotting.decision import decide, decision_from_json
from temporal_foley.spotting.detections import Detections, PictureEvidence
from temporal_foley.spotting.events import DecodingConfig, decode_events
from temporal_foley.spotting.own_sound.align import align_with_sound
from temporal_foley.spotting.own_sound.already_heard import leave_to_original
from temporal_foley.spotting.own_sound.evidence import SoundEvidence
from temporal_foley.timegrid import TimeGrid, to_sample
from temporal_foley.timeline import (
    MOST_ALTERNATES,
    Event,
    MixSettings,
    Provenance,
    Source,
    Timeline,
    without_rejected,
)

DEFAULT_FRAME_RATE = Fraction(4)
LISTENING_RATE_HZ = 32_000
"""Of the audio networks."""
READ_AHEAD_FRAMES = 256
"""Pictures that may wait for the model, 40 MB at the default size: while the network is loaded,
decoding goes on."""
THUMBNAILS = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectionSettings:
    """What is looked for, and how closely."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    frame_rate: Fraction | None = None
    """Pictures a second; None: what the model was made for."""
    decoding: DecodingConfig | None = None
    """How probabilities become events; None: as the model decides."""
    listen: bool = True
    """Whether the video's own sound is listened to, by a model that can."""

    def __post_init__(self) -> None:
        if self.frame_rate is not None and not Fraction(1, 10) <= self.frame_rate <= 60:
            raise ValueError(f"frame_rate must be in [0.1, 60] Hz, got {self.frame_rate}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tags:
    """What was seen in a video, and the events made of it."""

    info: VideoInfo
    seen: Detections
    events: tuple[Event, ...]
    sights: PictureEvidence | None = None
    """Where effects are seen and how the picture moves; None before a closer look."""


def tag_video(
    info: VideoInfo,
    detector: Detector,
    settings: DetectionSettings,
    done: Callable[[float], None] = lambda part: None,
    *,
    glimpses: Glimpses | None = None,
) -> Tags:
    """Look at a video: pictures at grid times -> probabilities -> events.

    Decoding runs ahead in a thread of its own while the model looks. What a closer look needs is
    gathered in `glimpses`.
    """
    detector.load_ahead()
    vocabulary = detector.vocabulary
    chosen = vocabulary.select(settings.only, settings.exclude)
    grid = TimeGrid.covering(info.duration, grid_rate(detector, settings))
    thumbnails: list[tuple[float, np.ndarray]] = []
    rows: list[np.ndarray] = []
    ahead = read_ahead(sample_frames(info, grid, detector.prepare), READ_AHEAD_FRAMES)
    sound = None
    if settings.listen and detector.listens:
        sound = read_audio(info, sample_rate_hz=LISTENING_RATE_HZ, channels=1)
    with contextlib.closing(ahead) as frames:
        looked_at = _pictures(frames, grid, thumbnails, done, glimpses)
        asked = gathering(detector, glimpses) if glimpses is not None else {}
        rows.extend(detector.probabilities(looked_at, grid=grid, sound=sound, **asked))
    probabilities = np.concatenate([np.zeros((0, len(vocabulary)), np.float32), *rows])
    events = find_events(detector, settings, probabilities, grid, info.duration)
    return Tags(
        info=info,
        seen=Detections(
            grid=grid,
            vocabulary=vocabulary,
            probabilities=probabilities,
            thumbnails=tuple(thumbnails),
        ),
        events=tuple(event for event in events if event.effect in chosen),
    )


def meet_picture(
    tags: Tags, glimpses: Glimpses, done: Callable[[float], None] = lambda part: None
) -> Tags:
    """Look closer: events move from the grid onto what is seen, and are placed in the picture."""
    events, sights = look_closely(tags.info, tags.events, tags.seen, glimpses, done)
    return dataclasses.replace(tags, events=events, sights=sights)


def hear_original(info: VideoInfo, detector: Detector) -> SoundEvidence | None:
    """Analyse the video's own sound; return None if it has none or only silence."""
    sound = read_audio(info, sample_rate_hz=LISTENING_RATE_HZ, channels=1)
    if sound is None:
        return None
    # Imported lazily: loading the audio network takes about a second.
    from temporal_foley.models.audio.sound_evidence import analyse_sound

    samples = to_sample(info.duration, LISTENING_RATE_HZ)
    return analyse_sound((block[:, 0] for block in sound), detector.vocabulary, samples)


def meet_sound(tags: Tags, sound: SoundEvidence | None, settings: DetectionSettings) -> Tags:
    """Give events the timing of the video's own sound where it contains them."""
    if sound is None:
        return tags
    chosen = sound.vocabulary.select(settings.only, settings.exclude)
    events = align_with_sound(tags.events, sound)
    return dataclasses.replace(tags, events=tuple(e for e in events if e.effect in chosen))


def grid_rate(detector: Detector, settings: DetectionSettings) -> Fraction:
    """Return how many pictures a second are looked at.

    Raises:
        UsageError: A rate is asked for on which the model cannot look.
    """
    own = detector.frame_rate
    if own is not None and settings.frame_rate not in (None, own):
        raise UsageError(
            f"--frame-rate: the model {detector.name} looks {own} times a second; leave it out"
        )
    return own or settings.frame_rate or DEFAULT_FRAME_RATE


def find_events(
    detector: Detector,
    settings: DetectionSettings,
    probabilities: FrameProbabilities,
    grid: TimeGrid,
    duration: Fraction,
) -> list[Event]:
    """Make events of probabilities, as the settings say or else as the model decides."""
    vocabulary = detector.vocabulary
    if settings.decoding is None and detector.decision is not None:
        decision = decision_from_json(detector.decision, vocabulary)
        return decide(probabilities, grid, vocabulary, decision, duration)
    config = settings.decoding or DecodingConfig()
    return decode_events(probabilities, grid, vocabulary, config=config, duration=duration)


def cast_timeline(
    tags: Tags,
    detector: Detector,
    library: Library,
    *,
    source_sha256: str,
    mix: MixSettings,
    seed: int,
) -> Timeline:
    """Give events their sounds: the whole work on a video as one timeline."""
    info, vocabulary = tags.info, tags.seen.vocabulary
    duration_samples = picture_samples(info)
    events, sights = tags.events, tags.sights
    if sights is not None:
        cuts_s = [float(sights.grid.time(cut)) for cut in sights.cuts]
        events = meet_at_cuts(events, vocabulary, cuts_s)
    tracks = cast_events(events, vocabulary, library, seed=seed, duration_samples=duration_samples)
    if sights is not None:
        tracks = place_tracks(tracks, events, sights, library.levels)
    tracks = thin_out(crossfade_ambience(tracks), library)
    tracks = fill_alternates(tracks, vocabulary, library)
    if mix.original == "fill":
        tracks = leave_to_original(tracks)
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
        detector=Provenance(name=detector.name, sha256=detector.sha256),
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
    seen: Detections,
) -> MixReport:
    """Turn a timeline into cue sheet, stems, mix, the video with its new sound, and overview."""
    write_cue_sheet(timeline, folder / "cues.csv")
    write_credits(timeline, folder / CREDITS_NAME)

    def original() -> Iterator[Sound]:
        return read_audio(info) or iter(())

    with record.stage("lay up") as done:
        heard = original if info.has_audio else None
        report = write_mix(
            without_rejected(timeline),
            library,
            folder,
            original=heard,
            progress=done,
        )

    def mux() -> None:
        name = Path(info.path.name).with_suffix(output_suffix(info)).name
        with record.stage("mux"):
            mux_sound(info, folder / "mix.wav", folder / name)

    # Encoding is FFmpeg's work and drawing is Python's: side by side they take one core each.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mux") as pool:
        muxed = pool.submit(mux)
        with record.stage("draw"):
            draw_overview(folder / "overview.png", timeline, _heard(report), seen)
        with record.stage("review"):
            write_review(
                folder / "review.html",
                timeline,
                seen,
                review_takes(timeline, library, seen),
                video=Path(info.path.name).with_suffix(output_suffix(info)).name,
                original=_heard(report).envelopes.get("original"),
                mix_gain_db=report.gain_db,
            )
        muxed.result()
    return report


def review_takes(timeline: Timeline, library: Library, seen: Detections) -> list[ReviewTake]:
    """Gather the takes that cues have, and some that they, or a cue added by hand, could have.

    An effect without a cue has one if it ever was nearly probable enough: making takes costs time.
    """
    tracks = {track.effect: track for track in timeline.tracks}
    peaks = seen.probabilities.max(axis=0, initial=0.0)
    used: list[ReviewTake] = []
    spare: list[ReviewTake] = []
    for effect, peak in zip(seen.vocabulary.effects, peaks, strict=True):
        track = tracks.get(effect.name)
        if track is None and peak < NOTABLE:
            continue
        own = tuple(dict.fromkeys(cue.asset for cue in track.cues)) if track is not None else ()
        most = 1 if track is None else len(own) + MOST_ALTERNATES
        for alternate, take in list_alternates(effect, library, first=own, most=most):
            one = ReviewTake(effect=effect.name, take=alternate, samples=take.samples)
            (used if alternate.asset in own else spare).append(one)
    return used + spare


def import_ahead() -> None:
    """Import what casting and drawing will need while the cores wait for pictures."""
    for name in ("scipy.signal", "scipy.ndimage", "matplotlib.backends.backend_agg"):
        importlib.import_module(name)


def _pictures(
    frames: Iterable[SampledFrame],
    grid: TimeGrid,
    thumbnails: list[tuple[float, np.ndarray]],
    done: Callable[[float], None],
    glimpses: Glimpses | None,
) -> Iterator[np.ndarray]:
    """Pass pictures on, keeping a few, evenly spread, for the overview; tell how far it is."""
    kept = {round((i + 0.5) * grid.frames / THUMBNAILS - 0.5) for i in range(THUMBNAILS)}
    for frame in frames:
        if frame.index in kept:
            thumbnails.append((float(frame.time), frame.image))
        if glimpses is not None:
            glimpses.changes.add(frame.image)
        yield frame.image
        done((frame.index + 1) / grid.frames)


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
