"""Draw the script of a clip from the pools of a split."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np

from data_pipeline.compose.config import LAYOUTS, ComposeConfig, ShotConfig
from data_pipeline.compose.pools import NOTHING, SHORTEST_VIDEO_S, Pools, PoolStill, PoolVideo
from data_pipeline.compose.script import Camera, Layer, Look, Mask, Script, ScriptWindow, Shot

_LOOKS = 20

Shown = TypeVar("Shown", PoolStill, PoolVideo)
ByEffect = Mapping[str, tuple[Shown, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Material:
    """Material that fits the look of a clip, and the number of files of each effect."""

    stills: Mapping[str, tuple[PoolStill, ...]]
    videos: Mapping[str, tuple[PoolVideo, ...]]
    counts: Mapping[str, int]


def draw_script(rng: np.random.Generator, config: ComposeConfig, pools: Pools) -> Script:
    """Draw the shots of a clip."""
    rate = config.frame_rate_hz
    frames = max(1, round(rng.uniform(*config.duration_s) * rate))
    weights = np.array(config.aspect_weights)
    aspect = config.aspects[rng.choice(len(weights), p=weights / weights.sum())]
    short = config.short_side_px
    look, material = _draw_look(rng, config, pools)
    shots: list[Shot] = []
    first = 0
    while first < frames:
        length = max(1, round(rng.uniform(*config.shots.length_s) * rate))
        # A remainder too short to notice is added to the shot before.
        last = frames if frames - first - length < 2 else first + length
        shot = _draw_shot(rng, config, material, shots, first / rate, last / rate)
        shots.append(shot)
        first = round(shot.offset_s * rate)
    return Script(
        frames=frames,
        frame_rate_hz=rate,
        width_px=round(short * max(aspect, 1.0)),
        height_px=round(short * max(1.0 / aspect, 1.0)),
        look=look,
        shots=tuple(shots),
    )


def usable(shown: ByEffect[Shown], look: Look) -> dict[str, tuple[Shown, ...]]:
    """Return the material that fits a look, by effect."""
    fitting = {
        effect: tuple(
            one
            for one in some
            if one.short_side_px >= look.detail_px and (look.is_grey or not one.is_grey)
        )
        for effect, some in shown.items()
    }
    return {effect: some for effect, some in fitting.items() if some}


def draw_effect(
    rng: np.random.Generator, usable: Iterable[str], counts: Mapping[str, int], power: float
) -> str | None:
    """Draw one of the usable effects, weighted by its number of files.

    Not by the number of usable files: it depends on the look, which would then reveal the effect.
    """
    names = [name for name in usable if name != NOTHING]
    if not names:
        return None
    weights = np.array([counts[name] ** power for name in names], float)
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def _draw_look(
    rng: np.random.Generator, config: ComposeConfig, pools: Pools
) -> tuple[Look, _Material]:
    pictures = [one for some in (*pools.stills.values(), *pools.videos.values()) for one in some]
    for _ in range(_LOOKS):
        look = Look(
            detail_px=round(rng.uniform(*config.look.detail_px)),
            is_grey=bool(rng.random() < config.look.grey_part),
            jpeg_quality=round(rng.uniform(*config.look.jpeg_quality)),
        )
        material = _material(pools, look)
        if material.stills or material.videos:
            return look, material
    # Very small or only grey pictures: the look that all of them can be brought to.
    least = min(one.short_side_px for one in pictures)
    look = dataclasses.replace(look, detail_px=least, is_grey=True)
    return look, _material(pools, look)


def _material(pools: Pools, look: Look) -> _Material:
    return _Material(
        stills=usable(pools.stills, look),
        videos=usable(pools.videos, look),
        counts={
            effect: len(pools.stills.get(effect, ())) + len(pools.videos.get(effect, ()))
            for effect in {*pools.stills, *pools.videos}
        },
    )


def _draw_shot(
    rng: np.random.Generator,
    config: ComposeConfig,
    material: _Material,
    before: list[Shot],
    onset_s: float,
    offset_s: float,
) -> Shot:
    shots = config.shots
    has_effect = bool(rng.random() >= shots.nothing_part)
    effect = None
    if before and rng.random() < shots.stay_part:
        # A scene goes on behind a cut: what was there is there again, seen from elsewhere.
        last = before[-1].layers[0].effects_at(0.0)
        has_effect, effect = bool(last), last[0] if last else None
    shows_video = rng.random() < shots.video_part
    if material.videos and (shows_video or not material.stills):
        return _draw_video(rng, config, material, effect, has_effect, onset_s, offset_s)
    return _draw_stills(rng, config, material, effect, has_effect, onset_s, offset_s)


def _pick(
    rng: np.random.Generator,
    shown: ByEffect[Shown],
    counts: Mapping[str, int],
    power: float,
    effect: str | None,
    wants_effect: bool,
) -> Shown:
    """Draw one that shows an effect, a given one if there is any, or nothing."""
    if not wants_effect:
        name = NOTHING
    elif effect in shown:
        name = effect
    else:
        name = draw_effect(rng, shown, counts, power)
    some = shown.get(name or NOTHING) or next(iter(shown.values()))
    return some[int(rng.integers(len(some)))]


def _draw_video(
    rng: np.random.Generator,
    config: ComposeConfig,
    material: _Material,
    effect: str | None,
    has_effect: bool,
    onset_s: float,
    offset_s: float,
) -> Shot:
    """Draw a stretch of a video, one that shows something of its effect if it has any."""
    rate, power = config.frame_rate_hz, config.shots.rarity_power
    video = _pick(rng, material.videos, material.counts, power, effect, has_effect)
    frames = min(round((offset_s - onset_s) * rate), max(1, int(video.length_s * rate)))
    length_s = frames / rate
    latest_s = max(video.length_s - length_s, 0.0)
    seen = [event for event in video.events if event.modality != "sound"]
    if seen:
        event = seen[int(rng.integers(len(seen)))]
        least_s = min(SHORTEST_VIDEO_S, length_s, event.offset_s - event.onset_s) / 2.0
        low, high = event.onset_s - length_s + least_s, event.offset_s - least_s
    else:
        low, high = 0.0, latest_s
    from_s = float(np.clip(rng.uniform(low, high), 0.0, latest_s))
    zoom, x, y = rng.uniform(1.0, 1.15), rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)
    # It moves by itself.
    camera = Camera(zoom=(zoom, zoom), centre_x=(x, x), centre_y=(y, y), shake=0.0, shake_seed=0)
    window = ScriptWindow(time_s=onset_s, left=0.0, top=0.0)
    layer = Layer(shown=video, windows=(window,), camera=camera, from_s=from_s)
    return Shot(onset_s=onset_s, offset_s=onset_s + length_s, layers=(layer,))


def _draw_stills(
    rng: np.random.Generator,
    config: ComposeConfig,
    material: _Material,
    effect: str | None,
    has_effect: bool,
    onset_s: float,
    offset_s: float,
) -> Shot:
    """Draw a layout, and what is in each of its places."""
    shots = config.shots
    weights = np.array(shots.layouts)
    layout = LAYOUTS[rng.choice(len(LAYOUTS), p=weights / weights.sum())]

    def layer(wants_effect: bool, *windows: ScriptWindow, mask: Mask = "none") -> Layer:
        power = shots.rarity_power
        still = _pick(rng, material.stills, material.counts, power, effect, wants_effect)
        camera = _draw_camera(rng, shots)
        return Layer(shown=still, windows=windows, camera=camera, mask=mask)

    def stays(left: float, top: float, width: float, height: float) -> ScriptWindow:
        return ScriptWindow(time_s=onset_s, left=left, top=top, width=width, height=height)

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
        mask: Mask = "outline" if rng.random() < shots.outline_part else "ellipse"
        layers = [
            layer(has_both, stays(0.0, 0.0, 1.0, 1.0)),
            layer(has_effect, *path, mask=mask),
        ]
    else:
        start_s, end_s = onset_s, offset_s - 0.15 * (offset_s - onset_s)
        way = rng.choice([-1.0, 1.0])
        layers = [
            layer(
                want,
                ScriptWindow(time_s=start_s, left=first, top=0.0),
                ScriptWindow(time_s=end_s, left=first - way, top=0.0),
            )
            for want, first in zip(wants, (0.0, way), strict=True)
        ]
    return Shot(onset_s=onset_s, offset_s=offset_s, layers=tuple(layers))


def _draw_path(
    rng: np.random.Generator, onset_s: float, offset_s: float
) -> tuple[ScriptWindow, ...]:
    """Draw how something enters from one side, stays, and leaves again or not."""
    width, height = rng.uniform(0.45, 0.65), rng.uniform(0.55, 0.8)
    top = rng.uniform(0.0, 1.0 - height)
    stay = rng.uniform(0.1, 0.9 - width) if width < 0.8 else 0.1
    outside = (-width, 1.0)
    enters, leaves = (int(side) for side in rng.integers(0, 2, 2))
    length = offset_s - onset_s
    times = np.sort(rng.uniform(0.1, 0.9, 3)) * length + onset_s
    size = {"top": top, "width": width, "height": height}
    path = [ScriptWindow(time_s=onset_s, left=outside[enters], **size)]
    path.append(ScriptWindow(time_s=times[0], left=stay, **size))
    if rng.random() < 0.7:
        path.append(ScriptWindow(time_s=times[1], left=stay, **size))
        path.append(ScriptWindow(time_s=times[2], left=outside[leaves], **size))
    return tuple(path)


def _draw_camera(rng: np.random.Generator, shots: ShotConfig) -> Camera:
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
