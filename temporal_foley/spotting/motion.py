"""Measure how small grey pictures change at the picture's own rate, and what stops in them.

What strikes comes near, meets, and stops or turns back: the moment of a sound is where motion
ceases. So the impact at a picture is how much less the pictures change after it than before it,
more if it was still around it just before, and more if what moved was falling: the downward flow
that ends there. (After the impact envelope of A. Davis and M. Agrawala, "Visual Rhythm and Beat",
ACM Transactions on Graphics 37, 2018; the flow is DIS: T. Kroeger et al., "Fast Optical Flow using
Dense Inverse Search", ECCV 2016.)
"""

import dataclasses
from collections.abc import Iterable
from typing import Protocol, SupportsFloat, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

NOISE = 3.0
"""Grey levels of change that are taken for noise."""
CUT_CHANGE = 12.0
"""Grey levels by which a picture differs from the one before it, on average, at a cut."""
CUT_CONTRAST = 3.0
"""How many times as much as its neighbours."""
QUIET_PICTURES = 4
RISING = 0.4
"""How much the end of an upward motion counts beside that of another."""

Grey = UInt8[np.ndarray, "rows columns"]
PerPicture = Float[np.ndarray, " pictures"]


@runtime_checkable
class Picture(Protocol):
    """A small picture with its time; `is_new`: it does not follow the one before it."""

    @property
    def time(self) -> SupportsFloat: ...

    @property
    def grey(self) -> Grey: ...

    @property
    def is_new(self) -> bool: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Motion:
    """How pictures change, each from the one before it; at cuts and after gaps not at all."""

    times: PerPicture
    change: PerPicture
    """Grey levels above noise, mean over the picture."""
    fall: PerPicture
    """Downward (positive) or upward flow of what changes."""
    is_cut: Bool[np.ndarray, " pictures"]
    is_new: Bool[np.ndarray, " pictures"]

    def within(self, start: float, end: float) -> "Motion":
        """Return the part in `[start, end)` seconds."""
        part = slice(*np.searchsorted(self.times, [start, end]))
        return Motion(**{f.name: getattr(self, f.name)[part] for f in dataclasses.fields(self)})


def measure_motion(pictures: Iterable[Picture]) -> Motion:
    """Follow pictures from one to the next; none is kept."""
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    times, change, raw, fall, is_new = [], [], [], [], []
    grey: Grey | None = None
    smooth: Float[np.ndarray, "rows columns"] | None = None
    for picture in pictures:
        before, smooth_before = grey, smooth
        grey = picture.grey
        smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
        times.append(float(picture.time))
        follows = before is not None and smooth_before is not None and not picture.is_new
        is_new.append(not follows)
        if not follows or before is None or smooth_before is None:
            change.append(0.0)
            raw.append(0.0)
            fall.append(0.0)
            continue
        difference = np.abs(smooth - smooth_before)
        moving = np.maximum(difference - NOISE, 0.0)
        change.append(float(moving.mean()))
        raw.append(float(difference.mean()))
        fall.append(_fall(flow_of, before, grey, moving) if change[-1] > 0.0 else 0.0)
    new = np.array(is_new, bool)
    cuts = find_cuts(np.array(raw), new)
    return Motion(
        times=np.array(times, float),
        change=np.where(cuts, 0.0, np.array(change, float)),
        fall=np.where(cuts, 0.0, np.array(fall, float)),
        is_cut=cuts,
        is_new=new,
    )


def impacts(motion: Motion) -> PerPicture:
    """Return how strongly motion stops at each picture, in grey levels; 0 at the ends."""
    change, fall = motion.change, motion.fall
    out = np.zeros(len(change))
    breaks = motion.is_new | motion.is_cut
    for place in range(1, len(change) - 1):
        if breaks[place] or breaks[place + 1]:
            continue
        before, after = change[place], change[place + 1]
        stop = max(0.0, before - after) * before / (before + after + 1e-6)
        lead = change[max(0, place - QUIET_PICTURES) : max(1, place - 1)]
        surprise = min(max(1.0 - lead.min() / (before + 1e-6), 0.0), 1.0)
        landed = min(2.0 * max(fall[place], 0.0), max(fall[place] - fall[place + 1], 0.0))
        # What goes up and stops has not met anything, as a rule.
        rose = RISING if fall[place] < -abs(fall[place + 1]) else 1.0
        out[place] = rose * stop * surprise + landed
    return out


def moment(motion: Motion, place: int) -> float:
    """Return when motion stopped, between a picture and the next one, in seconds.

    What moves evenly until it stops changes the next picture by as large a part of the change
    before as the stop lies behind the picture.
    """
    if place + 1 >= len(motion.times):
        return float(motion.times[place])
    before, after = motion.change[place], motion.change[place + 1]
    part = min(1.0, after / (before + 1e-6))
    return float(motion.times[place] + part * (motion.times[place + 1] - motion.times[place]))


def _fall(
    flow_of: cv2.DISOpticalFlow, before: Grey, grey: Grey, moving: Float[np.ndarray, "rows columns"]
) -> float:
    down = flow_of.calc(before, grey, None)[..., 1]  # pyright: ignore
    # The middle flow is the camera's. Square roots, since the flow of what is fast is uncertain.
    down = down - np.median(down)
    return float((np.sign(down) * np.sqrt(np.abs(down) * moving)).mean())


def find_cuts(
    raw: PerPicture, is_new: Bool[np.ndarray, " pictures"]
) -> Bool[np.ndarray, " pictures"]:
    """Mark pictures that differ from the one before them all over and far more than neighbours."""
    cuts = np.zeros(len(raw), bool)
    for place in np.flatnonzero(raw > CUT_CHANGE):
        near = [
            raw[other]
            for other in (place - 2, place - 1, place + 1, place + 2)
            if 0 <= other < len(raw) and not is_new[other]
        ]
        cuts[place] = not near or raw[place] > CUT_CONTRAST * max(near)
    return cuts
