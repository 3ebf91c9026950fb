"""Keep what a detector found in a video, so that the next run need not look at it again."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from temporal_foley.files.cache import Memory, Stored
from temporal_foley.models.detector import Apart, FrameDetections, SmallImage
from temporal_foley.spotting.places import Places
from temporal_foley.spotting.shots import PictureChanges

_CHANGES = ("motion", "distance", "colours", "begins", "is_sharp")
_PLACES = ("heats", "visible")
_APART = ("seen", "heard")


@dataclasses.dataclass(kw_only=True)
class KeptDetections:
    """What is known of the pictures of a video after one pass over them."""

    changes: PictureChanges
    found: FrameDetections = dataclasses.field(
        default_factory=lambda: FrameDetections(probabilities=np.zeros((0, 0), np.float32))
    )
    thumbnails: list[tuple[float, SmallImage]] = dataclasses.field(default_factory=list)


def keep_detections(
    memory: Memory, name: Sequence[object], kept: KeptDetections, *, with_places: bool
) -> None:
    """Keep what was found in a video under a name."""
    found = kept.found
    arrays: dict[str, Stored] = {"probabilities": found.probabilities}
    if found.features is not None:
        arrays["features"] = found.features
    if found.apart is not None:
        arrays |= {part: getattr(found.apart, part) for part in _APART}
    if found.places is not None:
        arrays |= {part: getattr(found.places, part) for part in _PLACES}
    arrays |= {part: np.array(getattr(kept.changes, part)) for part in _CHANGES}
    arrays["times"] = np.array([time for time, _ in kept.thumbnails], np.float64)
    arrays |= {f"thumbnail {place}": image for place, (_, image) in enumerate(kept.thumbnails)}
    memory.keep(arrays, *name, with_places)


def recall_detections(
    memory: Memory, name: Sequence[object], *, with_places: bool
) -> KeptDetections | None:
    """Return what was kept under a name, or None.

    Who needs no places is given what was found with them: all else is the same.
    """
    arrays = memory.recall(*name, with_places)
    if arrays is None and not with_places:
        arrays = memory.recall(*name, True)
    if arrays is None:
        return None
    places = None
    if with_places and set(_PLACES) <= set(arrays):
        places = Places(heats=arrays["heats"], visible=arrays["visible"])
    apart = Apart(**{part: arrays[part] for part in _APART}) if "seen" in arrays else None
    return KeptDetections(
        changes=PictureChanges(
            motion=arrays["motion"].tolist(),
            distance=arrays["distance"].tolist(),
            colours=list(arrays["colours"]),
            begins=arrays["begins"].tolist(),
            is_sharp=arrays["is_sharp"].tolist(),
        ),
        found=FrameDetections(
            probabilities=arrays["probabilities"],
            features=arrays.get("features"),
            places=places,
            apart=apart,
        ),
        thumbnails=[
            (float(time), arrays[f"thumbnail {place}"])
            for place, time in enumerate(arrays["times"])
        ],
    )
