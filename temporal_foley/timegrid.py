"""Convert between seconds, grid frames and audio samples. No other module does.

All conversions are exact: times are rationals, so neither a frame rate of 30000/1001 nor a two-hour
film drifts. Intervals are half-open, `[onset, offset)`.
"""

import dataclasses
import math
from fractions import Fraction

SAMPLE_RATE_HZ = 48_000
"""Sample rate of everything that is rendered."""

Seconds = Fraction | float | int


def as_fraction(value: Fraction | float | int | str) -> Fraction:
    """Return a time or rate as a rational; decimals keep their written value (0.1 is 1/10)."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a time must be finite, got {value}")
        # Not the type's own text: a numpy float prints as `np.float64(7.76)`.
        return Fraction(float.__repr__(value))
    return Fraction(value)


def to_sample(seconds: Seconds, sample_rate_hz: int = SAMPLE_RATE_HZ) -> int:
    """Return the sample nearest to a time; halves are rounded up.

    Example:
        >>> to_sample(0.5), to_sample(Fraction(1001, 30000))
        (24000, 1602)
    """
    return math.floor(as_fraction(seconds) * sample_rate_hz + Fraction(1, 2))


def to_seconds(sample: int, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Fraction:
    """Return the exact time of a sample."""
    return Fraction(sample, sample_rate_hz)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeGrid:
    """The regular times at which a video is analysed.

    Frame `i` covers `[start + i / frame_rate, start + (i + 1) / frame_rate)` seconds and is
    represented by the picture on screen when it begins. Time 0 is the first picture of the video.

    Example:
        >>> grid = TimeGrid.covering(10, frame_rate=4)
        >>> grid.frames, grid.frame_range(0.3, 0.9)
        (40, (1, 4))
    """

    frame_rate: Fraction
    frames: int
    start: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.frame_rate <= 0:
            raise ValueError(f"grid.frame_rate must be above 0, got {self.frame_rate}")
        if self.frames < 0:
            raise ValueError(f"grid.frames must be at least 0, got {self.frames}")

    @classmethod
    def covering(
        cls, duration: Seconds, frame_rate: Seconds, start: Seconds = Fraction(0)
    ) -> "TimeGrid":
        """Make the shortest grid that covers `duration` seconds from `start`."""
        rate = as_fraction(frame_rate)
        if rate <= 0:
            raise ValueError(f"grid.frame_rate must be above 0, got {frame_rate}")
        frames = math.ceil(as_fraction(duration) * rate)
        return cls(frame_rate=rate, frames=max(0, frames), start=as_fraction(start))

    @property
    def step(self) -> Fraction:
        """Seconds from one frame to the next."""
        return 1 / self.frame_rate

    @property
    def end(self) -> Fraction:
        """Time at which the last frame ends."""
        return self.time(self.frames)

    def time(self, frame: int) -> Fraction:
        """Return the time at which a frame begins; `frame` may be outside the grid."""
        return self.start + frame / self.frame_rate

    def times(self) -> list[Fraction]:
        """Return the times at which all frames begin."""
        return [self.time(frame) for frame in range(self.frames)]

    def frame_at(self, seconds: Seconds) -> int:
        """Return the frame that contains a time (onsets are floored)."""
        return math.floor((as_fraction(seconds) - self.start) * self.frame_rate)

    def frame_range(self, onset: Seconds, offset: Seconds) -> tuple[int, int]:
        """Return the frames `[first, last)` that an interval touches, limited to the grid.

        The onset is floored and the offset ceiled, so that an event shorter than a frame still
        covers one.
        """
        first = self.frame_at(onset)
        last = math.ceil((as_fraction(offset) - self.start) * self.frame_rate)
        return min(max(first, 0), self.frames), min(max(last, 0), self.frames)

    def frame_count(self, seconds: Seconds) -> int:
        """Return the number of frames nearest to a length in seconds; halves are rounded up."""
        return math.floor(as_fraction(seconds) * self.frame_rate + Fraction(1, 2))
