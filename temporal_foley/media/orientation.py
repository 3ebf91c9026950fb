"""Turn a decoded frame into an upright RGB array with square pixels."""

import dataclasses
import math
from fractions import Fraction

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from jaxtyping import UInt8

Picture = UInt8[np.ndarray, "height width 3"]

_UNSPECIFIED = 2
_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Orientation:
    """What must be done to a stored picture: stretch, then mirror left-right, then turn.

    `stored_aspect` is the shape of pixels as the file says it, even if it is left alone.
    """

    pixel_aspect: Fraction = Fraction(1)
    stored_aspect: Fraction = Fraction(1)
    is_mirrored: bool = False
    rotation_deg: int = 0


def picture_orientation(frame: VideoFrame, pixel_aspect: Fraction | None) -> Orientation:
    """Read the display matrix of a decoded picture and the aspect ratio of its pixels."""
    aspect = stored = pixel_aspect or Fraction(1)
    # Within one percent it is rounding of the size, and a stretch would only cost sharpness;
    # beyond eight it is nonsense in the file.
    if abs(aspect - 1) <= Fraction(1, 100) or not Fraction(1, 8) <= aspect <= 8:
        aspect = Fraction(1)
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return Orientation(pixel_aspect=aspect, stored_aspect=stored)
    matrix = np.frombuffer(bytes(side_data), np.int32)
    # x' = a x + c y, y' = b x + d y, with y downwards.
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    turn = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
    return Orientation(
        pixel_aspect=aspect, stored_aspect=stored, is_mirrored=is_mirrored, rotation_deg=turn
    )


def upright_size(width: int, height: int, orientation: Orientation) -> tuple[int, int]:
    """Return width and height of the upright picture."""
    width = max(1, round(width * orientation.pixel_aspect))
    return (height, width) if orientation.rotation_deg in (90, 270) else (width, height)


def upright_picture(
    frame: VideoFrame, orientation: Orientation, converter: VideoReformatter
) -> Picture:
    """Convert a decoded frame to upright RGB.

    The matrix and range are those in the stream. A stream that does not say is taken for BT.709
    from 720 lines up and for BT.601 below, as players do.
    """
    space = None
    if frame.colorspace == _UNSPECIFIED:
        large = frame.width >= 1280 or frame.height >= 720
        space = Colorspace.ITU709 if large else Colorspace.ITU601
    rgb = converter.reformat(frame, format="rgb24", src_colorspace=space)
    picture = rgb.to_ndarray()
    if orientation.pixel_aspect != 1:
        size = (max(1, round(frame.width * orientation.pixel_aspect)), frame.height)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if orientation.is_mirrored:
        picture = cv2.flip(picture, 1)
    if orientation.rotation_deg:
        picture = cv2.rotate(picture, _TURNS[orientation.rotation_deg])
    return picture
