"""One concrete sound that a library holds: samples at 48 kHz, its anchor and its loop."""

import dataclasses

import numpy as np
from jaxtyping import Float

from temporal_foley.timeline import Loop


@dataclasses.dataclass(frozen=True, kw_only=True)
class Take:
    """A sound ready to be placed.

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
            raise ValueError(f"take.anchor must lie in the take, got {self.anchor}")
        if self.loop is not None and self.loop.end > self.samples.shape[0]:
            raise ValueError(f"take.loop must lie in the take, got {self.loop}")
