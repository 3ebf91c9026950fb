"""A detector that knows colours instead of a network, and pictures painted for it.

What campaigns look at is what happens around the network; with this one a video of any length is
judged at once, and what must come of it is known.
"""

from collections.abc import Sequence

import numpy as np

from temporal_foley.effects import load_vocabulary

BLACK = (0, 0, 0)
COLOURS = {
    "fire": (220, 30, 30),
    "dog_barking": (30, 200, 30),
    "glass_breaking": (30, 30, 220),
    "door_opening": (210, 210, 30),
    "water_drop": (30, 210, 210),
    "high_heels": (210, 30, 210),
}
"""The colour that each effect is seen by; black is nothing to hear."""

_FAR = 60


class ColourDetector:
    """Takes a picture's mean colour for an effect."""

    name = "colours"
    sha256 = "c0" * 32
    frame_rate = decision = None
    listens = False

    def __init__(self):
        self.vocabulary = load_vocabulary()
        self._columns = [self.vocabulary.index(name) for name in COLOURS]
        self._colours = np.array(list(COLOURS.values()), np.float32)

    def prepare(self, image):
        return image[::4, ::4]

    def load_ahead(self):
        pass

    def probabilities(self, frames, *, grid=None, sound=None):
        for frame in frames:
            mean = frame.reshape(-1, 3).mean(axis=0)
            near = np.abs(self._colours - mean).max(axis=1) < _FAR
            row = np.zeros((1, len(self.vocabulary)), np.float32)
            row[0, self._columns] = np.where(near, 0.95, 0.02)
            yield row

    def seen_effects(self):
        return dict.fromkeys(COLOURS, "a colour")

    def blind_effects(self):
        return {}


def painter(colours: Sequence[tuple[int, int, int]], size: tuple[int, int] = (64, 36)):
    """Return what paints picture `i` in one of the colours; beyond the last, in that one."""

    def paint(number: int) -> np.ndarray:
        colour = colours[min(number, len(colours) - 1)]
        return np.full((size[1], size[0], 3), colour, np.uint8)

    return paint
