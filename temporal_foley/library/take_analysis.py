"""Analyse a recording: level, onsets, anchor, loop and faults."""

import dataclasses
import hashlib
import math

import numpy as np
import soxr
from jaxtyping import Bool, Float

from temporal_foley.sound.signal.landmarks import find_anchor
from temporal_foley.sound.signal.loops import find_loop
from temporal_foley.sound.signal.loudness import measure
from temporal_foley.timegrid import SAMPLE_RATE_HZ

Samples = Float[np.ndarray, "samples channels"]

TRIM_DB = 48.0
"""Ends further than this below the loudest moment are trimmed."""
FLOOR_DB = -66.0
"""Anything quieter than this is silence, however quiet the recording."""
TRIM_LEAD_S, TRIM_TAIL_S = 0.005, 0.05
CLIPPED_RUNS = 5
NOISY_DB = 28.0
QUIET_DB = -50.0
ONSET_RISE_DB = 9.0
ONSET_GAP_S = 0.06
ONSET_RANGE_DB = 30.0
MOST_ONSETS = 64

_LEAST_OFFSET = 2e-4
_FRAME_S, _ONSET_FRAME_S = 0.01, 0.005


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakeAnalysis:
    """Measurements of a recording."""

    seconds: float
    level_lufs: float | None
    """Integrated loudness (EBU R 128); None for silence."""
    peak_dbfs: float | None
    noise_db: float | None
    """Level of the quietest tenth below the loudest moment."""
    onsets_s: tuple[float, ...]
    start_s: float
    end_s: float
    """The part between silent ends."""
    anchor_s: float
    loop_s: tuple[float, float, float] | None
    """Start and end of the loop, and the length of its crossfade."""
    loop_alike: float | None
    """Correlation of the two sides of the crossfade."""
    is_clipped: bool
    content: str
    """SHA-256 of its samples, independent of the file format."""


def analyse_take(samples: Samples, rate_hz: int) -> TakeAnalysis:
    """Analyse a recording at its own sample rate."""
    is_clipped = count_clipped_runs(samples) >= CLIPPED_RUNS
    content = _content_sha256(samples, rate_hz)
    if rate_hz != SAMPLE_RATE_HZ:
        samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ).astype(np.float32)
    if not len(samples):
        samples = np.zeros((1, samples.shape[1]), np.float32)
    samples = without_offset(samples)
    stereo = samples if samples.shape[1] == 2 else np.repeat(samples, 2, axis=1)
    level, _ = measure(_in_blocks(stereo), true_peak=False)
    peak = float(np.max(np.abs(samples)))
    start, end = find_sound(samples)
    body = samples[start:end]
    loop = find_loop(body)
    rate = SAMPLE_RATE_HZ
    return TakeAnalysis(
        seconds=round(len(samples) / rate, 4),
        level_lufs=None if level is None else round(level, 1),
        peak_dbfs=round(20 * math.log10(peak), 1) if peak > 0 else None,
        noise_db=_noise_db(samples),
        onsets_s=tuple(round(start / rate + onset, 3) for onset in find_onsets(body)),
        start_s=round(start / rate, 4),
        end_s=round(end / rate, 4),
        anchor_s=round((start + find_anchor(body)) / rate, 4),
        loop_s=None
        if loop is None
        else (
            round((start + loop.start) / rate, 4),
            round((start + loop.end) / rate, 4),
            round(loop.crossfade / rate, 4),
        ),
        loop_alike=None if loop is None else loop.alike,
        is_clipped=is_clipped,
        content=content,
    )


def without_offset(samples: Samples) -> Samples:
    """Return a recording without its constant offset, which hides silence and moves the anchor."""
    offset = np.median(samples, axis=0)
    offset[np.abs(offset) < _LEAST_OFFSET] = 0.0
    return samples - offset.astype(np.float32) if offset.any() else samples


