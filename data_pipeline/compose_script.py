"""What a composed clip will show: a seeded draw from pools of stills in, shots of layers out.

Nothing is decoded here. A layer is a still behind a window that may move; times are on the clip's
frames, so that what is labelled in a frame is what is on screen when it begins.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.compose_config import LAYOUTS, ComposeConfig

NOTHING = ""
"""Where the pools keep what holds none of the effects."""

_LOOKS = 20

Mask = Literal["none", "ellipse", "border"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoolStill:
    """A still that may be used, with what must be known to choose among looks."""

    file: LabelledFile
    short_side_px: int
    is_grey: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pools:
    """The stills and sounds of one split, by effect; `NOTHING` holds the hard negatives."""

    stills: Mapping[str, tuple[PoolStill, ...]]
    sounds: Mapping[str, tuple[LabelledFile, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
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
    """A still, where it is when, and how it is filmed."""

    still: PoolStill
    windows: tuple[Window, ...]
    camera: Camera
    mask: Mask = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """Layers, the lowest first, from one cut to the next."""

    onset_s: float
    offset_s: float
    layers: tuple[Layer, ...]


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


def draw_script(rng: np.random.Generator, config: ComposeConfig, pools: Pools) -> Script:
    """Draw what a clip shows."""
    rate = config.frame_rate_hz
    frames = max(1, round(rng.uniform(*config.duration_s) * rate))
    weights = np.array(config.aspect_weights)
    aspect = config.aspects[rng.choice(len(weights), p=weights / weights.sum())]
    short = config.short_side_px
    look, usable = _draw_look(rng, config, pools)
    counts = {effect: len(stills) for effect, stills in pools.stills.items()}
    shots, first = [], 0
    while first < frames:
        length = max(1, round(rng.uniform(*config.shots.length_s) * rate))
        # A rest too short to be seen goes to the shot before it.
        last = frames if frames - first - length < 2 else first + length
        shots.append(_draw_shot(rng, config, usable, counts, first / rate, last / rate))
        first = last
    return Script(
        frames=frames,
        frame_rate_hz=rate,
        width_px=round(short * max(aspect, 1.0)),
        height_px=round(short * max(1.0 / aspect, 1.0)),
        look=look,
        shots=tuple(shots),
    )


def usable_stills(pools: Pools, look: Look) -> dict[str, tuple[PoolStill, ...]]:
    """Return the stills that can be brought to a look; effects without any are left out."""
    usable = {
        effect: tuple(
            still
            for still in stills
            if still.short_side_px >= look.detail_px and (look.is_grey or not still.is_grey)
        )
        for effect, stills in pools.stills.items()
    }
    return {effect: stills for effect, stills in usable.items() if stills}


def draw_effect(
    rng: np.random.Generator, usable: Iterable[str], counts: Mapping[str, int], power: float
) -> str | None:
    """Draw one of the effects that can be used, by how many files there are of it in all.

    Not by how many can be used: that depends on the look, which would then tell of the effect.
    """
    names = [name for name in usable if name != NOTHING]
    if not names:
        return None
    weights = np.array([counts[name] ** power for name in names], float)
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def visible_part(layer: Layer, time_s: float) -> float:
    """Return which part of a layer's window is inside the picture."""
    window = window_at(layer.windows, time_s)
    width = min(window.left + window.width, 1.0) - max(window.left, 0.0)
    height = min(window.top + window.height, 1.0) - max(window.top, 0.0)
    return max(width, 0.0) * max(height, 0.0) / (window.width * window.height)


def window_at(windows: Sequence[Window], time_s: float) -> Window:
    """Return where a window is at a time; it starts and stops gently."""
    if time_s <= windows[0].time_s:
        return windows[0]
    for before, after in itertools.pairwise(windows):
        if time_s < after.time_s:
            part = (time_s - before.time_s) / (after.time_s - before.time_s)
            part = part * part * (3.0 - 2.0 * part)
            return Window(
                time_s=time_s,
                left=before.left + part * (after.left - before.left),
                top=before.top + part * (after.top - before.top),
                width=before.width + part * (after.width - before.width),
                height=before.height + part * (after.height - before.height),
            )
    return windows[-1]


def seen_events(script: Script, least_visible: float) -> list[tuple[str, float, float]]:
    """Return each effect with onset and offset of where it is seen, frame by frame."""
    seen: dict[str, np.ndarray] = {}
    for frame in range(script.frames):
        time_s = frame / script.frame_rate_hz
        for shot in script.shots:
            if not shot.onset_s <= time_s < shot.offset_s:
                continue
            for layer in shot.layers:
                if visible_part(layer, time_s) >= least_visible:
                    for effect in layer.still.file.effects:
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


def _draw_look(
    rng: np.random.Generator, config: ComposeConfig, pools: Pools
) -> tuple[Look, dict[str, tuple[PoolStill, ...]]]:
    for _ in range(_LOOKS):
        look = Look(
            detail_px=round(rng.uniform(*config.look.detail_px)),
            is_grey=bool(rng.random() < config.look.grey_part),
            jpeg_quality=round(rng.uniform(*config.look.jpeg_quality)),
        )
        usable = usable_stills(pools, look)
        if usable:
            return look, usable
    # Very small or only grey pictures: the look that all of them can be brought to.
    least = min(still.short_side_px for stills in pools.stills.values() for still in stills)
    look = dataclasses.replace(look, detail_px=least, is_grey=True)
    return look, usable_stills(pools, look)


