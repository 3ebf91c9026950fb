"""Cut a thing out of its still: estimate how much of each pixel belongs to it.

GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004), from a frame around the middle of the still.
It always finds something; what does not look like one whole thing that the picture is of is
refused.
"""

import functools
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from data_pipeline.builders.pictures import Picture, read_still

Cover = Float32[np.ndarray, "rows columns"]
Mask = Bool[np.ndarray, "rows columns"]

_KEPT_OUTLINES = 512
_SIDE_PX = 128
_MARGIN = 0.06
"""Of each side: what is surely not the thing."""
_ROUNDS = 4
_AREA = (0.1, 0.62)
"""Of the picture."""
_LEAST_IN_ONE_PIECE = 0.85
_LEAST_SOLID = 0.6
"""Of the convex hull: less is lace."""
_MOST_AT_EDGES = 0.35
"""Of the frame's own edge: a thing that ends there is cut off, and the rest of it missing."""
_FEATHER = 0.008
"""Standard deviation of the soft edge, of the picture's longer side."""


def find_outline(image: Picture) -> Cover | None:
    """Return how much each pixel belongs to the thing in the middle; None if there is no such."""
    height, width = image.shape[:2]
    scale = _SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    mask = _cut(small)
    if mask is None or not _is_plausible(mask):
        return None
    cover = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(cv2.GaussianBlur(cover, (0, 0), _FEATHER * max(height, width)), 0.0, 1.0)


@functools.lru_cache(maxsize=_KEPT_OUTLINES)
def outline_of(path: Path, sha256: str) -> Cover | None:
    """Return the outline of a still; one that was found before is not looked for again."""
    return find_outline(read_still(path))


def _cut(image: Picture) -> Mask | None:
    height, width = image.shape[:2]
    left, top = max(1, round(_MARGIN * width)), max(1, round(_MARGIN * height))
    inside = (left, top, width - 2 * left, height - 2 * top)
    if min(inside[2:]) < 8 or image.std() < 2.0:
        return None
    states = np.zeros((height, width), np.uint8)
    # The clusters that it begins with are drawn at random: the same ones each time.
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, states, inside, *models, _ROUNDS, cv2.GC_INIT_WITH_RECT)
    found = ((states == cv2.GC_FGD) | (states == cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces, facts, _ = cv2.connectedComponentsWithStats(found)
    if count < 2:
        return None
    largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
    if facts[largest, cv2.CC_STAT_AREA] < _LEAST_IN_ONE_PIECE * found.sum():
        return None
    outer, _ = cv2.findContours(
        (pieces == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    # Holes are seldom there: they are parts that look like what is behind.
    filled = cv2.drawContours(np.zeros((height, width), np.uint8), outer, -1, 1, cv2.FILLED)
    return filled.astype(bool)


def _is_plausible(mask: Mask) -> bool:
    height, width = mask.shape
    if not _AREA[0] <= mask.mean() <= _AREA[1]:
        return False
    left, top = round(_MARGIN * width), round(_MARGIN * height)
    ring = mask[top : height - top, left : width - left]
    # Things stand on the ground, and often on the lower edge.
    edges = np.concatenate([ring[1], ring[:, 1], ring[:, -2]])
    if edges.mean() > _MOST_AT_EDGES:
        return False
    middle = mask[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    points = np.argwhere(mask).astype(np.int32)
    hull = cv2.contourArea(cv2.convexHull(points))
    return bool(middle.mean() > 0.5 and mask.sum() > _LEAST_SOLID * hull)
