"""Read pictures, and store them as JPEG of bounded size."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from temporal_foley.errors import MediaError

Picture = UInt8[np.ndarray, "height width 3"]

SHORT_SIDE_PX = 232
"""Needed for a centre crop of 224 by the rule of the backbones."""
JPEG_QUALITY = 88
LONGEST_ASPECT = 4.0
_LARGEST_FILE_BYTES = 64 * 2**20
_SMALLEST_SIDE_PX = 16


def read_still(path: Path) -> Picture:
    """Read a picture file as RGB.

    Raises:
        MediaError: It cannot be read, or is too small or too narrow.
    """
    try:
        if not path.is_file():
            raise MediaError("no such picture", path=path)
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise MediaError(f"larger than {_LARGEST_FILE_BYTES >> 20} MiB", path=path)
        content = path.read_bytes()
    except OSError as error:
        raise MediaError(f"cannot be read ({error.strerror})", path=path) from None
    return decode_still(content, str(path))


def decode_still(content: bytes, name: str = "picture") -> Picture:
    """Decode JPEG, PNG and what else OpenCV reads to RGB.

    Raises:
        MediaError: It is not a picture, or is too small or too narrow.
    """
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise MediaError("not a picture that can be read", path=name)
    short, long = sorted(image.shape[:2])
    if short < _SMALLEST_SIDE_PX:
        raise MediaError(f"only {short} pixels high or wide", path=name)
    if long > LONGEST_ASPECT * short:
        raise MediaError(f"a strip, more than {LONGEST_ASPECT:g} times as long as wide", path=name)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def encode_picture(image: Picture, quality: int = JPEG_QUALITY) -> bytes:
    """Write RGB as JPEG."""
    done, content = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise MediaError(f"a picture of {image.shape} cannot be written as JPEG")
    return content.tobytes()


def shrink(image: Picture, short_side_px: int = SHORT_SIDE_PX) -> Picture:
    """Make a picture smaller, to a short side; a smaller one stays as it is."""
    height, width = image.shape[:2]
    short = min(height, width)
    if short <= short_side_px:
        return image
    scale = short_side_px / short
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
