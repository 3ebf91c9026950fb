"""Make a short clip for `demo`, from photographs that ship with the package."""

import math
from fractions import Fraction
from importlib import resources
from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from temporal_foley.errors import FoleyError

RATE = 25
WIDTH, HEIGHT = 640, 360
REINSTALL = "pip install --force-reinstall temporal-foley"

# A cat (chelsea.png, CC0), a cup of coffee (coffee.png, CC0) without any effect, and the cat again,
# nearer. Each shot: file, seconds, and centre and width of the visible part at its beginning and
# at its end, as fractions of the picture.
SHOTS = (
    ("chelsea.png", 4.0, (0.50, 0.50, 1.00), (0.55, 0.45, 0.80)),
    ("coffee.png", 4.0, (0.50, 0.50, 0.90), (0.42, 0.45, 0.75)),
    ("chelsea.png", 4.0, (0.45, 0.42, 0.75), (0.60, 0.42, 0.75)),
)


def make_demo_clip(path: Path) -> None:
    """Write the demo clip: 12 seconds of H.264 at 25 pictures a second, without sound."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        for name, seconds, begin, end in SHOTS:
            picture = _shipped_picture(name)
            frames = round(seconds * RATE)
            for number in range(frames):
                # Ease in and out, as a hand on a camera does.
                part = 0.5 - 0.5 * math.cos(math.pi * number / (frames - 1))
                view = [a + (b - a) * part for a, b in zip(begin, end, strict=True)]
                frame = av.VideoFrame.from_ndarray(_crop(picture, *view), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _shipped_picture(name: str) -> UInt8[np.ndarray, "height width 3"]:
    file = resources.files("temporal_foley.cli") / "pictures" / name
    try:
        encoded = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError:
        raise FoleyError("not in the package", path=name, remedy=REINSTALL) from None
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise FoleyError("not a picture", path=name, remedy=REINSTALL)
    return picture


def _crop(
    picture: UInt8[np.ndarray, "height width 3"], x: float, y: float, width: float
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Cut out the part around (x, y), `width` of the picture wide, with subpixel accuracy."""
    rows, columns = picture.shape[:2]
    scale = width * min(columns, rows * WIDTH / HEIGHT) / WIDTH
    half_x, half_y = scale * WIDTH / 2, scale * HEIGHT / 2
    left = min(max(x * columns - half_x, 0.0), columns - 2 * half_x)
    top = min(max(y * rows - half_y, 0.0), rows - 2 * half_y)
    matrix = np.array([[scale, 0.0, left], [0.0, scale, top]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=flags)
