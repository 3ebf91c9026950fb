"""Render the pictures of a composed clip from its script."""

import functools
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32

from data_pipeline.builders.pictures import Picture, encode_picture, read_still, shrink
from data_pipeline.compose.outline import outline_of
from data_pipeline.compose.pools import PoolVideo
from data_pipeline.compose.script import Camera, Layer, Look, Script, Shot, window_at
from data_pipeline.compose.video import read_stretch

_KEPT_STILLS = 64
_STRETCH = 1.8
"""How far a still may be stretched or squeezed to its window before more of it is cut off."""


def render_pictures(script: Script) -> tuple[bytes, ...]:
    """Draw every frame.

    Raises:
        MediaError: A still cannot be read.
    """
    pictures = []
    for frame in range(script.frames):
        time_s = frame / script.frame_rate_hz
        shot = next(s for s in script.shots if s.onset_s <= time_s < s.offset_s)
        pictures.append(encode_picture(_draw(script, shot, time_s), script.look.jpeg_quality))
    return tuple(pictures)


def bring_to_look(image: Picture, look: Look) -> Picture:
    """Bring a still to the detail and colour of a clip, and its old compression to one of ours."""
    small = shrink(image, look.detail_px)
    if look.is_grey:
        small = cv2.cvtColor(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return small


@functools.lru_cache(maxsize=_KEPT_STILLS)
def _still(path: Path, look: Look) -> Picture:
    return bring_to_look(read_still(path), look)


def _draw(script: Script, shot: Shot, time_s: float) -> Picture:
    canvas = np.zeros((script.height_px, script.width_px, 3), np.uint8)
    for layer in shot.layers:
        window = window_at(layer.windows, time_s)
        left, right = _edges(window.left, window.width, script.width_px)
        top, bottom = _edges(window.top, window.height, script.height_px)
        if right <= 0 or bottom <= 0 or left >= script.width_px or top >= script.height_px:
            continue
        part = (time_s - shot.onset_s) / max(shot.offset_s - shot.onset_s, 1e-6)
        size = (max(1, right - left), max(1, bottom - top))
        picture = _picture_of(layer, script, shot, time_s)
        cover = _outline(layer)
        if cover is not None:
            _stand(canvas, picture, cover, (left, top), size)
        else:
            _place(canvas, _film(picture, layer.camera, part, size), layer, left, top)
    return canvas


def _picture_of(layer: Layer, script: Script, shot: Shot, time_s: float) -> Picture:
    """Return the still of a layer, or what its video shows at a time."""
    shown = layer.shown
    if not isinstance(shown, PoolVideo):
        return _still(shown.file.path, script.look)
    rate = script.frame_rate_hz
    frames = round((shot.offset_s - shot.onset_s) * rate)
    stretch = read_stretch(shown.file.path, shown.start_s + layer.from_s, frames, rate)
    return bring_to_look(stretch[round((time_s - shot.onset_s) * rate)], script.look)


def _outline(layer: Layer) -> Float32[np.ndarray, "rows columns"] | None:
    if layer.mask != "outline":
        return None
    return outline_of(layer.shown.file.path, layer.shown.file.sha256)


def _stand(
    canvas: Picture,
    picture: Picture,
    cover: Float32[np.ndarray, "rows columns"],
    place: tuple[int, int],
    size: tuple[int, int],
) -> None:
    """Lay a thing along its outline into the middle of a window, as large as the window allows."""
    height, width = picture.shape[:2]
    cover = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA)
    rows, columns = (np.nonzero(cover.max(axis=axis) > 0.02)[0] for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    scale = min(size[0] / (right - left), size[1] / (bottom - top))
    thing_w, thing_h = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    thing = cv2.resize(picture[top:bottom, left:right], (thing_w, thing_h))
    cover = cv2.resize(cover[top:bottom, left:right], (thing_w, thing_h))
    # It stands at the bottom of its window, in the middle: half of the window is half of it.
    _blend(canvas, thing, cover, place[0] + (size[0] - thing_w) // 2, place[1] + size[1] - thing_h)


def _blend(
    canvas: Picture, image: Picture, cover: Float32[np.ndarray, "rows columns"], left: int, top: int
) -> None:
    """Lay so much of an image over the canvas as is covered; what is outside is cut off."""
    height, width = image.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    below = canvas[y0:y1, x0:x1].astype(np.float32)
    canvas[y0:y1, x0:x1] = np.rint(below + cover[part][..., None] * (image[part] - below))


def _film(still: Picture, camera: Camera, part: float, size: tuple[int, int]) -> Picture:
    """Cut what the camera sees at a moment out of a still, at the size of the window."""
    height, width = still.shape[:2]
    aspect = size[0] / size[1]
    shape = width / height
    # The window's own shape of crop would cut too much of a still of another: meet half way.
    wanted = np.clip(aspect, shape / _STRETCH**0.5, shape * _STRETCH**0.5)
    zoom = camera.zoom[0] + part * (camera.zoom[1] - camera.zoom[0])
    crop_w = min(width, height * wanted) / zoom
    crop_h = min(height, width / wanted) / zoom
    x = camera.centre_x[0] + part * (camera.centre_x[1] - camera.centre_x[0])
    y = camera.centre_y[0] + part * (camera.centre_y[1] - camera.centre_y[0])
    shake_x, shake_y = _shake(camera, part)
    left = np.clip(x * (width - crop_w) + shake_x * width, 0.0, width - crop_w)
    top = np.clip(y * (height - crop_h) + shake_y * width, 0.0, height - crop_h)
    scale_x, scale_y = crop_w / size[0], crop_h / size[1]
    warp = np.array(
        [
            [scale_x, 0.0, left + 0.5 * scale_x - 0.5],
            [0.0, scale_y, top + 0.5 * scale_y - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(still, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _shake(camera: Camera, part: float) -> tuple[float, float]:
    """Return how far a hand-held camera is off: a few slow waves of random phase."""
    if camera.shake == 0.0:
        return 0.0, 0.0
    rng = np.random.default_rng(camera.shake_seed)
    rates, phases = rng.uniform(1.0, 9.0, (2, 3)), rng.uniform(0.0, 1.0, (2, 3))
    waves = np.sin(2.0 * np.pi * (rates * part + phases)).mean(axis=1) * camera.shake
    return float(waves[0]), float(waves[1])


def _place(canvas: Picture, image: Picture, layer: Layer, left: int, top: int) -> None:
    """Lay an image on the canvas; what is outside is cut off."""
    height, width = image.shape[:2]
    if layer.mask == "border":
        cv2.rectangle(image, (0, 0), (width - 1, height - 1), (230, 230, 230), 2)
    if layer.mask in ("ellipse", "outline"):
        # Of an outline that cannot be found a rounded piece is left.
        _blend(canvas, image, _ellipse(width, height), left, top)
        return
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    canvas[y0:y1, x0:x1] = image[y0 - top : y1 - top, x0 - left : x1 - left]


@functools.lru_cache(maxsize=_KEPT_STILLS)
def _ellipse(width: int, height: int) -> Float32[np.ndarray, "height width"]:
    """Return how much of a cut-out covers what is below: all within, nothing at the corners."""
    x = (np.arange(width) + 0.5) / width * 2.0 - 1.0
    y = (np.arange(height) + 0.5) / height * 2.0 - 1.0
    # The fourth power: nearly a rectangle, with round corners.
    radius = (x[None, :] ** 4 + y[:, None] ** 4) ** 0.25
    return np.clip((1.0 - radius) / 0.12, 0.0, 1.0).astype(np.float32)


def _edges(start: float, length: float, pixels: int) -> tuple[int, int]:
    return round(start * pixels), round((start + length) * pixels)