def find_sound(samples: Samples) -> tuple[int, int]:
    """Return the range of samples between silent ends; the whole range if all is silent."""
    frame = int(_FRAME_S * SAMPLE_RATE_HZ)
    level = _levels_db(samples, frame)
    is_audible = level >= max(float(level.max()) - TRIM_DB, FLOOR_DB)
    if not is_audible.any():
        return 0, len(samples)
    audible = np.flatnonzero(is_audible)
    start = int(audible[0]) * frame - int(TRIM_LEAD_S * SAMPLE_RATE_HZ)
    end = int(audible[-1] + 1) * frame + int(TRIM_TAIL_S * SAMPLE_RATE_HZ)
    return max(0, start), min(len(samples), end)


def find_onsets(samples: Samples) -> list[float]:
    """Return the times of onsets in seconds, 64 at most.

    At an onset the level of 5 ms frames rises by 9 dB or more over the quietest of the preceding
    30 ms, to within 30 dB of the loudest frame (an energy-based detector as in Bello et al., "A
    Tutorial on Onset Detection in Music Signals", 2005).
    """
    frame = int(_ONSET_FRAME_S * SAMPLE_RATE_HZ)
    level = np.maximum(_levels_db(samples, frame), -100.0)
    padded = np.concatenate([np.full(6, -100.0), level])
    before = np.min(np.lib.stride_tricks.sliding_window_view(padded, 6), axis=1)[: len(level)]
    rise = level - before
    is_candidate = (rise >= ONSET_RISE_DB) & (level >= level.max() - ONSET_RANGE_DB)
    onsets: list[float] = []
    last = -math.inf
    for place in np.flatnonzero(is_candidate):
        time = float(place) * _ONSET_FRAME_S
        if time - last >= ONSET_GAP_S:
            onsets.append(time)
        # A rise that continues is one onset, and so is its ringing.
        is_going_on = place > 0 and is_candidate[place - 1]
        last = time if time - last >= ONSET_GAP_S or is_going_on else last
    return onsets[:MOST_ONSETS]


def count_clipped_runs(samples: Samples) -> int:
    """Count runs of three or more samples at the same highest level.

    Clipped recordings overshoot after lossy compression: samples above full scale count as being
    at full scale.
    """
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak < 0.5:
        return 0
    is_top: Bool[np.ndarray, "samples channels"] = np.abs(samples) >= min(peak, 1.0) * 0.999
    inside = is_top[:-2] & is_top[1:-1] & is_top[2:]
    starts = inside & ~np.concatenate([np.zeros_like(inside[:1]), inside[:-1]])
    return int(starts.sum())


def _noise_db(samples: Samples) -> float | None:
    level = _levels_db(samples, int(2 * _FRAME_S * SAMPLE_RATE_HZ))
    # Digital silence at the ends says nothing about the noise of the recording.
    level = level[level > -90.0]
    if len(level) < 5:
        return None
    return round(float(level.max() - np.percentile(level, 10)), 1)


def _levels_db(samples: Samples, frame: int) -> Float[np.ndarray, " frames"]:
    starts = np.arange(0, len(samples), frame)
    # Much faster than a mean over the short axis.
    power = np.einsum("sc,sc->s", samples, samples, dtype=np.float64) / samples.shape[1]
    totals = np.add.reduceat(power, starts) / np.diff(starts, append=len(power))
    return 10.0 * np.log10(np.maximum(totals, 1e-14))


def _in_blocks(samples: Samples) -> list[Samples]:
    return [samples[i : i + SAMPLE_RATE_HZ] for i in range(0, len(samples), SAMPLE_RATE_HZ)]


def _content_sha256(samples: Samples, rate_hz: int) -> str:
    """Hash the samples as 16-bit numbers: the same sound as WAV, FLAC or with other metadata."""
    rounded = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")
    digest = hashlib.sha256(f"{rate_hz} {samples.shape[1]}\n".encode())
    digest.update(np.ascontiguousarray(rounded).tobytes())
    return digest.hexdigest()
