"""Follow where an effect is in the picture and how large it is, smoothed over time.

Between cuts a place moves no faster than a pan may; at a cut it may jump.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float

SMOOTH_S = 0.75
"""Width of the smoothing of heats, at half height."""
FASTEST_PER_S = 0.6
"""Most of the picture's width that a place moves in a second."""
LEAST_SEEN = 0.3
"""An effect is off-screen where the pictures alone make it less than this part as probable."""
_HALF = 0.5
_FINE = 8
"""Into how many parts a cell of a heat is divided, to measure it."""

Heat = Float[np.ndarray, "frames rows columns"]
PerFrame = Float[np.ndarray, " frames"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Position:
    """Where an effect is in each frame, as parts of the picture's width and height."""

    across: PerFrame
    down: PerFrame
    width: PerFrame
    height: PerFrame
    is_seen: Bool[np.ndarray, " frames"]

    @property
    def area(self) -> PerFrame:
        """Part of the picture that it covers."""
        return self.width * self.height

    def region(self, frame: int) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom in a frame."""
        half = (self.width[frame] / 2, self.height[frame] / 2)
        sides = (
            self.across[frame] - half[0],
            self.down[frame] - half[1],
            self.across[frame] + half[0],
            self.down[frame] + half[1],
        )
        left, top, right, bottom = (round(min(max(float(side), 0.0), 1.0), 3) for side in sides)
        return left, top, right, bottom


def follow(
    heat: Heat,
    visible: PerFrame,
    probability: PerFrame,
    frame_rate: float,
    cuts: Sequence[int] = (),
) -> Position:
    """Follow an effect over the frames of its event.

    Args:
        heat: How much each place of the picture speaks for it.
        visible: How probable it is by the pictures alone.
        probability: How probable it is.
        frame_rate: In Hz.
        cuts: Frames that begin a shot.
    """
    frames = len(heat)
    if not frames:
        raise ValueError("heat must have at least one frame")
    edges = [0, *(cut for cut in sorted(set(cuts)) if 0 < cut < frames), frames]
    smooth = np.concatenate(
        [
            _smooth(heat[start:end].astype(np.float64), frame_rate * SMOOTH_S)
            for start, end in itertools.pairwise(edges)
        ]
    )
    measured = np.array([_measure(one) for one in smooth])
    has_heat = smooth.reshape(frames, -1).max(axis=1) > 0.0
    is_seen = has_heat & (visible >= LEAST_SEEN * np.maximum(probability, 1e-3))
    across = _held(measured[:, 0], is_seen, edges)
    most = FASTEST_PER_S / frame_rate
    for start, end in itertools.pairwise(edges):
        across[start:end] = _slew(across[start:end], most)
    return Position(
        across=across,
        down=_held(measured[:, 1], is_seen, edges),
        width=_held(measured[:, 2], is_seen, edges),
        height=_held(measured[:, 3], is_seen, edges),
        is_seen=is_seen,
    )


def _smooth(heat: Heat, half_width: float) -> Heat:
    """Average over neighbouring frames by a Gaussian within the shot."""
    spread = half_width / 2.355
    reach = min(max(1, round(3 * spread)), len(heat) - 1)
    total, weights = np.zeros_like(heat), np.zeros(len(heat))
    for away in range(-reach, reach + 1):
        weight = float(np.exp(-0.5 * (away / spread) ** 2))
        target = slice(max(0, -away), min(len(heat), len(heat) - away))
        source = slice(max(0, away), min(len(heat), len(heat) + away))
        total[target] += weight * heat[source]
        weights[target] += weight
    return total / weights[:, None, None]


def _measure(heat: Float[np.ndarray, "rows columns"]) -> tuple[float, float, float, float]:
    """Return centre and size of what is at least half as hot as the hottest place."""
    rows, columns = heat.shape
    if heat.max() <= 0.0:
        return 0.5, 0.5, 1.0, 1.0
    size = (columns * _FINE, rows * _FINE)
    fine = np.asarray(cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR), np.float64)
    hot = np.maximum(fine - _HALF * fine.max(), 0.0)
    by_column, by_row = hot.sum(axis=0), hot.sum(axis=1)
    across, wide = _centre(by_column)
    down, high = _centre(by_row)
    return across, down, wide, high


def _centre(weights: Float[np.ndarray, " places"]) -> tuple[float, float]:
    places = (np.arange(len(weights)) + 0.5) / len(weights)
    share = weights / weights.sum()
    middle = float((share * places).sum())
    # A hill that falls to half at its rim spreads by about a fifth of its width.
    spread = float(np.sqrt((share * (places - middle) ** 2).sum()))
    return middle, min(1.0, 4.5 * spread)


def _held(values: PerFrame, is_seen: Bool[np.ndarray, " frames"], edges: list[int]) -> PerFrame:
    """Where an effect is not seen, go from the last place to the next one in the same shot."""
    out = values.copy()
    for start, end in itertools.pairwise(edges):
        seen = np.flatnonzero(is_seen[start:end]) + start
        if len(seen):
            out[start:end] = np.interp(np.arange(start, end), seen, values[seen])
    return out


def _slew(values: PerFrame, most: float) -> PerFrame:
    """Limit the step from frame to frame: the mean of a run ahead and one from the end."""
    ahead, back = values.copy(), values.copy()
    for place in range(1, len(values)):
        ahead[place] = np.clip(values[place], ahead[place - 1] - most, ahead[place - 1] + most)
    for place in range(len(values) - 2, -1, -1):
        back[place] = np.clip(values[place], back[place + 1] - most, back[place + 1] + most)
    return 0.5 * (ahead + back)
