"""Detectors that judge colours instead of running a network, and pictures painted for them.

With them a video of any length is detected at once, and the right answer is known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.models.detector import FrameDetections

RED, GREEN, BLACK = (220, 30, 30), (30, 200, 30), (0, 0, 0)
COLOURS = {
    "fire": RED,
    "dog_barking": GREEN,
    "glass_breaking": (30, 30, 220),
    "door_opening": (210, 210, 30),
    "water_drop": (30, 210, 210),
    "high_heels": (210, 30, 210),
}
"""The colour that stands for each effect; black is silence."""
_FAR = 60


class FakeDetector:
    """Judge each picture by a function: picture to the probabilities of some effects."""

    frame_rate = decision = None
    listens = False

    def __init__(
        self,
        judge: Callable[[np.ndarray], Mapping[str, float]],
        vocabulary: Vocabulary | None = None,
        name: str = "fake",
    ):
        self.judge, self.name, self.sha256 = judge, name, "c0" * 32
        self.vocabulary = vocabulary or load_vocabulary()

    def prepare(self, image: np.ndarray) -> np.ndarray:
        return image[::4, ::4]

    def load_ahead(self) -> None:
        pass

    def detect(
        self,
        frames: Iterable[np.ndarray],
        *,
        grid: Any = None,
        sound: Any = None,
        with_places: bool = False,
    ) -> Iterator[FrameDetections]:
        for frame in frames:
            judged = self.judge(frame)
            chances = [judged.get(name, 0.0) for name in self.vocabulary.names]
            yield FrameDetections(probabilities=np.array([chances], np.float32))

    def seen_effects(self) -> dict[str, str]:
        return dict.fromkeys(self.judge(np.zeros((1, 1, 3), np.uint8)), "its colour")

    def blind_effects(self) -> dict[str, str]:
        return {}


def judge_colour(frame: np.ndarray) -> dict[str, float]:
    """Compare a picture's mean colour with those of `COLOURS`."""
    mean = frame.reshape(-1, 3).mean(axis=0)
    return {
        effect: 0.95 if np.abs(mean - colour).max() < _FAR else 0.02
        for effect, colour in COLOURS.items()
    }


def judge_brightness(frame: np.ndarray) -> dict[str, float]:
    """Take a bright picture for a dog."""
    return {"dog_barking": 0.9 if frame.mean() > 110 else 0.05}


def colour_detector() -> FakeDetector:
    """Make a detector of painted pictures."""
    return FakeDetector(judge_colour, name="colours")


def painted(
    *spans: tuple[float, Sequence[int]], rate: int = 10, size: tuple[int, int] = (64, 36)
) -> dict[str, Any]:
    """Return the arguments of `make_clip` for (seconds, colour) after each other."""
    colours = [colour for seconds, colour in spans for _ in range(round(seconds * rate))]

    def paint(number: int) -> np.ndarray:
        return np.full((size[1], size[0], 3), colours[min(number, len(colours) - 1)], np.uint8)

    return {"picture": paint, "seconds": len(colours) / rate, "rate": rate, "size": size}
