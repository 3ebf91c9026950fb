"""Tell whether two files hold the same recording: samples in, 256 bits out, and who has them."""

import bisect
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from temporal_foley.timegrid import SAMPLE_RATE_HZ

MOST_BITS = 12
"""Two packings of one recording differ in fewer bits; two takes of noise in about 128."""
_BANDS, _SLICES = 17, 16

Samples = Float[np.ndarray, "samples channels"]


def fingerprint(samples: Samples) -> str:
    """Return 256 bits that hardly change with level, rate, format or lossy packing.

    Each bit tells whether the difference of two neighbouring bands grows from one of 16 stretches
    to the next, as in Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (2002).
    """
    mono = np.einsum("sc->s", samples, dtype=np.float64)
    length = 2048
    if len(mono) < length:
        mono = np.pad(mono, (0, length - len(mono)))
    centres = np.linspace(0, len(mono) - length, 4 * (_SLICES + 1)).astype(int)
    windows = np.stack([mono[at : at + length] for at in centres]) * np.hanning(length)
    power = np.square(np.abs(np.fft.rfft(windows, axis=1)))
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    edges = np.geomspace(150.0, 3_500.0, _BANDS + 1)
    bands = np.stack(
        [power[:, (hz >= low) & (hz < high)].sum(axis=1) for low, high in pairwise(edges)],
        axis=1,
    )
    energy = bands.reshape(_SLICES + 1, 4, _BANDS).mean(axis=1)
    # What is far below the loudest is rounding and hiss, which packing changes.
    energy = np.log(energy + 1e-4 * energy.max() + 1e-20)
    difference = np.diff(energy, axis=1)
    bits = np.diff(difference, axis=0) > 0
    return np.packbits(bits).tobytes().hex()


class KnownPrints:
    """The recordings that were seen, in order of their length."""

    def __init__(self):
        self._known: list[tuple[float, int, str]] = []

    def add(self, bits: str, seconds: float, file: str) -> None:
        """Remember a recording."""
        bisect.insort(self._known, (seconds, int(bits, 16), file))

    def find(self, bits: str, seconds: float) -> str | None:
        """Return the file that holds the same recording: about as long, and nearly of its bits."""
        own = int(bits, 16)
        slack = 0.01 * seconds + 0.02
        first = bisect.bisect_left(self._known, (seconds - slack,))
        for length, other, file in self._known[first:]:
            if length > seconds + slack:
                return None
            if (own ^ other).bit_count() <= MOST_BITS:
                return file
        return None
