"""Detect events in a video, align them with the picture, and cast them: the way to a timeline.

Each stage can be called alone; `foley.py` calls them one after the other.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int64

from temporal_foley.errors import UsageError
from temporal_foley.files.cache import Memory
from temporal_foley.media.audio import read_audio
from temporal_foley.media.read_ahead import read_ahead
from temporal_foley.media.video import SampledFrame, VideoInfo, sample_frames
from temporal_foley.models.audio.heard_sound import HeardSound
from temporal_foley.models.detector import Detector, FrameProbabilities, detect_all
from temporal_foley.models.flashes import find_flashes, with_flashes
from temporal_foley.models.kept_detections import (
    KeptDetections,
    keep_detections,
    recall_detections,
)
from temporal_foley.session.camera_timecode import first_timecode, source_of
from temporal_foley.sound.alternates import fill_alternates
from temporal_foley.sound.ambience import (
    RINGING_CATEGORIES,
    carry_through_scenes,
    crossfade_ambience,
    keep_tails_to_shots,
    meet_at_cuts,
)
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.density import thin_out
from temporal_foley.sound.placing import place_tracks
from temporal_foley.sound.takes.library import Library
from temporal_foley.spotting.close_look import Glimpses, look_closely
from temporal_foley.spotting.decision import apply_decision, decision_from_json
from temporal_foley.spotting.detections import (
    NOT_CHOSEN,
    THUMBNAILS,
    Detections,
    PictureEvidence,
)
from temporal_foley.spotting.events import DecodingConfig, decode_events, keep_one_per_group
from temporal_foley.spotting.own_sound.align import align_with_sound
from temporal_foley.spotting.own_sound.already_heard import leave_to_original
from temporal_foley.spotting.own_sound.evidence import SoundEvidence
from temporal_foley.spotting.own_sound.modality import after_alignment, with_modality
from temporal_foley.spotting.scenes import find_scenes, shot_ambience
from temporal_foley.spotting.shots import (
    PictureChanges,
    SharpChanges,
    cut_frames,
    sharp_change_times,
)
from temporal_foley.timegrid import TimeGrid, to_sample
from temporal_foley.timeline import Event, MixSettings, Provenance, SceneSpan, Timeline

DEFAULT_FRAME_RATE = Fraction(4)
LISTENING_RATE_HZ = 32_000
"""Sample rate of the audio networks' input."""
READ_AHEAD_FRAMES = 256
"""Pictures that may wait for the model, 40 MB at the default size, so that decoding goes on while
the network is loaded."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectionSettings:
    """Which effects are detected, and how."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    frame_rate: Fraction | None = None
    """Pictures per second; None for the rate that the model was trained with."""
    decoding: DecodingConfig | None = None
    """How probabilities become events; None for the model's own decision."""
    listen: bool = True
    """Whether a model that can use the video's own sound does so."""

    def __post_init__(self) -> None:
        if self.frame_rate is not None and not Fraction(1, 10) <= self.frame_rate <= 60:
            raise ValueError(f"frame_rate must be in [0.1, 60] Hz, got {self.frame_rate}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tags:
    """What was detected in a video, and the events made of it."""

    info: VideoInfo
    seen: Detections
    events: tuple[Event, ...]
    sights: PictureEvidence | None = None
    """Where effects are visible and how the picture moves; None before alignment."""
    heard: HeardSound | None = None
    """The video's own sound; None if it has none, or if it was not to be used."""


def tag_video(
    info: VideoInfo,
    detector: Detector,
    settings: DetectionSettings,
    done: Callable[[float], None] = lambda part: None,
    *,
    glimpses: Glimpses | None = None,
    memory: Memory | None = None,
) -> Tags:
    """Detect the events of a video: pictures at grid times, then probabilities, then events.

    Decoding runs ahead in a thread of its own. With `glimpses`, what `align_events` needs is
    collected on the way. What `memory` has of an earlier run is not computed again.
    """
    memory = memory or Memory()
    vocabulary = detector.vocabulary
    chosen = vocabulary.select(settings.only, settings.exclude)
    grid = TimeGrid.covering(info.duration, grid_rate(detector, settings))
    heard = hear_original(info, grid, memory) if settings.listen else None
    sound = heard if detector.listens else None
    changes = PictureChanges() if glimpses is None else glimpses.changes
    with_places = glimpses is not None
    name = ("pictures", str(grid.frame_rate), grid.frames, sound is not None)
    kept = recall_detections(memory, name, with_places=with_places)
    if kept is None:
        kept = KeptDetections(changes=changes)
        detector.load_ahead()
        sharp = SharpChanges(info.pictures.ticks)
        sampled = sample_frames(info, grid, detector.prepare, sharp.add)
        ahead = read_ahead(sampled, READ_AHEAD_FRAMES)
        with contextlib.closing(ahead) as frames:
            pictures = _pictures(frames, grid, kept.thumbnails, done, changes)
            kept.found = detect_all(
                detector, pictures, grid=grid, sound=sound, with_places=with_places
            )
        ticks, levels = sharp.levels()
        flashes = find_flashes(_seconds(ticks, info), levels)
        kept.found = with_flashes(kept.found, flashes, grid, vocabulary)
        changes.begins, any_begins = (
            sharp_change_times(_seconds(sharp.ticks(exact=exact), info), grid).tolist()
            for exact in (True, False)
        )
        changes.is_sharp = np.isfinite(any_begins).tolist()
        keep_detections(memory, name, kept, with_places=with_places)
    else:
        changes.__dict__.update(kept.changes.__dict__)
        done(1.0)
    found, thumbnails = kept.found, kept.thumbnails
    cuts = cut_frames(changes)
    events = find_events(detector, settings, found.probabilities, grid, info.duration, cuts)
    if found.apart is not None:
        least = _thresholds(detector, settings)
        events = with_modality(events, found.apart.seen, found.apart.heard, grid, vocabulary, least)
    return Tags(
        info=info,
        seen=Detections(
            grid=grid,
            vocabulary=vocabulary,
            probabilities=found.probabilities,
            thumbnails=tuple(thumbnails),
            places=found.places,
            features=found.features,
            left_out={name: NOT_CHOSEN for name in vocabulary.names if name not in chosen},
        ),
        events=tuple(event for event in events if event.effect in chosen),
        heard=heard,
    )


def align_events(
    tags: Tags,
    glimpses: Glimpses,
    done: Callable[[float], None] = lambda part: None,
    memory: Memory | None = None,
) -> Tags:
    """Move events from the grid to the moments that the picture shows, and place them in it."""
    events, sights = look_closely(tags.info, tags.events, tags.seen, glimpses, done, memory)
    return dataclasses.replace(tags, events=events, sights=sights)


def hear_original(
    info: VideoInfo, grid: TimeGrid, memory: Memory | None = None
) -> HeardSound | None:
    """Return the video's own sound, to be decoded when it is first needed; None without any."""
    if not info.has_audio:
        return None

    def read() -> Iterable[np.ndarray]:
        return read_audio(info, sample_rate_hz=LISTENING_RATE_HZ, channels=1) or ()

    # Not to the end of the grid: a last frame that is mostly after the video would be silence, of
    # which the detector makes effects.
    end = min(grid.end, info.duration)
    return HeardSound(read, max(0, to_sample(end, LISTENING_RATE_HZ)), memory)


def analyse_original(tags: Tags) -> SoundEvidence | None:
    """Analyse the video's own sound; return None if it has none or only silence."""
    if tags.heard is None:
        return None
    # Imported lazily: loading the audio network takes about a second.
    from temporal_foley.models.audio.sound_evidence import analyse_sound

    samples = to_sample(tags.info.duration, LISTENING_RATE_HZ)
    return analyse_sound(tags.heard, tags.seen.vocabulary, samples)


def align_with_original(
    tags: Tags, sound: SoundEvidence | None, settings: DetectionSettings
) -> Tags:
    """Give events the timing of the video's own sound where it contains them.

    Shots with the same ambience are of one scene.
    """
    if sound is None:
        return tags
    chosen = sound.vocabulary.select(settings.only, settings.exclude)
    events = align_with_sound(tags.events, sound)
    sights = tags.sights
    if sights is not None and sights.shots is not None:
        ambience = shot_ambience(sound, sights.shots.times)
        scenes = tuple(find_scenes(sights.shots, ambience))
        sights = dataclasses.replace(sights, scenes=scenes)
    chosen_events = after_alignment([event for event in events if event.effect in chosen])
    return dataclasses.replace(tags, events=chosen_events, sights=sights)


def select_events(tags: Tags, library: Library | None = None) -> tuple[Tags, tuple[str, ...]]:
    """Keep one effect of a group at a time, and only effects that a library has a sound for.

    Returns:
        The tags with these events, and a line that names the effects without a sound, if any.
    """
    vocabulary = tags.seen.vocabulary
    missing: list[str] = []
    if library is not None:
        found = {event.effect for event in tags.events}
        missing = [n for n in vocabulary.names if n in found and not library.takes(n)]
    # Before the groups: an effect without a sound must not displace one that has one.
    events = [event for event in tags.events if event.effect not in missing]
    left_out = {**tags.seen.left_out, **dict.fromkeys(missing, "no sound for it in the library")}
    chosen = dataclasses.replace(
        tags,
        seen=dataclasses.replace(tags.seen, left_out=left_out),
        events=tuple(keep_one_per_group(events, vocabulary)),
    )
    line = (
        f"no sound for {', '.join(missing)}, so left out; add recordings of your own with "
        "temporal-foley library add"
    )
    return chosen, (line,) if missing else ()


def grid_rate(detector: Detector, settings: DetectionSettings) -> Fraction:
    """Return how many pictures per second are analysed.

    Raises:
        UsageError: The settings ask for a rate that the model does not accept.
    """
    own = detector.frame_rate
    if own is not None and settings.frame_rate not in (None, own):
        raise UsageError(
            f"--frame-rate: the model {detector.name} needs {own} pictures per second; leave it out"
        )
    return own or settings.frame_rate or DEFAULT_FRAME_RATE


def find_events(
    detector: Detector,
    settings: DetectionSettings,
    probabilities: FrameProbabilities,
    grid: TimeGrid,
    duration: Fraction,
    cuts: Sequence[int] = (),
) -> list[Event]:
    """Decode probabilities into events, by the settings or else by the model's decision."""
    vocabulary = detector.vocabulary
    if settings.decoding is None and detector.decision is not None:
        decision = decision_from_json(detector.decision, vocabulary)
        return apply_decision(probabilities, grid, vocabulary, decision, duration, cuts)
    config = settings.decoding or DecodingConfig()
    return decode_events(probabilities, grid, vocabulary, config=config, duration=duration)


def _thresholds(detector: Detector, settings: DetectionSettings) -> dict[str, float]:
    """Return the probability from which each effect counts as detected."""
    if settings.decoding is None and detector.decision is not None:
        decision = decision_from_json(detector.decision, detector.vocabulary)
        return {effect.effect: effect.threshold_on for effect in decision.effects}
    return {effect.name: effect.threshold_on for effect in detector.vocabulary.effects}


def cast_timeline(
    tags: Tags,
    detector: Detector,
    library: Library,
    *,
    source_sha256: str,
    mix: MixSettings,
    seed: int,
    start_timecode: str = "",
) -> Timeline:
    """Choose a sound for every event and return the timeline of a video."""
    info, vocabulary = tags.info, tags.seen.vocabulary
    duration_samples = info.duration_samples
    events, sights = tags.events, tags.sights
    cuts_s: list[float] = []
    if sights is not None:
        cuts_s = [float(sights.grid.time(cut)) for cut in sights.cuts]
        events = meet_at_cuts(events, vocabulary, cuts_s)
    tracks = cast_events(
        events,
        vocabulary,
        library,
        seed=seed,
        duration_samples=duration_samples,
        salt=source_sha256,
        cuts_s=tuple(cuts_s),
    )
    if sights is not None:
        tracks = place_tracks(tracks, events, sights, library.levels)
        cuts = [to_sample(cut) for cut in sights.cut_times]
        ringing = [e.name for e in vocabulary.effects if e.ucs.startswith(RINGING_CATEGORIES)]
        tracks = keep_tails_to_shots(tracks, events, cuts, ringing, mix.tails)
    tracks = thin_out(crossfade_ambience(tracks), library)
    tracks = fill_alternates(tracks, vocabulary, library)
    if mix.original == "fill":
        tracks = leave_to_original(tracks)
    source = source_of(info, source_sha256, start_timecode)
    return Timeline(
        source=source,
        start_timecode=first_timecode(source),
        frame_rate=tags.seen.grid.frame_rate,
        detector=Provenance(name=detector.name, sha256=detector.sha256),
        vocabulary=Provenance(name=vocabulary.name, sha256=vocabulary.sha256),
        library=Provenance(name=library.name, sha256=library.sha256),
        seed=seed,
        mix=mix,
        tracks=tracks,
        scenes=() if sights is None else scenes_of(sights, duration_samples),
    )
    return carry_through_scenes(timeline)


def scenes_of(sights: PictureEvidence, duration_samples: int) -> tuple[SceneSpan, ...]:
    """Return the scenes of a video with the shots in them, in samples."""
    cuts = [to_sample(cut) for cut in sights.cut_times]
    spans = [(to_sample(a), min(to_sample(b), duration_samples)) for a, b in sights.scenes]
    return tuple(
        SceneSpan(
            onset_sample=start,
            offset_sample=end,
            shots=(start, *(cut for cut in cuts if start < cut < end)),
        )
        for start, end in spans
        if start < end
    )


def _pictures(
    frames: Iterable[SampledFrame],
    grid: TimeGrid,
    thumbnails: list[tuple[float, np.ndarray]],
    done: Callable[[float], None],
    changes: PictureChanges,
) -> Iterator[np.ndarray]:
    """Pass pictures on, report progress, and keep a few, evenly spaced, for the overview."""
    kept = {round((i + 0.5) * grid.frames / THUMBNAILS - 0.5) for i in range(THUMBNAILS)}
    for frame in frames:
        if frame.index in kept:
            thumbnails.append((float(frame.time), frame.image))
        changes.add(frame.image)
        yield frame.image
        done((frame.index + 1) / grid.frames)


def _seconds(
    ticks: Int64[np.ndarray, " pictures"], info: VideoInfo
) -> Float[np.ndarray, " pictures"]:
    unit = info.pictures.time_base
    return np.array([float(int(tick) * unit - info.start) for tick in ticks])
