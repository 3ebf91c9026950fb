"""Find the cuts of a video on the grid, and limit events to the shots that show them.

A cut is where the colours change at once (histograms compared by the Bhattacharyya distance; R.
Lienhart, "Comparison of automatic shot boundary detection algorithms", SPIE 3656, 1999). A
sustained event begins and ends with its shots; a background continues over cuts.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Float16, Int64, UInt8

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.spotting.events import SHORTEST_SHOT_S
from temporal_foley.spotting.motion import Motion, find_cuts
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

CUT_DISTANCE = 0.5
CARRIED_S = 3.0
"""A background that returns within this time is one event."""
OVERLAP_S = 0.25
"""How far backgrounds of two shots extend over the cut between them."""
_USUAL = 0.3
_THUMB_PX = 56
_BINS = (12, 4, 4)


@dataclasses.dataclass
class PictureChanges:
    """Measures how each picture of the grid differs from the one before it."""

    motion: list[float] = dataclasses.field(default_factory=list)
    """Grey levels above noise, averaged over the picture."""
    distance: list[float] = dataclasses.field(default_factory=list)
    """Distance between the colours, from 0 to 1."""
    colours: list[Float16[np.ndarray, " bins"]] = dataclasses.field(default_factory=list)
    """Histogram of the colours of each picture, in parts of it."""
    begins: list[float] = dataclasses.field(default_factory=list)
    """When, since the picture before, the one before gave way to another at once; NaN: unknown."""
    is_sharp: list[bool] = dataclasses.field(default_factory=list)
    """Whether it did, also where it is unknown when."""
    _grey: UInt8[np.ndarray, "rows columns"] | None = None
    _colours: Float[np.ndarray, "hues saturations values"] | None = None

    def add(self, image: UInt8[np.ndarray, "rows columns 3"]) -> None:
        """Compare the next picture with the last one."""
        thumb = cv2.resize(image, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(thumb, cv2.COLOR_RGB2GRAY)
        hsv = cv2.cvtColor(thumb, cv2.COLOR_RGB2HSV)
        colours = cv2.calcHist([hsv], [0, 1, 2], None, _BINS, [0, 180, 0, 256, 0, 256])
        self.colours.append((colours.ravel() / _THUMB_PX**2).astype(np.float16))
        if self._grey is None or self._colours is None:
            self.motion.append(0.0)
            self.distance.append(0.0)
        else:
            difference = cv2.absdiff(grey, self._grey).astype(np.float32)
            self.motion.append(float(np.maximum(difference - 3.0, 0.0).mean()))
            method = cv2.HISTCMP_BHATTACHARYYA
            self.distance.append(float(cv2.compareHist(self._colours, colours, method)))
        self._grey, self._colours = grey, colours


class SharpChanges:
    """Finds where one picture of a video gives way to another at once, from all that are decoded.

    Where a picture between the two was not decoded, the change has no known time.
    """

    def __init__(self, ticks: Int64[np.ndarray, " pictures"]):
        """Take the ascending times of all pictures."""
        self._ticks = ticks
        self._places: list[int] = []
        self._changes: list[float] = []
        self._levels: list[float] = []
        self._thumb: Float[np.ndarray, "rows columns"] | None = None

    def add(self, tick: int, luma: UInt8[np.ndarray, "rows columns"]) -> None:
        """Compare the next decoded picture with the one before it."""
        # Every few pixels: to read all of a large picture takes a tenth of the time to decode it.
        step = max(1, min(luma.shape) // (2 * _THUMB_PX))
        few = np.ascontiguousarray(luma[::step, ::step])
        thumb = cv2.resize(few, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)
        thumb = thumb.astype(np.float32)
        change = 0.0 if self._thumb is None else float(np.abs(thumb - self._thumb).mean())
        self._places.append(int(np.searchsorted(self._ticks, tick)))
        self._changes.append(change)
        self._levels.append(float(thumb.mean()))
        self._thumb = thumb

    def levels(self) -> tuple[Int64[np.ndarray, " pictures"], Float[np.ndarray, " pictures"]]:
        """Return the times of the pictures that were decoded, and their mean brightness."""
        return self._ticks[np.array(self._places, np.int64)], np.array(self._levels)

    def ticks(self, *, exact: bool = True) -> Int64[np.ndarray, " changes"]:
        """Return the times of the first pictures after a sharp change; `exact`: that are known."""
        places, changes = np.array(self._places, np.int64), np.array(self._changes)
        found = find_cuts(changes, np.zeros(len(changes), bool))
        if exact:
            found &= np.diff(places, prepend=-2) == 1
        return self._ticks[places[found]]


def sharp_change_times(
    sharp_s: Float[np.ndarray, " changes"], grid: TimeGrid
) -> Float[np.ndarray, " frames"]:
    """Return the last sharp change between each frame of the grid and the one before, or NaN."""
    begins = np.full(grid.frames, np.nan)
    ends = np.array([float(grid.time(frame)) for frame in range(grid.frames)])
    # A little after the grid's time too, which is rounded in the other.
    frames = np.searchsorted(ends, sharp_s - 1e-4)
    inside = (frames > 0) & (frames < grid.frames)
    begins[frames[inside]] = sharp_s[inside]
    return begins


def cut_frames(changes: PictureChanges) -> list[int]:
    """Return the frames of the grid that begin a new shot."""
    distance = np.array(changes.distance)
    around = [distance[max(0, i - 4) : i + 5] for i in range(len(distance))]
    # More than around it, so that a pan or a flicker, which goes on, is none.
    stands_out = distance > 2.0 * np.array([np.median(part) for part in around])
    if changes.is_sharp:
        # In a montage of short shots, up to half of the frames around it begin one too.
        usual = np.array([np.quantile(part, _USUAL) for part in around])
        stands_out |= np.array(changes.is_sharp) & (distance > 2.0 * usual)
    return np.flatnonzero((distance > CUT_DISTANCE) & stands_out).tolist()


def cut_times(
    frames: Sequence[int], begins: Sequence[float], motion: Motion, grid: TimeGrid
) -> list[float]:
    """Return when the shots begin: at the first new picture, or else at the time of the grid.

    Args:
        frames: The frames of the grid that begin a shot.
        begins: What `sharp_change_times` returned, or nothing.
        motion: That around the cuts of which `begins` knows nothing.
        grid: The frames.
    """
    times: list[float] = []
    for frame in frames:
        if len(begins) and math.isfinite(begins[frame]):
            times.append(float(begins[frame]))
            continue
        start, end = float(grid.time(frame - 1)), float(grid.time(frame))
        # A little after the grid's time too, which is rounded in the motion's.
        near = motion.within(start + 1e-4, end + 1e-4)
        seen = near.times[near.is_cut]
        times.append(float(seen[-1]) if len(seen) else end)
    return times


def keep_to_shots(
    events: Sequence[Event],
    cuts: Sequence[float],
    probabilities: Float[np.ndarray, "frames effects"],
    vocabulary: Vocabulary,
    grid: TimeGrid,
    duration: float,
) -> list[Event]:
    """End and begin what goes on for a while at cuts; extend backgrounds over them."""
    kept: list[Event] = []
    for column, effect in enumerate(vocabulary.effects):
        own = [event for event in events if event.effect == effect.name]
        if effect.kind == "ambience":
            kept += _carried(own, cuts, duration)
        elif effect.kind in ("loop", "repeated"):
            for event in own:
                kept += _within_shots(event, cuts, probabilities[:, column], effect, grid)
        else:
            kept += own
    order = {name: number for number, name in enumerate(vocabulary.names)}
    return sorted(kept, key=lambda event: (event.onset, order[event.effect]))


def _within_shots(
    event: Event,
    cuts: Sequence[float],
    probability: Float[np.ndarray, " frames"],
    effect: Effect,
    grid: TimeGrid,
) -> list[Event]:
    """Return the parts of an event in the shots that show it, with ends at the nearest cuts."""
    step = float(grid.step)
    begins = [cut for cut in cuts if abs(cut - event.onset) <= 1.001 * step]
    ends = [cut for cut in cuts if abs(cut - event.offset) <= 1.001 * step]
    onset = begins[0] if begins else event.onset
    offset = ends[-1] if ends and ends[-1] > onset else event.offset
    edges = [onset, *(cut for cut in cuts if onset < cut < offset), offset]
    least = min(effect.threshold_off, 0.5 * event.confidence)
    parts: list[tuple[float, float]] = []
    for start, end in itertools.pairwise(edges):
        first, last = grid.frame_range(start + 0.5 * step, end - 0.5 * step)
        shown = probability[first : max(last, first + 1)].mean() if first < grid.frames else 1.0
        if len(edges) > 2 and shown < least:
            continue
        if parts and parts[-1][1] == start:
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((start, end))
    shortest = min(effect.min_duration_s, float(SHORTEST_SHOT_S))
    parts = [
        part
        for part in parts
        if part[1] - part[0] >= (shortest if {*part} <= {*cuts} else effect.min_duration_s)
    ] or [(onset, offset)]
    if parts == [(event.onset, event.offset)]:
        return [event]
    why = "; ".join(
        text
        for text, at in (("begins with its shot", 0), ("ends at a cut", 1))
        if any(part[at] in cuts for part in parts)
    )
    return [dataclasses.replace(event, onset=start, offset=end, reason=why) for start, end in parts]


def _carried(events: Sequence[Event], cuts: Sequence[float], duration: float) -> list[Event]:
    """Join parts interrupted by a short shot of something else; extend over cuts at both ends."""
    joined: list[Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if last is not None and event.onset - last.offset <= CARRIED_S:
            between = [c for c in cuts if last.offset - 0.5 <= c <= event.onset + 0.5]
            if between:
                joined[-1] = dataclasses.replace(
                    last,
                    offset=event.offset,
                    confidence=max(last.confidence, event.confidence),
                    reason="carried over a cut",
                )
                continue
        joined.append(event)
    reached: list[Event] = []
    for event in joined:
        onset, offset = event.onset, event.offset
        if any(abs(cut - onset) <= OVERLAP_S for cut in cuts):
            onset = max(0.0, onset - OVERLAP_S)
        if any(abs(cut - offset) <= OVERLAP_S for cut in cuts):
            offset = min(duration, offset + OVERLAP_S)
        if (onset, offset) != (event.onset, event.offset):
            why = f"{event.reason}; " if event.reason else ""
            event = dataclasses.replace(
                event, onset=onset, offset=offset, reason=f"{why}reaches over the cut"
            )
        reached.append(event)
    return reached
