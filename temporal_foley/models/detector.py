"""What every detector does: pictures of a video in, a probability per frame and effect out."""

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
    """Says how probable each effect of its vocabulary is in each frame.

    A caller hands `prepare` to the decoder, so that only small pictures are kept, and passes the
    prepared pictures on in order. Everything streams: neither side ever holds the whole video.
    """

    @property
    def name(self) -> str:
        """What it is called in reports and cue lists."""
        ...

    @property
    def sha256(self) -> str:
        """Fingerprint of all that decides its answers: same fingerprint, same answers."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The effects it answers for, in the order of its columns."""
        ...

    def prepare(self, image: Image) -> SmallImage:
        """Turn a decoded RGB picture into what `probabilities` takes; runs on the host, cheap."""
        ...

    def load_ahead(self) -> None:
        """Begin to load what looking needs, in the background; calling it again does nothing."""
        ...

    @property
    def frame_rate(self) -> Fraction | None:
        """On which grid it must look, in Hz; None: on any."""
        ...

    @property
    def listens(self) -> bool:
        """Whether it wants the video's own sound."""
        ...

    @property
    def decision(self) -> Mapping[str, Any] | None:
        """How its probabilities become events, as `spotting.decision` reads it; None: as usual."""
        ...

    def probabilities(
        self,
        frames: Iterable[SmallImage],
        *,
        grid: TimeGrid | None = None,
        sound: Iterable[SoundBlock] | None = None,
    ) -> Iterator[FrameProbabilities]:
        """Yield blocks of rows, one row a frame, in order.

        Args:
            frames: Prepared pictures at the times of the grid.
            grid: The frames' times; for a detector that also listens.
            sound: The video's own sound from time 0 on, at 32 kHz, for a detector that also
                listens; the others leave it unread.
        """
        ...

    def seen_effects(self) -> dict[str, str]:
        """Return the effects that it can spot, and what stands behind each."""
        ...

    def blind_effects(self) -> dict[str, str]:
        """Return the effects that it cannot spot (their probability is always 0), and why."""
        ...


BATCH_FRAMES = 16


def in_batches(
    frames: Iterable[SmallImage],
) -> Iterator[UInt8[np.ndarray, "batch rows columns 3"]]:
    """Stack frames that follow each other; a change of size within a video begins a new batch."""
    waiting: list[SmallImage] = []
    for frame in frames:
        if waiting and (len(waiting) == BATCH_FRAMES or frame.shape != waiting[0].shape):
            yield np.stack(waiting)
            waiting = []
        waiting.append(frame)
    if waiting:
        yield np.stack(waiting)
