"""Define a take, one concrete sound of a library, and play it faster or slower."""

import dataclasses

import numpy as np
import soxr
from jaxtyping import Float

from temporal_foley.timeline import Loop

STEP_CENTS = 50
"""Pitch changes are multiples of this, so that a session needs few files for one take."""
MOST_CENTS = 150


@dataclasses.dataclass(frozen=True, kw_only=True)
class Take:
    """A sound at 48 kHz, ready to be placed.

    `anchor` is the sample that meets the picture (the knock of a step, the crack of a break).
    `loop` is the part that may repeat; a take without one is never repeated.
    """

    samples: Float[np.ndarray, "samples channels"]
    anchor: int = 0
    loop: Loop | None = None

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.shape[1] not in (1, 2):
            raise ValueError(f"take.samples must be (samples, 1 or 2), got {self.samples.shape}")
        if self.samples.shape[0] < 1:
            raise ValueError("take.samples must hold at least one sample")
        if not 0 <= self.anchor < self.samples.shape[0]:
            raise ValueError(f"take.anchor must be within the take, got {self.anchor}")
        if self.loop is not None and self.loop.end > self.samples.shape[0]:
            raise ValueError(f"take.loop must be within the take, got {self.loop}")


def repitch(take: Take, cents: int) -> Take:
    """Return a take played faster, and so higher and shorter, by `cents` (negative: slower).

    Anchor and loop move with the samples.
    """
    if not cents:
        return take
    ratio = 2.0 ** (-cents / 1200.0)
    samples = soxr.resample(take.samples, 1.0, ratio, "HQ").astype(np.float32)

    def place(sample: int) -> int:
        return min(round(sample * ratio), len(samples))

    loop = None
    if take.loop is not None:
        start, end = place(take.loop.start), place(take.loop.end)
        crossfade = min(place(take.loop.crossfade), start, end - start)
        loop = Loop(start=start, end=end, crossfade=crossfade, alike=take.loop.alike)
    return Take(samples=samples, anchor=min(place(take.anchor), len(samples) - 1), loop=loop)
