"""The pictures of a composed clip: a script in, one JPEG a frame out."""

import functools
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32

from data_pipeline.builders.pictures import Picture, encode_picture, read_picture, shrink
from data_pipeline.compose_script import Camera, Layer, Look, Script, Shot, window_at

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
    return bring_to_look(read_picture(path), look)


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
        image = _film(_still(layer.still.file.path, script.look), layer.camera, part, size)
        _place(canvas, image, layer, left, top)
    return canvas


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
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    inside = image[y0 - top : y1 - top, x0 - left : x1 - left]
    if layer.mask == "ellipse":
        cover = _ellipse(width, height)[y0 - top : y1 - top, x0 - left : x1 - left, None]
        below = canvas[y0:y1, x0:x1].astype(np.float32)
        inside = np.rint(below + cover * (inside - below)).astype(np.uint8)
    canvas[y0:y1, x0:x1] = inside


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
