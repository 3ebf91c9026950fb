"""Define what every detector does: return a probability per frame and effect of a video."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.effects import Vocabulary
from temporal_foley.spotting.places import Places, join_places
from temporal_foley.timegrid import TimeGrid

Image = UInt8[np.ndarray, "height width 3"]
SmallImage = UInt8[np.ndarray, "_ _ 3"]
SoundBlock = Float[np.ndarray, "_ channels"]
FrameProbabilities = Float[np.ndarray, "frames effects"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameDetections:
    """What a detector found in a block of frames that follow each other."""

    probabilities: FrameProbabilities
    places: Places | None = None
    """Where in the pictures effects are visible; None if not asked for, or not known."""
    features: Float[np.ndarray, "frames features"] | None = None
    """Image features, for who compares shots; None if not known."""
    apart: "Apart | None" = None
    """What pictures and sound show by themselves; None unless both were used."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Apart:
    """How probable effects are by the pictures alone and by the sound alone."""

    seen: FrameProbabilities
    heard: FrameProbabilities


@runtime_checkable
class Detector(Protocol):
    """Estimates how probable each effect of its vocabulary is in each frame.

    A caller hands `prepare` to the decoder, so that only small pictures are kept, and passes the
    prepared pictures on in order. Pictures stream: neither side ever holds the whole video.
    """

    @property
    def name(self) -> str:
        """The name that reports and cue lists call it by."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of everything that its answers depend on."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The effects that it detects, in the order of its columns."""
        ...

    def prepare(self, image: Image) -> SmallImage:
        """Turn a decoded RGB picture into what `detect` takes; runs on the host and is cheap."""
        ...

    def load_ahead(self) -> None:
        """Begin to load the networks in the background; calling it again does nothing."""
        ...

    @property
    def frame_rate(self) -> Fraction | None:
        """The only rate of pictures that it accepts, in Hz; None for any."""
        ...

    @property
    def listens(self) -> bool:
        """Whether it uses the video's own sound."""
        ...

    @property
    def decision(self) -> Mapping[str, Any] | None:
        """How its probabilities become events, for `spotting.decision`; None for the default."""
        ...

    def detect(
        self,
        frames: Iterable[SmallImage],
        *,
        grid: TimeGrid | None = None,
        sound: Iterable[SoundBlock] | None = None,
        with_places: bool = False,
    ) -> Iterator[FrameDetections]:
        """Yield the detections of blocks of frames, in order.

        Args:
            frames: Prepared pictures at the times of the grid.
            grid: The frames' times; needed with a sound.
            sound: The video's own sound from time 0 on, at 32 kHz. A detector that uses only
                pictures leaves it unread.
            with_places: Whether to also return where in the pictures effects are visible. A
                detector that cannot find out returns none.
        """
        ...

    def seen_effects(self) -> dict[str, str]:
        """Return the effects that it can detect, each with what that rests on."""
        ...

    def blind_effects(self) -> dict[str, str]:
        """Return the effects that it cannot detect (their probability is always 0), and why."""
        ...


def detect_all(
    detector: Detector,
    frames: Iterable[SmallImage],
    *,
    grid: TimeGrid | None = None,
    sound: Iterable[SoundBlock] | None = None,
    with_places: bool = False,
) -> FrameDetections:
    """Return what a detector yields, joined into one block."""
    blocks = list(detector.detect(frames, grid=grid, sound=sound, with_places=with_places))
    none = np.zeros((0, len(detector.vocabulary)), np.float32)
    known = [block.features for block in blocks if block.features is not None]
    return FrameDetections(
        probabilities=np.concatenate([none, *(block.probabilities for block in blocks)]),
        places=join_places([block.places for block in blocks]),
        features=np.concatenate(known) if known and len(known) == len(blocks) else None,
        apart=_join_apart([block.apart for block in blocks]),
    )


def _join_apart(parts: Sequence[Apart | None]) -> Apart | None:
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return Apart(
        seen=np.concatenate([part.seen for part in known]),
        heard=np.concatenate([part.heard for part in known]),
    )


BATCH_FRAMES = 16


def in_batches(
    frames: Iterable[SmallImage],
) -> Iterator[UInt8[np.ndarray, "batch rows columns 3"]]:
    """Stack consecutive frames; a change of size within a video begins a new batch."""
    waiting: list[SmallImage] = []
    for frame in frames:
        if waiting and (len(waiting) == BATCH_FRAMES or frame.shape != waiting[0].shape):
            yield np.stack(waiting)
            waiting = []
        waiting.append(frame)
    if waiting:
        yield np.stack(waiting)
