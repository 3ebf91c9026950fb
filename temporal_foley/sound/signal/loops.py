"""Find a loop in a recording that repeats without an audible join.

The two joined places are the most similar ones over the length of the join: first in level and
spectrum (the cost of Schödl et al., "Video Textures", SIGGRAPH 2000, with spectra instead of
images), then, within a few milliseconds, in phase.
"""

import itertools

import numpy as np
from jaxtyping import Float

from temporal_foley.sound.signal.landmarks import find_body
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Loop

_SHORTEST_LOOP = SAMPLE_RATE_HZ // 2
_LONGEST_JOIN = SAMPLE_RATE_HZ // 2
_HOP = SAMPLE_RATE_HZ // 50
_WINDOW = 2 * _HOP
_BANDS = 24
_LOW_HZ, _HIGH_HZ = 60.0, 16_000.0
# Cost in decibels of a loop that is shortened as far as allowed.
_LENGTH_DB = 1.0
_NUDGE = SAMPLE_RATE_HZ // 100

Samples = Float[np.ndarray, "samples channels"]
Levels = Float[np.ndarray, "frames bands"]


def find_loop(samples: Samples) -> Loop | None:
    """Return a loop over most of the body of a recording; None if it is too short.

    The join is a quarter of the body, up to half a second: long enough for the noise-like sounds
    that are mostly looped (water, wind, crowds, traffic). Start and end may each move inwards by a
    quarter of the body to where they are more similar.
    """
    begin, finish = find_body(samples)
    length = finish - begin
    if length < _SHORTEST_LOOP:
        return None
    join = min(length // 4, _LONGEST_JOIN)
    mono = samples[begin:finish].mean(axis=1, dtype=np.float64)
    start, end = _most_alike(_band_levels(mono), length, join)
    end, alike = _in_phase(mono, start, end, join)
    return Loop(start=begin + start, end=begin + end, crossfade=join, alike=round(alike, 3))


def _most_alike(levels: Levels, length: int, join: int) -> tuple[int, int]:
    """Return the pair of places before which `join` samples are most similar in every band."""
    width = max(1, join // _HOP)
    starts = np.arange(join, join + max(length // 4 - join // 2, 1), _HOP)
    ends = np.arange(length, length - max(length // 4 - join // 2, 1), -_HOP)
    ends = ends[ends - starts[0] >= _SHORTEST_LOOP // 2]
    if not len(ends):
        return join, length
    # The levels of parts of a join, band by band, are what would jump audibly.
    parts = np.linspace(0, width, min(width, 5) + 1).astype(int)

    def shapes(places: np.ndarray) -> np.ndarray:
        first = np.clip((places - join) // _HOP, 0, len(levels) - width)
        rows = [
            levels[first[:, None] + np.arange(a, b)].mean(axis=1)
            for a, b in itertools.pairwise(parts)
        ]
        return np.concatenate(rows, axis=1)

    early, late = shapes(starts), shapes(ends)
    squares = (early**2).sum(axis=1)[:, None] + (late**2).sum(axis=1) - 2.0 * early @ late.T
    unlike_db = np.sqrt(np.maximum(squares, 0.0) / early.shape[1])
    lost = (starts - starts[0])[:, None] + (ends[0] - ends)
    cost = unlike_db + _LENGTH_DB * lost / max(length // 2, 1)
    row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return int(starts[row]), int(ends[column])


def _in_phase(mono: np.ndarray, start: int, end: int, join: int) -> tuple[int, float]:
    """Move the end by a few milliseconds to the best match in phase; also return how good it is."""
    ahead = mono[start - join : start]
    reach = min(_NUDGE, end - start - _SHORTEST_LOOP // 4)
    if reach < 1:
        return end, 0.0
    low, high = end - join - reach, min(end + reach, len(mono))
    behind = mono[low:high]
    size = 1 << (len(behind) + join).bit_length()
    spectrum = np.fft.rfft(behind, size) * np.conj(np.fft.rfft(ahead, size))
    products = np.fft.irfft(spectrum, size)[: len(behind) - join + 1]
    sums = np.concatenate([[0.0], np.cumsum(behind**2)])
    powers = sums[join:] - sums[:-join]
    alike = products / np.sqrt(np.maximum(powers * (ahead**2).sum(), 1e-20))
    best = int(np.argmax(alike))
    return low + join + best, float(np.clip(alike[best], 0.0, 1.0))


def _band_levels(mono: Float[np.ndarray, " samples"]) -> Levels:
    """Return the level in decibels of bands of about a third of an octave, 50 times per second."""
    frames = max(1, (len(mono) - _WINDOW) // _HOP + 1)
    hz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ)
    edges = np.geomspace(_LOW_HZ, _HIGH_HZ, _BANDS + 1)
    cuts = np.unique(np.searchsorted(hz, edges))
    window = np.hanning(_WINDOW)
    padded = np.pad(mono, (0, max(0, _WINDOW - len(mono))))
    levels = np.empty((frames, len(cuts) - 1))
    # In pieces: all frames of a minute at once would take a hundred megabytes.
    for first in range(0, frames, 500):
        at = np.arange(first, min(frames, first + 500))
        power = np.abs(np.fft.rfft(padded[at[:, None] * _HOP + np.arange(_WINDOW)] * window)) ** 2
        levels[at] = np.add.reduceat(power, cuts[:-1], axis=1)
    return 10.0 * np.log10(levels + 1e-6 * max(float(levels.max()), 1e-12))
