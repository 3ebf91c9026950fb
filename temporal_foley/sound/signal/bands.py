"""Measure the A-weighted level of a sound in each critical band.

Critical bands after E. Zwicker, "Subdivision of the audible frequency range into critical bands"
(JASA 33, 1961); the weight is the A-curve of IEC 61672-1.
"""

import numpy as np
from jaxtyping import Float

from temporal_foley.timegrid import SAMPLE_RATE_HZ

EDGES_HZ = (
    *(20, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700),
    *(3150, 3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500),
)
SILENT_DB = -120.0
_WINDOW = 4096
_LOOKED_AT = 10 * SAMPLE_RATE_HZ
# Moments this much softer than the loudest are left out of the level.
_SOUNDING_DB = 10.0

BandLevels = Float[np.ndarray, " bands"]


def band_levels(samples: Float[np.ndarray, "samples channels"]) -> BandLevels:
    """Return the level of each band in dBFS while the sound is loud."""
    padded = np.pad(samples[:_LOOKED_AT], ((_WINDOW // 2, _WINDOW), (0, 0)))
    starts = np.arange(0, len(padded) - _WINDOW + 1, _WINDOW // 2)
    window = np.sqrt(8.0 / 3.0) * np.hanning(_WINDOW)
    frames = padded[starts[:, None] + np.arange(_WINDOW)] * window[:, None]
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=2) * 2.0 / _WINDOW**2
    hz = np.fft.rfftfreq(_WINDOW, 1.0 / SAMPLE_RATE_HZ)
    cuts = np.searchsorted(hz, EDGES_HZ)
    bands = np.add.reduceat(power * _a_weight(hz), cuts, axis=1)[:, :-1]
    total = bands.sum(axis=1)
    sounding = bands[total >= total.max() * 10.0 ** (-_SOUNDING_DB / 10.0)]
    floor = 10.0 ** (SILENT_DB / 10.0)
    return np.round(10.0 * np.log10(np.maximum(sounding.mean(axis=0), floor)), 1)


def sum_levels(levels: BandLevels) -> float:
    """Return the level of all bands together."""
    return float(10.0 * np.log10((10.0 ** (levels / 10.0)).sum()))


def _a_weight(hz: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
    """Return the A-weighting of powers, 1 at 1 kHz."""
    square = hz**2
    response = (
        12194.0**2
        * square**2
        / (
            (square + 20.6**2)
            * np.sqrt((square + 107.7**2) * (square + 737.9**2))
            * (square + 12194.0**2)
        )
    )
    return (response * 10.0 ** (2.0 / 20.0)) ** 2
