"""Define the interface of every detector: images of a video to probabilities of effects."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.effects import Vocabulary
from temporal_foley.timegrid import TimeGrid

Image = UInt8[np.ndarray, "height width 3"]
SmallImage = UInt8[np.ndarray, "rows columns 3"]
SoundBlock = Float[np.ndarray, "samples channels"]
FrameProbabilities = Float[np.ndarray, "frames effects"]


@runtime_checkable
class Detector(Protocol):
    """Estimates how probable each effect of its vocabulary is in each frame.

    The decoder calls `prepare`, so that only small images are kept, and passes the prepared images
    on in order. Everything streams: neither side ever holds the whole video.
    """

    @property
    def name(self) -> str:
        """Name in reports and cue lists."""
        ...

    @property
    def sha256(self) -> str:
        """Fingerprint of everything that determines its output."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The effects of its columns, in order."""
        ...

    def prepare(self, image: Image) -> SmallImage:
        """Scale a decoded RGB image to the input of `probabilities`; runs on the host, cheap."""
        ...

    def load_ahead(self) -> None:
        """Begin to load the network in the background; calling it again does nothing."""
        ...

    @property
    def frame_rate(self) -> Fraction | None:
        """Frame rate in Hz that it requires; None if any will do."""
        ...

    @property
    def listens(self) -> bool:
        """Whether it uses the video's own sound."""
        ...

    @property
    def decision(self) -> Mapping[str, Any] | None:
        """How its probabilities become events (`spotting.decision`); None: by the defaults."""
        ...

    def probabilities(
        self,
        frames: Iterable[SmallImage],
        *,
        grid: TimeGrid | None = None,
        sound: Iterable[SoundBlock] | None = None,
    ) -> Iterator[FrameProbabilities]:
        """Yield blocks of rows, one row per frame, in order.

        Args:
            frames: Prepared images at the times of the grid.
            grid: Times of the frames; needed with a sound.
            sound: The video's own sound from time 0 on, at 32 kHz; ignored by detectors that do
                not use it.
        """
        ...

    def seen_effects(self) -> dict[str, str]:
        """Return the effects that it can detect, each with what that rests on."""
        ...

    def blind_effects(self) -> dict[str, str]:
        """Return the effects that it cannot detect (their probability is always 0), and why."""
        ...


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
