"""Define what readers return: annotated clips with the publisher's names, and rejected rows.

Times are in seconds: of events from the start of their clip, of clips from the start of the video
or recording that they were cut from.
"""

import dataclasses
import math
from collections import Counter
from typing import Literal

from temporal_foley.errors import FoleyError

Modality = Literal["audio", "visual", "both"]
Strength = Literal["frame", "clip"]

MODALITIES: tuple[Modality, ...] = ("audio", "visual", "both")
STRENGTHS: tuple[Strength, ...] = ("frame", "clip")


class AnnotationError(FoleyError):
    """An annotation file that cannot be read at all; names the file and the remedy."""


class RowError(ValueError):
    """A row that cannot be used; the message is a reason that rows can share."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledEvent:
    """One thing that happens in a clip, under the publisher's name for it."""

    name: str
    onset_s: float = 0.0
    offset_s: float | None = None
    """None: unknown, as for a hit that is a moment, or a clip of unknown length."""
    modality: Modality = "both"
    """What the labeller could perceive; `both` also if the publisher does not say."""
    strength: Strength = "frame"
    """`clip`: it happens somewhere in the clip, and onset and offset are only the clip's."""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("event.name must not be empty")
        if self.modality not in MODALITIES:
            raise ValueError(f"event.modality must be one of {MODALITIES}, got {self.modality!r}")
        if self.strength not in STRENGTHS:
            raise ValueError(f"event.strength must be one of {STRENGTHS}, got {self.strength!r}")
        if not 0.0 <= self.onset_s < math.inf:
            raise ValueError(f"event.onset_s must be at least 0, got {self.onset_s}")
        if self.offset_s is not None and not self.onset_s < self.offset_s < math.inf:
            raise ValueError(f"event.offset_s must be after {self.onset_s}, got {self.offset_s}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnnotatedClip:
    """A part of a video or recording, or a picture, with all its labels.

    A clip without events was checked, and contains none.
    """

    source: str
    """What must stay on one side of a split: a video, a recording, a series of photos."""
    clip: str
    """The publisher's name of the clip, mostly a file name."""
    start_s: float = 0.0
    end_s: float | None = None
    """None: to the end of a video of unknown length."""
    split: str | None = None
    """`train`, `validation`, `test`, a fold's name, or None if the publisher has no splits."""
    events: tuple[LabelledEvent, ...] = ()
    origin: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if not self.source or not self.clip:
            raise ValueError("clip.source and clip.clip must not be empty")
        if not 0.0 <= self.start_s < math.inf:
            raise ValueError(f"clip.start_s must be at least 0, got {self.start_s}")
        if self.end_s is not None and not self.start_s < self.end_s < math.inf:
            raise ValueError(f"clip.end_s must be after {self.start_s}, got {self.end_s}")

    @property
    def length_s(self) -> float | None:
        """Length in seconds, if known."""
        return None if self.end_s is None else self.end_s - self.start_s


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remark:
    """A row that was rejected, or kept and changed, with the reason."""

    file: str
    line: int
    """From 1; 0 if the file has no lines."""
    text: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """What a reader found: `rows_read` plus the rejected rows are all rows."""

    clips: tuple[AnnotatedClip, ...] = ()
    rows_read: int = 0
    rejected: tuple[Remark, ...] = ()
    remarks: tuple[Remark, ...] = ()
    """Rows that were read, with what was changed."""

    @property
    def rows(self) -> int:
        """All rows, read or rejected."""
        return self.rows_read + len(self.rejected)

    @property
    def names(self) -> Counter[str]:
        """Number of events by class, under the publisher's names."""
        return Counter(event.name for clip in self.clips for event in clip.events)

    @property
    def reasons(self) -> Counter[str]:
        """Number of rejected rows by reason."""
        return Counter(remark.reason for remark in self.rejected)


def make_event(
    name: str,
    onset_s: float = 0.0,
    offset_s: float | None = None,
    *,
    length_s: float | None = None,
    modality: Modality = "both",
    strength: Strength = "frame",
) -> LabelledEvent:
    """Make an event from a row.

    Raises:
        RowError: The name is empty, or the times do not fit a clip of this length.
    """
    name = name.strip()
    if not name:
        raise RowError("names no class")
    if onset_s < 0.0:
        raise RowError("begins before the clip")
    if offset_s is not None:
        if offset_s == onset_s:
            raise RowError("ends where it begins")
        if offset_s < onset_s:
            raise RowError("ends before it begins")
        if length_s is not None and offset_s > length_s + 1e-6:
            raise RowError("ends after the clip")
    if length_s is not None and onset_s >= length_s:
        raise RowError("begins after the clip")
    return LabelledEvent(
        name=name, onset_s=onset_s, offset_s=offset_s, modality=modality, strength=strength
    )


def clip_event(
    name: str, length_s: float | None = None, *, modality: Modality = "both"
) -> LabelledEvent:
    """Make an event that happens somewhere in a clip.

    Raises:
        RowError: The name is empty.
    """
    return make_event(name, 0.0, length_s, modality=modality, strength="clip")
