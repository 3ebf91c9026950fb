"""Define the results of detection that casting, placing and the pages use."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.effects import Vocabulary
from temporal_foley.spotting.places import Places
from temporal_foley.spotting.scenes import ShotLooks
from temporal_foley.timegrid import TimeGrid

THUMBNAILS = 12
"""Pictures that are kept to be shown."""

NOT_CHOSEN = "left out by --effects or --exclude"
"""Why an effect that was not chosen has no cue."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detections:
    """Effect probabilities per grid frame, with a few pictures to show beside them."""

    grid: TimeGrid
    vocabulary: Vocabulary
    probabilities: Float[np.ndarray, "frames effects"]
    thumbnails: Sequence[tuple[float, UInt8[np.ndarray, "rows columns 3"]]]
    """A few pictures with their times in seconds."""
    places: Places | None = None
    """Where effects are visible; None if the detector did not return it."""
    features: Float[np.ndarray, "frames features"] | None = None
    """Image features of each frame; None if the detector did not return them."""
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Why effects have no cues, whatever their probabilities."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureEvidence:
    """What the picture shows per grid frame: motion, cuts and where effects are visible."""

    grid: TimeGrid
    vocabulary: Vocabulary
    probabilities: Float[np.ndarray, "frames effects"]
    motion: Float[np.ndarray, " frames"]
    cuts: tuple[int, ...] = ()
    """Frames that begin a shot."""
    cut_times: tuple[float, ...] = ()
    """Seconds at which these shots begin, at the picture's own rate."""
    shots: ShotLooks | None = None
    """What the shots look like; None if that was not measured."""
    scenes: tuple[tuple[float, float], ...] = ()
    """Scenes in seconds."""
    heats: Float[np.ndarray, "frames effects rows columns"] | None = None
    visible: Float[np.ndarray, "frames effects"] | None = None
    """Both None for a detector that does not return places."""
