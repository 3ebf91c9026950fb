"""Look again at parts of plain pictures, in which what flies is too small for an image network.

Every two seconds, where most of a picture is plain, five overlapping parts of half its width and
height are enlarged and embedded. In other pictures parts show less than the whole.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Float, Int64

from temporal_foley.models.detector import BATCH_FRAMES, SmallImage

EVERY_S = 2.0
PARTS = 5
PLAIN_STEP, PLAIN_SHARE = 20.0, 0.8
"""A picture is plain if this part of it has weaker edges than this (Sobel, grey from 0 to 255)."""

Features = Float[np.ndarray, "pictures features"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CloseParts:
    """Image features of the parts of some frames."""

    frames: Int64[np.ndarray, " looks"]
    features: Float[np.ndarray, "looks parts features"]
    every: int
    """For how many frames a look counts."""


class CloserLook:
    """Embeds parts of plain pictures on their way to the detector, a batch at a time."""

    def __init__(self, embed: Callable[[list[SmallImage]], Features], every: int):
        """Take what computes image features, and after how many frames to look again."""
        self._embed = embed
        self._every = max(1, every)
        self._frames: list[int] = []
        self._waiting: list[SmallImage] = []
        self._rows: list[Features] = []

    def watch(self, frames: Iterable[SmallImage]) -> Iterator[SmallImage]:
        """Pass pictures on."""
        for number, frame in enumerate(frames):
            if number % self._every == 0 and is_plain(frame):
                self._frames.append(number)
                self._waiting += enlarged_parts(frame)
                self._embed_batches(BATCH_FRAMES)
            yield frame
        self._embed_batches(1)

    def found(self) -> CloseParts | None:
        """Return the features of all parts after the last picture; None without plain pictures."""
        if not self._frames:
            return None
        rows = np.concatenate(self._rows)
        return CloseParts(
            frames=np.array(self._frames, np.int64),
            features=rows.reshape(len(self._frames), PARTS, -1),
            every=self._every,
        )

    def _embed_batches(self, least: int) -> None:
        while len(self._waiting) >= least:
            batch = self._waiting[:BATCH_FRAMES]
            del self._waiting[:BATCH_FRAMES]
            self._rows.append(self._embed(batch))


def is_plain(image: SmallImage) -> bool:
    """Return whether most of a picture has hardly any edges, like a sky."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return bool((edges < PLAIN_STEP).mean() > PLAIN_SHARE)


def enlarged_parts(image: SmallImage) -> list[SmallImage]:
    """Return the four quarters and the middle of a picture, each as large as the picture."""
    rows, columns = image.shape[:2]
    high, wide = (rows + 1) // 2, (columns + 1) // 2
    down, across = rows - high, columns - wide
    corners = [(0, 0), (0, across), (down, 0), (down, across), (down // 2, across // 2)]
    return [
        cv2.resize(
            np.ascontiguousarray(image[top : top + high, left : left + wide]),
            (columns, rows),
            interpolation=cv2.INTER_CUBIC,
        )
        for top, left in corners
    ]
