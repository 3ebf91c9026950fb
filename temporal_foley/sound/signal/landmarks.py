"""Find the anchor of a recording, its next hit, and its part between silent ends."""

import numpy as np
from jaxtyping import Float

from temporal_foley.timegrid import SAMPLE_RATE_HZ

_HOP = SAMPLE_RATE_HZ // 1000
_BODY_FRAME = SAMPLE_RATE_HZ // 20
_HIT_FRAME = SAMPLE_RATE_HZ // 100
_PAUSE_DB = 12.0
"""A hit has ended where the level has fallen by this much."""
_LIKE_DB = 9.0
"""What rises again to within this of the hit is another one, not its echo."""

Samples = Float[np.ndarray, "samples channels"]


def find_anchor(samples: Samples) -> int:
    """Return the sample of the first impact in a recording.

    The first peak is the first millisecond with an energy within 12 dB of the loudest. The impact
    is the first sample that reaches half of the peak after the steepest rise of energy in the 50 ms
    before it: an energy-based onset detector as in Bello et al., "A Tutorial on Onset Detection in
    Music Signals" (2005).
    """
    energy = _frame_energy(samples, _HOP)
    if energy.max() <= 0.0:
        return 0
    first_peak = int(np.argmax(energy >= energy.max() / 16.0))
    rises = np.diff(energy, prepend=0.0)
    begin = max(0, first_peak - 50)
    steepest = begin + int(np.argmax(rises[begin : first_peak + 1]))
    start = steepest * _HOP
    impact = np.abs(samples[start : start + 2 * _HOP]).max(axis=1)
    return start + int(np.argmax(impact >= impact.max() / 2.0))


def find_next_hit(samples: Samples, anchor: int) -> int:
    """Return where a recording pauses between the hit at its anchor and another that is as strong.

    Without such a hit, such as the second of two barks, it is the end of the recording.
    """
    energy = _frame_energy(samples[anchor:], _HIT_FRAME)
    # A mean over three frames: single frames of a low voice miss its pulses.
    energy = np.convolve(np.pad(energy, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    level = 10.0 * np.log10(energy + 1e-12)
    strongest, weakest, pause = -120.0, np.inf, 0
    for frame, value in enumerate(level):
        if value > strongest and not pause:
            strongest = value
        elif value < strongest - _PAUSE_DB and value < weakest:
            weakest, pause = value, frame
        elif pause and value > strongest - _LIKE_DB:
            return anchor + pause * _HIT_FRAME
    return len(samples)


def find_body(samples: Samples) -> tuple[int, int]:
    """Return the range of a recording without its silent or faded ends.

    It extends from the first to the last twentieth of a second with a level at most 6 dB below the
    median.
    """
    energy = _frame_energy(samples, _BODY_FRAME)
    loud = np.flatnonzero(energy >= np.median(energy) / 4.0)
    return int(loud[0]) * _BODY_FRAME, min(len(samples), int(loud[-1] + 1) * _BODY_FRAME)


def _frame_energy(samples: Samples, length: int) -> Float[np.ndarray, " frames"]:
    """Return the mean energy of frames of `length` samples; the last may be shorter."""
    starts = np.arange(0, len(samples), length)
    totals = np.add.reduceat(np.square(samples, dtype=np.float64).sum(axis=1), starts)
    return totals / np.diff(starts, append=len(samples))
