"""Hold a clip's truth and a model's probabilities frame by frame, as every metric reads them."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

LEAST_CONFIDENCE = 0.5
"""Least label that counts as present."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ScoredClip:
    """A clip with its labels and a model's probabilities.

    `labels` are 0 or the confidence that an effect is present; only cells that are `known` count. A
    clip of one frame is a still: it has no duration, so metrics of events skip it.
    """

    id: str
    source: str
    """Unit of resampling: a video, a series of photos, a sound file."""
    dataset: str
    grid: TimeGrid
    probabilities: Float32[np.ndarray, "frames effects"]
    labels: Float32[np.ndarray, "frames effects"]
    known: Bool[np.ndarray, "frames effects"]
    has_sound: bool
    has_picture: bool
    reference: tuple[Event, ...] = ()
    """The true events; those of one effect do not overlap (`without_overlaps`)."""
    clip_labels: Float32[np.ndarray, " effects"] | None = None
    """Whether an effect is anywhere in the clip; None: as in the frames."""
    clip_known: Bool[np.ndarray, " effects"] | None = None

    def __post_init__(self) -> None:
        if self.probabilities.ndim != 2 or len(self.probabilities) != self.grid.frames:
            raise ValueError(
                f"{self.id}: probabilities must be ({self.grid.frames} frames, effects), "
                f"got {self.probabilities.shape}"
            )
        for name in ("labels", "known"):
            if getattr(self, name).shape != self.probabilities.shape:
                raise ValueError(
                    f"{self.id}: {name} must be {self.probabilities.shape}, "
                    f"got {getattr(self, name).shape}"
                )
        # Also refuses NaN, which fails every comparison.
        if not ((self.probabilities >= 0.0) & (self.probabilities <= 1.0)).all():
            raise ValueError(f"{self.id}: probabilities must be in [0, 1]")

    @property
    def is_still(self) -> bool:
        """Whether it has no duration."""
        return self.grid.frames == 1

    @property
    def duration_s(self) -> float:
        """Length of the grid."""
        return float(self.grid.frames / self.grid.frame_rate)

    @property
    def truth(self) -> Bool[np.ndarray, "frames effects"]:
        """Where an effect is known to be present."""
        return self.known & (self.labels >= LEAST_CONFIDENCE)

    @property
    def clip_truth(self) -> Bool[np.ndarray, " effects"]:
        """The effects that occur in the clip."""
        if self.clip_labels is not None:
            return self.clip_labels >= LEAST_CONFIDENCE
        return np.asarray(self.truth.any(axis=0))

    @property
    def is_clip_known(self) -> Bool[np.ndarray, " effects"]:
        """The effects that are labelled for the clip as a whole."""
        if self.clip_known is not None:
            return self.clip_known
        return np.asarray(self.truth.any(axis=0) | self.known.all(axis=0))

    @property
    def has_known_events(self) -> Bool[np.ndarray, " effects"]:
        """The effects that are labelled in every frame, so that their cues can be scored."""
        return np.asarray(self.known.all(axis=0)) & (not self.is_still)

    @property
    def is_known_silent(self) -> bool:
        """Whether it is known to have no effect at any moment."""
        nothing = bool(self.known.all()) and not self.truth.any() and not self.clip_truth.any()
        return nothing and not self.reference and not self.is_still


def validate(clips: Sequence[ScoredClip], effects: Sequence[str]) -> None:
    """Refuse clips that cannot be evaluated together.

    Raises:
        ValueError: There is none, or one has other effects or a reference of an unknown effect.
    """
    if not clips:
        raise ValueError("there must be at least one clip to evaluate")
    names = set(effects)
    for clip in clips:
        if clip.probabilities.shape[1] != len(effects):
            raise ValueError(
                f"{clip.id}: must have {len(effects)} effects, got {clip.probabilities.shape[1]}"
            )
        for event in clip.reference:
            if event.effect not in names:
                raise ValueError(f"{clip.id}: has an event of {event.effect!r}, which is no effect")


def without_overlaps(events: Iterable[Event]) -> tuple[Event, ...]:
    """Join overlapping events of one effect: seen and audible at once, it happens once."""
    joined: list[Event] = []
    for event in sorted(events, key=lambda event: (event.effect, event.onset)):
        last = joined[-1] if joined else None
        if last is None or last.effect != event.effect or event.onset >= last.offset:
            joined.append(event)
        elif event.offset > last.offset:
            joined[-1] = dataclasses.replace(last, offset=event.offset)
    return tuple(sorted(joined, key=lambda event: (event.onset, event.effect)))


def plain(value: Any) -> Any:
    """Turn results into plain JSON data; undefined numbers (NaN) become null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.12g}") if np.isfinite(value) else None
    return value
