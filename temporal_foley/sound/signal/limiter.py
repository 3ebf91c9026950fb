"""Limit the true peaks of a stream of sound.

This is a look-ahead limiter as in Giannoulis et al., "Digital Dynamic Range Compressor Design"
(2012), driven by the 4-fold oversampled peak of ITU-R BS.1770-4. Sound below the ceiling is
unchanged.
"""

from collections.abc import Iterable, Iterator

import av
import numpy as np
from jaxtyping import Float

from temporal_foley.sound.signal.blocks import Block, rechunk
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_OVERSAMPLING = 4
_LOOK_AHEAD = SAMPLE_RATE_HZ * 25 // 10_000
_RELEASE_S = 0.06
_CHUNK = SAMPLE_RATE_HZ // 2
# Below a 24-bit rounding step: from here on the limiter counts as released.
_RELEASED = 2.0**-25
MARGIN_DB = 0.04
"""How far below its ceiling the limiter begins: its gain changes a little between the peaks."""

Stereo = Float[np.ndarray, "samples 2"]
Reduction = Float[np.ndarray, " samples"]


def limit(blocks: Iterable[Block], ceiling_dbtp: float) -> Iterator[Block]:
    """Yield the stream with its true peaks at or below `ceiling_dbtp`, without delay.

    Both channels share one gain, so that the stereo image does not move. The stream is processed in
    pieces of a fixed length, so the result does not depend on its blocks.
    """
    ceiling = 10.0 ** ((ceiling_dbtp - MARGIN_DB) / 20.0)
    # libswresample, because the meter uses it: other filters differ by tenths of a decibel near
    # the Nyquist frequency and at an abrupt start.
    upsampler = av.AudioResampler("flt", "stereo", _OVERSAMPLING * SAMPLE_RATE_HZ)
    waiting = np.zeros((0, 2))
    reduction = np.zeros(_LOOK_AHEAD)
    upsampled = np.zeros((0, 2), np.float32)
    held = 0.0
    for chunk in rechunk(blocks, _CHUNK):
        waiting = np.concatenate([waiting, chunk], dtype=np.float64)
        upsampled = np.concatenate([upsampled, *_frames(upsampler.resample(_frame(chunk)))])
        whole = len(upsampled) // _OVERSAMPLING
        place = len(reduction) - _LOOK_AHEAD
        needed = _needed(
            waiting[place : place + whole], upsampled[: whole * _OVERSAMPLING], ceiling
        )
        needed, held = _release(needed, held)
        upsampled = upsampled[whole * _OVERSAMPLING :]
        reduction = np.concatenate([reduction, needed])
        ready = max(0, len(reduction) - 2 * _LOOK_AHEAD)
        yield _reduce(waiting[:ready], reduction)
        waiting, reduction = waiting[ready:], reduction[ready:]
    if not len(waiting):
        return
    rest = np.concatenate([upsampled, *_frames(upsampler.resample(None))])
    needed = _needed(waiting[len(reduction) - _LOOK_AHEAD :], rest, ceiling)
    needed, _ = _release(needed, held)
    yield _reduce(waiting, np.concatenate([reduction, needed, np.zeros(_LOOK_AHEAD)]))


def _frame(chunk: Stereo) -> av.AudioFrame:
    packed = np.ascontiguousarray(chunk, np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="stereo")
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame


def _frames(frames: list[av.AudioFrame]) -> list[Block]:
    return [frame.to_ndarray().reshape(-1, 2) for frame in frames]


def _needed(
    samples: Stereo, upsampled: Float[np.ndarray, "upsampled 2"], ceiling: float
) -> Reduction:
    """Return the reduction at which a sample and those up to the next are below the ceiling."""
    loudest = np.maximum(np.abs(samples[:, 0]), np.abs(samples[:, 1]))
    for first in range(_OVERSAMPLING):
        for channel in upsampled[first::_OVERSAMPLING].T:
            between = np.abs(channel[: len(loudest)])
            np.maximum(loudest[: len(between)], between, out=loudest[: len(between)])
    return 1.0 - ceiling / np.maximum(loudest, ceiling)


def _release(needed: Reduction, held: float) -> tuple[Reduction, float]:
    """Release each reduction exponentially; `held` is what remains of earlier ones."""
    if held == 0.0 and not needed.any():
        return needed, 0.0
    # A running maximum of logarithms that fall by one step per sample computes the recursion
    # `held = max(needed, held * decay)` without a loop.
    fall = np.arange(len(needed) + 1) / (_RELEASE_S * SAMPLE_RATE_HZ)
    with np.errstate(divide="ignore"):
        logs = np.log(np.concatenate([[held], needed]))
    kept = np.exp(np.maximum.accumulate(logs + fall) - fall)
    kept[kept < _RELEASED] = 0.0
    return np.maximum(kept[1:], needed), float(kept[-1])


def _reduce(samples: Stereo, reduction: Float[np.ndarray, " wider"]) -> Stereo:
    """Apply reductions, which begin a look-ahead before the samples and end one after them."""
    if not reduction.any():
        return samples
    # Imported lazily: most streams need no reduction.
    from scipy import ndimage

    length = _LOOK_AHEAD + 1
    begin = length // 2
    ahead = ndimage.maximum_filter1d(reduction, length, mode="nearest")
    ahead = ahead[begin : begin + len(samples) + _LOOK_AHEAD]
    smooth = ndimage.uniform_filter1d(ahead, length, mode="nearest")[begin : begin + len(samples)]
    return samples * (1.0 - smooth[:, None])
