"""Compute the envelope of a stream of sound for drawing its waveform."""

import numpy as np
from jaxtyping import Float

COLUMNS = 2000

Envelope = Float[np.ndarray, "columns 2"]
"""Least and greatest sample of each column over both channels."""


class WaveformPen:
    """Collects the envelope of a stream of known length; parts not drawn are silent."""

    def __init__(self, samples: int, columns: int = COLUMNS):
        self.edges = np.arange(min(columns, samples) + 1) * samples // max(1, min(columns, samples))
        self.envelope: Envelope = np.zeros((len(self.edges) - 1, 2), np.float32)

    def draw(self, start: int, block: Float[np.ndarray, "samples channels"]) -> None:
        """Add the samples from `start` on."""
        if not len(block):
            return
        first = int(np.searchsorted(self.edges, start, "right")) - 1
        last = int(np.searchsorted(self.edges, start + len(block), "left"))
        cuts = np.maximum(self.edges[first:last] - start, 0)
        lows, highs = self.envelope[first:last].T
        for channel in block.T:
            np.minimum(lows, np.minimum.reduceat(channel, cuts), out=lows)
            np.maximum(highs, np.maximum.reduceat(channel, cuts), out=highs)
