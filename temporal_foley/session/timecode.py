"""Convert between timecode, frame numbers and samples.

Timecode counts as in SMPTE ST 12-1, including drop-frame.
"""

import dataclasses
import math
import re
from fractions import Fraction

from temporal_foley.errors import UsageError
from temporal_foley.timegrid import SAMPLE_RATE_HZ, TimeGrid, as_fraction, to_sample, to_seconds

DAY_S = 86_400
_TEXT = re.compile(r"(\d\d):(\d\d):(\d\d)([:;])(\d\d)")
_SHORT_RATES = {"23.98", "23.976", "29.97", "47.95", "47.952", "59.94", "119.88"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditRate:
    """The frame rate of an edit, and whether its timecode is drop-frame."""

    rate: Fraction
    drop: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.rate <= 240:
            raise ValueError(f"rate must be in [1, 240] Hz, got {self.rate}")
        if self.drop and self.rate not in (Fraction(30000, 1001), Fraction(60000, 1001)):
            raise ValueError("drop-frame timecode exists at 29.97 and 59.94 Hz only")

    @property
    def nominal(self) -> int:
        """Frames per second that timecode counts."""
        return math.ceil(self.rate)

    @property
    def is_ntsc(self) -> bool:
        """Whether the rate is a nominal one slowed by 1000/1001."""
        return self.rate.denominator == 1001

    @property
    def frame_samples(self) -> int:
        """Samples per frame, rounded up."""
        return math.ceil(SAMPLE_RATE_HZ / self.rate)

    @property
    def grid(self) -> TimeGrid:
        """The frames from the first picture on, as a grid without an end."""
        return TimeGrid(frame_rate=self.rate, frames=0)

    def __str__(self) -> str:
        text = f"{float(self.rate):.3f}".rstrip("0").rstrip(".")
        return f"{text} drop-frame" if self.drop else text


def nearest_rate(rate: Fraction) -> Fraction:
    """Return the whole rate, or the one slowed by 1000/1001, that is nearest to a measured rate."""
    whole = min(max(1, math.floor(rate + Fraction(1, 2))), 240)
    slowed = Fraction(whole * 1000, 1001)
    if whole % 24 and whole % 30:
        return Fraction(whole)
    return min((Fraction(whole), slowed), key=lambda known: abs(known - rate))


def parse_rate(text: str) -> Fraction:
    """Read a rate as people write it: 25, 23.976, 30000/1001.

    Raises:
        UsageError: The text is not a rate.
    """
    try:
        rate = nearest_rate(Fraction(text)) if text in _SHORT_RATES else as_fraction(text)
        EditRate(rate=rate)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"must be a picture rate such as 25 or 29.97, got {text!r}", option="--rate"
        ) from None
    return rate


def parse_timecode(text: str, rate: Fraction) -> tuple[EditRate, int]:
    """Return how a timecode counts at a rate, and its frame number.

    Raises:
        UsageError: The text is not a timecode, or does not exist at this rate.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise UsageError(f"a timecode must look like 01:00:00:00, got {text!r}")
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    try:
        edit = EditRate(rate=rate, drop=match[4] == ";")
    except ValueError as error:
        raise UsageError(f"timecode {text}: {error}; write a colon before the frames") from None
    dropped = edit.nominal // 15 if edit.drop else 0
    is_left_out = dropped > frames and seconds == 0 and minutes % 10 != 0
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= edit.nominal or is_left_out:
        raise UsageError(f"timecode {text}: there is no such timecode at {edit} Hz")
    total_minutes = 60 * hours + minutes
    number = (60 * total_minutes + seconds) * edit.nominal + frames
    return edit, number - dropped * (total_minutes - total_minutes // 10)


def timecode(frame: int, edit: EditRate) -> str:
    """Return the timecode of a frame number; it starts again after 24 hours."""
    day = frames_a_day(edit)
    frame %= day
    if edit.drop:
        dropped = edit.nominal // 15
        ten_minutes = 10 * 60 * edit.nominal - 9 * dropped
        tens, rest = divmod(frame, ten_minutes)
        frame += 9 * dropped * tens
        if rest >= 60 * edit.nominal:
            minute = 60 * edit.nominal - dropped
            frame += dropped * (1 + (rest - 60 * edit.nominal) // minute)
    seconds, frames = divmod(frame, edit.nominal)
    mark = ";" if edit.drop else ":"
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{clock}{mark}{frames:02d}"


def frames_a_day(edit: EditRate) -> int:
    """Return the number of frames in 24 hours of timecode."""
    dropped = edit.nominal // 15 if edit.drop else 0
    return DAY_S * edit.nominal - dropped * 24 * 54


def sample_timecode(sample: int, first_frame: int, edit: EditRate) -> str:
    """Return the timecode of the picture at a sample of the timeline."""
    return timecode(first_frame + edit.grid.frame_at(to_seconds(sample)), edit)


def time_reference(first_frame: int, edit: EditRate) -> int:
    """Return the samples since midnight at which a frame begins, for a `bext` chunk."""
    return to_sample(edit.grid.time(first_frame % frames_a_day(edit)))
