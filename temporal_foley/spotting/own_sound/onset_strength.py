"""Measure the levels of a sound in mel bands and how strongly they rise, every 5 ms.

The rise is spectral flux in decibels against the largest of the neighbouring bands a moment
earlier, so that a gliding voice is not taken for a new sound (S. Böck and G. Widmer, "Maximum
filter vibrato suppression for onset detection", DAFx 2013). Everything is NumPy: importing librosa
costs more than analysing a minute of sound.
"""

import dataclasses
import functools
import math

import numpy as np
from jaxtyping import Float, Float16

RATE_HZ = 32_000
HOP = 160
FRAME_S = HOP / RATE_HZ
BANDS = 40
QUIETEST_DB = -100.0
_WINDOW, _POINTS = 512, 1024
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 14_000.0
_AT_ONCE = 4096

Wave = Float[np.ndarray, " samples"]
PerFrame = Float[np.ndarray, " frames"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SoundLevels:
    """Levels of a sound in mel bands; frame `i` is centred `i * FRAME_S` seconds from its start."""

    bands_db: Float16[np.ndarray, "frames bands"]
    """Decibels below a sine of full scale."""

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.bands_db) * FRAME_S

    def within(self, start: float, end: float) -> tuple[int, int]:
        """Return the frames of `[start, end)` seconds, cut to those that exist."""
        first = min(max(round(start / FRAME_S), 0), len(self.bands_db))
        return first, min(max(round(end / FRAME_S), first), len(self.bands_db))


def measure_levels(sound: Wave) -> SoundLevels:
    """Measure a whole sound, mono at 32 kHz."""
    meter = LevelMeter()
    meter.add(sound)
    return meter.levels()


class LevelMeter:
    """Measures a sound that comes in blocks; 80 bytes are kept for each 5 ms."""

    def __init__(self) -> None:
        self._held = np.zeros(_WINDOW // 2, np.float32)
        self._rows: list[Float16[np.ndarray, "frames bands"]] = []

    def add(self, block: Wave) -> None:
        """Measure the next samples, mono at 32 kHz."""
        if block.ndim != 1:
            raise ValueError(f"sound must be mono, got blocks of shape {block.shape}")
        self._held = np.concatenate([self._held, np.nan_to_num(np.asarray(block, np.float32))])
        frames = (len(self._held) - _WINDOW) // HOP
        if frames >= _AT_ONCE:
            self._rows.append(_measured(self._held[: (frames - 1) * HOP + _WINDOW]))
            self._held = self._held[frames * HOP :]

    def levels(self) -> SoundLevels:
        """Return the levels of all that was added; silence follows its end."""
        rows = [np.zeros((0, BANDS), np.float16), *self._rows]
        frames = -(-(len(self._held) - _WINDOW // 2) // HOP)
        if frames > 0:
            missing = max(0, (frames - 1) * HOP + _WINDOW - len(self._held))
            rows.append(_measured(np.pad(self._held, (0, missing))))
        return SoundLevels(bands_db=np.concatenate(rows))


def band_slice(lowest_hz: float, highest_hz: float) -> slice:
    """Return the bands whose centres are in a range of frequencies; at least one."""
    if not 0.0 <= lowest_hz < highest_hz:
        raise ValueError(f"highest_hz must be above {lowest_hz}, got {highest_hz}")
    inside = np.flatnonzero((band_centres() >= lowest_hz) & (band_centres() <= highest_hz))
    if not len(inside):
        inside = np.array([int(np.abs(band_centres() - lowest_hz).argmin())])
    return slice(int(inside[0]), int(inside[-1]) + 1)


def total_level(bands_db: Float[np.ndarray, "frames bands"]) -> PerFrame:
    """Return the level of all bands together, in decibels."""
    return 10.0 * np.log10((10.0 ** (np.asarray(bands_db, np.float32) / 10.0)).sum(axis=1) + 1e-12)


def onset_strength(
    bands_db: Float[np.ndarray, "frames bands"], lag: int, floor_db: Float[np.ndarray, " bands"]
) -> PerFrame:
    """Return the mean rise of the bands in decibels over `lag` frames; 0 before the first rise.

    Args:
        bands_db: Levels of the bands that matter.
        lag: Over how many frames a level rises.
        floor_db: Level of each band that counts as silence.
    """
    if lag < 1:
        raise ValueError(f"lag must be at least 1 frame, got {lag}")
    heights = np.maximum(np.asarray(bands_db, np.float32) - floor_db, 0.0)
    padded = np.pad(heights, ((lag, 0), (1, 1)), mode="edge")[: len(heights)]
    earlier = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return np.maximum(heights - earlier, 0.0).mean(axis=1)


def noise_floor(bands_db: Float[np.ndarray, "frames bands"]) -> Float[np.ndarray, " bands"]:
    """Return the level of each band below which nothing counts.

    That is 6 dB above its quietest tenth, and nothing 50 dB below the loudest band counts either.
    """
    if not len(bands_db):
        return np.full(bands_db.shape[1], QUIETEST_DB)
    levels = np.asarray(bands_db, np.float32)
    return np.maximum(np.percentile(levels, 10.0, axis=0) + 6.0, levels.max() - 50.0)


@functools.cache
def band_centres() -> Float[np.ndarray, " bands"]:
    """Return the centre of each band in Hz."""
    return _corners()[1:-1]


def _corners() -> Float[np.ndarray, " corners"]:
    low, high = (1127.0 * math.log1p(hz / 700.0) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    return 700.0 * np.expm1(np.linspace(low, high, BANDS + 2) / 1127.0)


@functools.cache
def _filters() -> Float[np.ndarray, "bins bands"]:
    bins = np.arange(_POINTS // 2 + 1)[:, None] * (RATE_HZ / _POINTS)
    corners = _corners()
    rising = (bins - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - bins) / np.diff(corners)[1:]
    window = np.hanning(_WINDOW + 1)[:-1]
    # A sine of full scale has 0 dB: the window spreads it over one and a half of its own bins.
    scale = 4.0 / window.sum() ** 2 / (1.5 * _POINTS / _WINDOW)
    return (scale * np.maximum(0.0, np.minimum(rising, falling))).astype(np.float32)


def _measured(chunk: Wave) -> Float16[np.ndarray, "frames bands"]:
    frames = np.lib.stride_tricks.sliding_window_view(chunk, _WINDOW)[::HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    rows = []
    for start in range(0, len(frames), _AT_ONCE):
        spectrum = np.fft.rfft(frames[start : start + _AT_ONCE] * window, _POINTS)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ _filters()
        rows.append(np.maximum(10.0 * np.log10(power + 1e-12), QUIETEST_DB).astype(np.float16))
    return np.concatenate(rows)
