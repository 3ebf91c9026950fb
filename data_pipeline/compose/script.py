"""What a composed clip shows: shots of layers, each a still or a video in a window that may move.

Nothing is decoded here. Times are on the clip's frames, so that what is labelled in a frame is what
is on screen when it begins.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np

from data_pipeline.compose.pools import PoolStill, PoolVideo

Mask = Literal["none", "ellipse", "outline", "border"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScriptWindow:
    """Where a layer is at a time, in parts of the picture: left, top, width and height."""

    time_s: float
    left: float
    top: float
    width: float = 1.0
    height: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Camera:
    """How a still is filmed: zoom and centre at its start and end, and how much it shakes."""

    zoom: tuple[float, float]
    centre_x: tuple[float, float]
    """0: as far left as the crop goes, 1: as far right."""
    centre_y: tuple[float, float]
    shake: float
    shake_seed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """A still or a stretch of a video, where it is when, and how it is filmed."""

    shown: PoolStill | PoolVideo
    windows: tuple[ScriptWindow, ...]
    camera: Camera
    mask: Mask = "none"
    from_s: float = 0.0
    """Where the stretch begins in the part of the video."""

    def effects_at(self, since_s: float) -> tuple[str, ...]:
        """Return what it shows so long after its shot began."""
        if isinstance(self.shown, PoolVideo):
            return self.shown.effects_at(self.from_s + since_s)
        return self.shown.file.effects


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """Layers, the lowest first, from one cut to the next."""

    onset_s: float
    offset_s: float
    layers: tuple[Layer, ...]

    @property
    def has_own_sound(self) -> bool:
        """Whether it is an unchanged video with its own sound."""
        shown = self.layers[0].shown
        return isinstance(shown, PoolVideo) and shown.sound_path is not None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What all stills of a clip are brought to."""

    detail_px: int
    is_grey: bool
    jpeg_quality: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Script:
    """All that a clip will show."""

    frames: int
    frame_rate_hz: float
    width_px: int
    height_px: int
    look: Look
    shots: tuple[Shot, ...]

    @property
    def duration_s(self) -> float:
        """Length of the clip."""
        return self.frames / self.frame_rate_hz


def visible_part(layer: Layer, time_s: float) -> float:
    """Return which part of a layer's window is inside the picture."""
    window = window_at(layer.windows, time_s)
    width = min(window.left + window.width, 1.0) - max(window.left, 0.0)
    height = min(window.top + window.height, 1.0) - max(window.top, 0.0)
    return max(width, 0.0) * max(height, 0.0) / (window.width * window.height)


def window_at(windows: Sequence[ScriptWindow], time_s: float) -> ScriptWindow:
    """Return where a window is at a time; it starts and stops gently."""
    if time_s <= windows[0].time_s:
        return windows[0]
    for before, after in itertools.pairwise(windows):
        if time_s < after.time_s:
            part = (time_s - before.time_s) / (after.time_s - before.time_s)
            part = part * part * (3.0 - 2.0 * part)
            return ScriptWindow(
                time_s=time_s,
                left=before.left + part * (after.left - before.left),
                top=before.top + part * (after.top - before.top),
                width=before.width + part * (after.width - before.width),
                height=before.height + part * (after.height - before.height),
            )
    return windows[-1]


def seen_events(
    script: Script, least_visible: float, *, without_own_sound: bool = False
) -> list[tuple[str, float, float]]:
    """Return each effect with onset and offset of where it is seen, frame by frame.

    Args:
        script: What is shown.
        least_visible: The part of a layer that must be in sight.
        without_own_sound: Leave out the shots that bring their own sound.
    """
    seen: dict[str, np.ndarray] = {}
    for frame in range(script.frames):
        time_s = frame / script.frame_rate_hz
        for shot in script.shots:
            if not shot.onset_s <= time_s < shot.offset_s:
                continue
            if without_own_sound and shot.has_own_sound:
                continue
            for layer in shot.layers:
                if visible_part(layer, time_s) >= least_visible:
                    for effect in layer.effects_at(time_s - shot.onset_s):
                        seen.setdefault(effect, np.zeros(script.frames + 2, np.int8))
                        seen[effect][frame + 1] = 1
    events = []
    for effect, frames in seen.items():
        steps = np.diff(frames)
        starts, ends = np.nonzero(steps == 1)[0], np.nonzero(steps == -1)[0]
        for start, end in zip(starts, ends, strict=True):
            span = int(start) / script.frame_rate_hz, int(end) / script.frame_rate_hz
            events.append((effect, *span))
    return sorted(events, key=lambda event: (event[1], event[0]))