def _draw_shot(
    rng: np.random.Generator,
    config: ComposeConfig,
    usable: Mapping[str, Sequence[PoolStill]],
    counts: Mapping[str, int],
    onset_s: float,
    offset_s: float,
) -> Shot:
    shots = config.shots
    weights = np.array(shots.layouts)
    layout = LAYOUTS[rng.choice(len(LAYOUTS), p=weights / weights.sum())]

    def draw(wants_effect: bool) -> PoolStill:
        effect = draw_effect(rng, usable, counts, shots.rarity_power) if wants_effect else None
        stills = usable.get(effect or NOTHING) or next(iter(usable.values()))
        return stills[int(rng.integers(len(stills)))]

    def layer(wants_effect: bool, *windows: Window, mask: Mask = "none") -> Layer:
        still, camera = draw(wants_effect), _draw_camera(rng, config)
        return Layer(still=still, windows=windows, camera=camera, mask=mask)

    def stays(left: float, top: float, width: float, height: float) -> Window:
        return Window(time_s=onset_s, left=left, top=top, width=width, height=height)

    has_effect = bool(rng.random() >= shots.nothing_part)
    has_both = has_effect and bool(rng.random() < shots.both_effects_part)
    # The effect is in either place: on the left or the right, below or above.
    wants = (has_effect, has_both) if rng.random() < 0.5 else (has_both, has_effect)
    if layout == "full":
        layers = [layer(has_effect, stays(0.0, 0.0, 1.0, 1.0))]
    elif layout == "split":
        part = rng.uniform(0.4, 0.6)
        halves = [(0.0, 0.0, part, 1.0), (part, 0.0, 1.0 - part, 1.0)]
        if rng.random() < 0.5:
            halves = [(0.0, 0.0, 1.0, part), (0.0, part, 1.0, 1.0 - part)]
        layers = [layer(want, stays(*half)) for want, half in zip(wants, halves, strict=True)]
    elif layout == "inset":
        size = rng.uniform(0.35, 0.5)
        left, top = (rng.choice([0.03, 0.97 - size]) for _ in range(2))
        layers = [
            layer(wants[0], stays(0.0, 0.0, 1.0, 1.0)),
            layer(wants[1], stays(left, top, size, size), mask="border"),
        ]
    elif layout == "cut_out":
        path = _draw_path(rng, onset_s, offset_s)
        layers = [
            layer(has_both, stays(0.0, 0.0, 1.0, 1.0)),
            layer(has_effect, *path, mask="ellipse"),
        ]
    else:
        start_s, end_s = onset_s, offset_s - 0.15 * (offset_s - onset_s)
        way = rng.choice([-1.0, 1.0])
        layers = [
            layer(
                want,
                Window(time_s=start_s, left=first, top=0.0),
                Window(time_s=end_s, left=first - way, top=0.0),
            )
            for want, first in zip(wants, (0.0, way), strict=True)
        ]
    return Shot(onset_s=onset_s, offset_s=offset_s, layers=tuple(layers))


def _draw_path(rng: np.random.Generator, onset_s: float, offset_s: float) -> tuple[Window, ...]:
    """Draw how something enters from one side, stays, and leaves again or not."""
    width, height = rng.uniform(0.45, 0.65), rng.uniform(0.55, 0.8)
    top = rng.uniform(0.0, 1.0 - height)
    stay = rng.uniform(0.1, 0.9 - width) if width < 0.8 else 0.1
    outside = (-width, 1.0)
    enters, leaves = (int(side) for side in rng.integers(0, 2, 2))
    length = offset_s - onset_s
    times = np.sort(rng.uniform(0.1, 0.9, 3)) * length + onset_s
    size = {"top": top, "width": width, "height": height}
    path = [Window(time_s=onset_s, left=outside[enters], **size)]
    path.append(Window(time_s=times[0], left=stay, **size))
    if rng.random() < 0.7:
        path.append(Window(time_s=times[1], left=stay, **size))
        path.append(Window(time_s=times[2], left=outside[leaves], **size))
    return tuple(path)


def _draw_camera(rng: np.random.Generator, config: ComposeConfig) -> Camera:
    shots = config.shots
    # Not to the very edges: what a still shows is seldom there.
    zoom, x, y = rng.uniform(*shots.zoom, 2), rng.uniform(0.2, 0.8, 2), rng.uniform(0.2, 0.8, 2)
    if rng.random() < shots.still_camera_part:
        zoom[1], x[1], y[1] = zoom[0], x[0], y[0]
    return Camera(
        zoom=(float(zoom[0]), float(zoom[1])),
        centre_x=(float(x[0]), float(x[1])),
        centre_y=(float(y[0]), float(y[1])),
        shake=shots.shake if rng.random() < shots.shake_part else 0.0,
        shake_seed=int(rng.integers(2**31)),
    )
