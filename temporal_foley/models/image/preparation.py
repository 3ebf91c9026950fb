"""Scale an image of any size and aspect to the input of a backbone."""

from typing import Literal, get_args

import cv2
import numpy as np
from jaxtyping import UInt8

Aspect = Literal["stretch", "crop", "letterbox", "native"]
ASPECTS: tuple[str, ...] = get_args(Aspect)

Image = UInt8[np.ndarray, "height width 3"]
Prepared = UInt8[np.ndarray, "rows columns 3"]

# EfficientNet-Lite's crop keeps S of S + 32 pixels of the short side.
_CROPPED_PX = 32
# Sides of a native-aspect input, so that a handful of shapes covers all pictures.
_STEP_PX = 32
_MAX_ASPECT = 2
# The grey that normalisation turns into zero, which is also what convolutions pad with.
_GREY = 127


def prepare_image(image: Image, size_px: int, aspect: Aspect) -> Prepared:
    """Scale one RGB image to the input size of a backbone.

    Args:
        image: The image.
        size_px: Side of a square input; short side of a native-aspect one.
        aspect: `stretch` squeezes the whole image into a square; `crop` takes the middle square,
            as the networks were evaluated; `letterbox` fits the whole image into a square with
            grey bars; `native` keeps the aspect, the long side rounded to 32 pixels and cut to
            twice the short side.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(
            f"image must be uint8 of shape (height, width, 3), got {image.dtype} {image.shape}"
        )
    if aspect == "stretch":
        return _resize(image, size_px, size_px)
    if aspect == "crop":
        side = max(1, round(min(image.shape[:2]) * size_px / (size_px + _CROPPED_PX)))
        return _resize(_centre(image, side, side), size_px, size_px)
    if aspect == "letterbox":
        return _letterbox(image, size_px)
    if aspect == "native":
        height, width = image.shape[:2]
        bound = _MAX_ASPECT * min(height, width)
        image = _centre(image, min(height, bound), min(width, bound))
        rows, columns = native_size(image.shape[0], image.shape[1], size_px)
        return _resize(image, rows, columns)
    raise ValueError(f"aspect must be one of {', '.join(ASPECTS)}, got {aspect!r}")


def native_size(height: int, width: int, size_px: int) -> tuple[int, int]:
    """Return the rows and columns of a native-aspect input for an image of this size."""
    aspect = min(max(height, width) / min(height, width), _MAX_ASPECT)
    long = max(size_px, round(size_px * aspect / _STEP_PX) * _STEP_PX)
    return (size_px, long) if width >= height else (long, size_px)


def _centre(image: Image, height: int, width: int) -> Prepared:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _letterbox(image: Image, size_px: int) -> Prepared:
    scale = size_px / max(image.shape[:2])
    rows, columns = (max(1, round(side * scale)) for side in image.shape[:2])
    square = np.full((size_px, size_px, 3), _GREY, np.uint8)
    _centre(square, rows, columns)[:] = _resize(image, rows, columns)
    return square


def _resize(image: Image, rows: int, columns: int) -> Prepared:
    if image.shape[:2] == (rows, columns):
        return np.ascontiguousarray(image)
    # Averaging over areas is the one OpenCV filter that does not alias when it shrinks.
    shrinks = rows * columns < image.shape[0] * image.shape[1]
    filter_ = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    # Halving is many times as fast as shrinking by an odd ratio, and averages areas as well.
    while image.shape[0] >= 2 * rows and image.shape[1] >= 2 * columns:
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = cv2.resize(np.ascontiguousarray(image), half, interpolation=cv2.INTER_AREA)
    return cv2.resize(np.ascontiguousarray(image), (columns, rows), interpolation=filter_)
