"""Detect what should sound in a video, and when, and add effect tracks to it."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from temporal_foley.cue_list import read_timeline, write_timeline
    from temporal_foley.foley import Foley
    from temporal_foley.render import RunResult, render_cue_list
    from temporal_foley.stages import DetectionSettings, Tags
    from temporal_foley.timeline import Cue, Event, MixSettings, Timeline, Track

__version__ = "0.2.0"

_HOMES = {
    "Cue": "timeline",
    "DetectionSettings": "stages",
    "Event": "timeline",
    "Foley": "foley",
    "MixSettings": "timeline",
    "RunResult": "render",
    "Tags": "stages",
    "Timeline": "timeline",
    "Track": "timeline",
    "read_timeline": "cue_list",
    "render_cue_list": "render",
    "write_timeline": "cue_list",
}

__all__ = [
    "Cue",
    "DetectionSettings",
    "Event",
    "Foley",
    "MixSettings",
    "RunResult",
    "Tags",
    "Timeline",
    "Track",
    "__version__",
    "read_timeline",
    "render_cue_list",
    "write_timeline",
]


def __getattr__(name: str) -> Any:
    # Lazy, so that `--help` does not wait for OpenCV and other heavy imports.
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
