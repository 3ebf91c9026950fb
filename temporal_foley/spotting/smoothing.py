"""Smooth labels or probabilities over time.

Every window is centred and odd, and at the ends of the video it is limited to existing frames.
"""

import math

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.timegrid import Seconds, TimeGrid

Probabilities = Float[np.ndarray, "frames effects"]

_FWHM_OF_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))


def odd_window(grid: TimeGrid, window_s: Seconds) -> int:
    """Return the number of frames nearest to `window_s` seconds; an even number grows by one."""
    frames = grid.frame_count(window_s)
    return frames + 1 if frames % 2 == 0 else frames


def mode_filter(labels: Int[np.ndarray, " frames"], window: int) -> Int[np.ndarray, " frames"]:
    """Replace each label by the most frequent one in a window of an odd number of frames.

    Among equally frequent labels the frame keeps its own if it is one of them, or else gets the
    smallest. The stills baseline smooths its single-frame decisions like this.
    """
    _check_window(window)
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels must be whole numbers, one a frame, got {labels.dtype} {labels.shape}"
        )
    frames = len(labels)
    if frames == 0:
        return labels.copy()
    known, own = np.unique(labels, return_inverse=True)
    first, last = _window_bounds(frames, window)
    counts = np.empty((frames, len(known)), np.int64)
    for column in range(len(known)):
        total = np.concatenate([[0], np.cumsum(own == column)])
        counts[:, column] = total[last] - total[first]
    best = counts.argmax(axis=1)
    keeps = counts[np.arange(frames), own] == counts.max(axis=1)
    return known[np.where(keeps, own, best)]


def median_smooth(probabilities: Probabilities, window: int) -> Probabilities:
    """Replace each probability by the median of a window of an odd number of frames.

    This removes whatever is shorter than half a window and does not move onsets and offsets.
    """
    from scipy import ndimage

    _check_window(window)
    frames = _frames(probabilities)
    if frames == 0 or window == 1:
        return probabilities.copy()
    half = window // 2
    smooth = ndimage.median_filter(probabilities, size=(window, 1), mode="nearest")
    # Near the ends the filter repeats the outermost frame; take the median of the real ones.
    for frame in {*range(min(half, frames)), *range(max(frames - half, 0), frames)}:
        smooth[frame] = np.median(probabilities[max(frame - half, 0) : frame + half + 1], axis=0)
    return smooth


def mean_smooth(probabilities: Probabilities, window: int) -> Probabilities:
    """Replace each probability by the mean of a window of an odd number of frames."""
    _check_window(window)
    frames = _frames(probabilities)
    if frames == 0 or window == 1:
        return probabilities.copy()
    first, last = _window_bounds(frames, window)
    total = np.concatenate(
        [np.zeros((1, probabilities.shape[1])), np.cumsum(probabilities, axis=0, dtype=np.float64)]
    )
    mean = (total[last] - total[first]) / (last - first)[:, None]
    # Rounding may leave a constant 1 a hair above 1.
    return np.clip(mean, 0.0, 1.0).astype(probabilities.dtype)


def gaussian_smooth(probabilities: Probabilities, window: float) -> Probabilities:
    """Average each probability with its neighbours, weighted by a Gaussian.

    `window` is the full width at half maximum in frames; the weights of existing frames add up to
    one, so that a constant is unchanged up to the ends.
    """
    from scipy import ndimage

    if not (math.isfinite(window) and window > 0):
        raise ValueError(f"window must be above 0 frames, got {window}")
    if _frames(probabilities) == 0:
        return probabilities.copy()
    sigma = window / _FWHM_OF_SIGMA
    wide = probabilities.astype(np.float64)
    total = ndimage.gaussian_filter1d(wide, sigma, axis=0, mode="constant")
    weight = ndimage.gaussian_filter1d(np.ones(len(wide)), sigma, mode="constant")
    # Rounding may leave a constant 1 a hair above 1.
    return np.clip(total / weight[:, None], wide.min(0), wide.max(0)).astype(probabilities.dtype)


def _window_bounds(frames: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the end frame of each frame's window, limited to existing frames."""
    centre = np.arange(frames)
    return np.maximum(centre - window // 2, 0), np.minimum(centre + window // 2 + 1, frames)


def _check_window(window: int) -> None:
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window must be an odd number of frames, got {window}")


def _frames(probabilities: np.ndarray) -> int:
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities must be (frames, effects), got {probabilities.shape}")
    return probabilities.shape[0]
