"""Watches a video, decides what should be heard and when, and lays up effect tracks for it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from temporal_foley.foley import DetectionSettings, Foley, Outcome, Tags
    from temporal_foley.from_cues import render_cues

__version__ = "0.2.0"

__all__ = ["DetectionSettings", "Foley", "Outcome", "Tags", "__version__", "render_cues"]


def __getattr__(name: str) -> Any:
    # Lazily, so that `--help` does not wait for OpenCV and the rest.
    if name == "render_cues":
        from temporal_foley.from_cues import render_cues

        return render_cues
    if name in __all__:
        from temporal_foley import foley

        return getattr(foley, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
