"""Label the events of one video by its sound and picture."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from data_pipeline.self_label.cross_check import (
    LEAST_LOGIT,
    CrossCheckConfig,
    Heard,
    Seen,
    mean_around,
    sigmoid,
    weigh,
)
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import MediaError
from temporal_foley.media.audio import read_audio
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.models.detector import Detector, detect_all
from temporal_foley.spotting.events import DecodingConfig, decode_events
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

_SAMPLE_RATE_HZ = 32_000


@runtime_checkable
class Teacher(Protocol):
    """The part of the audio network that is needed."""

    sha256: str

    def frame_embeddings(
        self, sound: Iterable[np.ndarray], grid: TimeGrid
    ) -> Float[np.ndarray, "frames features"]: ...

    def tag(
        self, embedding: Float[np.ndarray, "frames features"]
    ) -> Float[np.ndarray, "frames classes"]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfLabelConfig:
    """Thresholds of labels."""

    frame_rate: float = 4.0
    near_s: float = 1.25
    """The probability is the lower of two averages: over this many seconds, ..."""
    wide_s: float = 3.75
    """... and over this many, which is imprecise in time but seldom wrong."""
    silence_dbfs: float = -60.0
    """Frames below this level count as silence."""
    threshold_on: float = 0.5
    threshold_off: float = 0.3
    doubt: float = 0.02
    """An effect that reaches this much and is no label may or may not be there."""
    check: CrossCheckConfig = dataclasses.field(default_factory=CrossCheckConfig)

    def __post_init__(self) -> None:
        if not 0.0 < self.doubt <= self.threshold_off <= self.threshold_on < 1.0:
            raise ValueError("self_label must hold 0 < doubt <= threshold_off <= threshold_on < 1")
        if self.frame_rate <= 0 or not 0 < self.near_s <= self.wide_s:
            raise ValueError("self_label must hold 0 < frame_rate and 0 < near_s <= wide_s")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelEvidence:
    """Probabilities of a video from sound and picture, and logits of the sound alone."""

    grid: TimeGrid
    heard: Heard
    seen: Seen
    likely: Float[np.ndarray, "frames effects"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileLabels:
    """The labels of a video; an effect in `doubtful` may be there, all others are not."""

    events: tuple[tuple[Event, str], ...]
    """Each with its modality, `both` or `audio`."""
    doubtful: tuple[str, ...]
    heard: tuple[str, ...]
    """What the sound alone says, anywhere in the video."""
    seen: tuple[str, ...]
    """What the picture alone says."""


class SilentError(MediaError):
    """A video without sound, or with a track of silence; nothing can be learnt from it."""


def gather_evidence(
    path: Path, teacher: Teacher, detector: Detector, config: SelfLabelConfig
) -> LabelEvidence:
    """Listen to a video and look at it; memory grows by a few kB a second.

    Raises:
        MediaError: It cannot be read, or has no sound.
    """
    info = probe_video(path)
    blocks = read_audio(info, sample_rate_hz=_SAMPLE_RATE_HZ, channels=1, block=_SAMPLE_RATE_HZ)
    if blocks is None:
        raise SilentError("has no sound", path=path)
    grid = TimeGrid.covering(info.duration, config.frame_rate)
    meter = _LevelMeter(grid)
    embedding = teacher.frame_embeddings(meter.passing(block[:, 0] for block in blocks), grid)
    silent = meter.levels_dbfs() < config.silence_dbfs
    if silent.all():
        raise SilentError("its sound is silent", path=path)
    views = [
        effect_logits(teacher.tag(mean_around(embedding, grid, window_s)), detector.vocabulary)
        for window_s in (config.near_s, config.wide_s)
    ]
    heard = np.where(silent[:, None], LEAST_LOGIT, np.minimum(*views))
    pictures = (frame.image for frame in sample_frames(info, grid, detector.prepare))
    seen = detect_all(detector, pictures).probabilities.astype(np.float64)
    sight = detector.seen_effects()
    visible = np.array([name in sight for name in detector.vocabulary.names])
    likely = weigh(heard, seen, visible, config.check)
    return LabelEvidence(grid=grid, heard=heard, seen=seen, likely=likely)


def effect_logits(
    tags: Float[np.ndarray, "frames classes"], vocabulary: Vocabulary
) -> Float[np.ndarray, "frames effects"]:
    """Return the logits of effects: of the most probable of the AudioSet classes of each.

    Raises:
        VocabularyError: The vocabulary names a class that AudioSet has not.
    """
    logits = np.full((len(tags), len(vocabulary)), LEAST_LOGIT)
    for column, effect in enumerate(vocabulary.effects):
        if places := class_places(effect.audioset):
            logits[:, column] = tags[:, places].max(axis=1)
    return np.clip(logits, LEAST_LOGIT, -LEAST_LOGIT)


def decide_labels(
    evidence: LabelEvidence, vocabulary: Vocabulary, config: SelfLabelConfig
) -> FileLabels:
    """Turn evidence into labels."""
    # A cue may have to be short; a label lasts as long as it is heard.
    effects = tuple(
        dataclasses.replace(
            effect,
            threshold_on=config.threshold_on,
            threshold_off=config.threshold_off,
            max_duration_s=None,
        )
        for effect in vocabulary.effects
    )
    events = decode_events(
        evidence.likely,
        evidence.grid,
        dataclasses.replace(vocabulary, effects=effects),
        config=DecodingConfig(smoothing="none"),
    )
    seen = evidence.seen >= config.check.seen_at

    def modality(event: Event) -> str:
        first, last = evidence.grid.frame_at(event.onset), evidence.grid.frame_at(event.offset)
        column = vocabulary.index(event.effect)
        return "both" if seen[first : max(last, first + 1), column].mean() >= 0.5 else "audio"

    labelled = {event.effect for event in events}
    names = np.array(vocabulary.names)
    possible = names[evidence.likely.max(axis=0, initial=0.0) >= config.doubt]
    heard = names[(sigmoid(evidence.heard) >= config.threshold_on).any(axis=0)]
    return FileLabels(
        events=tuple((event, modality(event)) for event in events),
        doubtful=tuple(str(name) for name in possible if name not in labelled),
        heard=tuple(map(str, heard)),
        seen=tuple(map(str, names[seen.any(axis=0)])),
    )


class _LevelMeter:
    """Measures the level of each frame of a sound that passes by in blocks."""

    def __init__(self, grid: TimeGrid):
        self._grid = grid
        self._power = np.zeros(grid.frames)
        self._samples = np.zeros(grid.frames)

    def passing(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        rate = self._grid.frame_rate / _SAMPLE_RATE_HZ
        place = 0
        for block in blocks:
            samples = np.arange(place, place + len(block), dtype=np.int64)
            frames = samples * rate.numerator // rate.denominator
            frames = np.minimum(frames, self._grid.frames - 1)
            self._power += np.bincount(frames, block.astype(np.float64) ** 2, self._grid.frames)
            self._samples += np.bincount(frames, minlength=self._grid.frames)
            place += len(block)
            yield block

    def levels_dbfs(self) -> Float[np.ndarray, " frames"]:
        return 10.0 * np.log10(self._power / np.maximum(self._samples, 1.0) + 1e-20)
