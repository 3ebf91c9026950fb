"""Low-pass filter a sound so that it seems further away.

Air and obstacles absorb treble. The filter is a short windowed sinc (Oppenheim and Schafer,
Discrete-Time Signal Processing, 1989): symmetric, so that nothing is delayed, and without audible
ringing. Its products are summed in a fixed order, so that a stem does not depend on its blocks.
"""

import functools

import numpy as np
from jaxtyping import Float, Float32

from temporal_foley.timegrid import SAMPLE_RATE_HZ

REACH = 16
"""Samples on either side that the filter uses."""


@functools.lru_cache(maxsize=64)
def lowpass_taps(cutoff_hz: float) -> Float32[np.ndarray, " taps"]:
    """Return the weights from the middle outwards; -6 dB at the cut-off, 1 at 0 Hz."""
    if not 0.0 < cutoff_hz < SAMPLE_RATE_HZ / 2:
        raise ValueError(f"cutoff_hz must be in (0, {SAMPLE_RATE_HZ // 2}), got {cutoff_hz}")
    places = np.arange(REACH + 1)
    window = 0.5 + 0.5 * np.cos(np.pi * places / (REACH + 1))
    taps = np.sinc(2.0 * cutoff_hz / SAMPLE_RATE_HZ * places) * window
    return (taps / (taps[0] + 2.0 * taps[1:].sum())).astype(np.float32)


def distance_lowpass(
    samples: Float[np.ndarray, "samples channels"], cutoff_hz: float
) -> Float[np.ndarray, "inner channels"]:
    """Filter a sound; the result is shorter by `REACH` samples at either end."""
    taps = lowpass_taps(cutoff_hz)
    inner = len(samples) - 2 * REACH
    out = samples[REACH : REACH + inner] * taps[0]
    for reach in range(1, REACH + 1):
        before = samples[REACH - reach : REACH - reach + inner]
        out += (before + samples[REACH + reach : REACH + reach + inner]) * taps[reach]
    return out
