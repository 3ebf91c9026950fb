"""Read a picture file by the same rules as any other file of a user's."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from temporal_foley.errors import MediaError
from temporal_foley.media.open import cause, regular_file, shown

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
LARGEST_BYTES = 64 << 20
SMALLEST_SIDE_PX = 16


def read_picture(path: Path) -> UInt8[np.ndarray, "rows columns 3"]:
    """Read a picture as RGB, upright.

    Raises:
        MediaError: It cannot be read, or is too small to show anything.
    """
    source = regular_file(path)
    try:
        if source.stat().st_size > LARGEST_BYTES:
            raise MediaError(
                f"larger than {LARGEST_BYTES >> 20} MiB", path=shown(path), remedy="make it small"
            )
        content = np.frombuffer(source.read_bytes(), np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB) if len(content) else None
    except OSError as error:
        raise MediaError(f"cannot be read ({cause(error)})", path=shown(path)) from None
    except cv2.error:
        image = None
    if image is None:
        raise MediaError(
            "not a picture that can be read", path=shown(path), remedy="use a JPEG or PNG file"
        )
    if min(image.shape[:2]) < SMALLEST_SIDE_PX:
        raise MediaError(f"only {min(image.shape[:2])} pixels high or wide", path=shown(path))
    return image
