"""Describe where in the pictures effects are visible, per frame.

A heat map is a class activation map without its negative part: how much each place of a picture
contributes to an effect. (B. Zhou et al., "Learning Deep Features for Discriminative
Localization", CVPR 2016; with gradients in place of weights: R. Selvaraju et al., "Grad-CAM", ICCV
2017.)
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float16

Heat = Float[np.ndarray, "frames effects rows columns"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """Heat maps of frames in half precision: 2 kB per frame with 20 effects."""

    heats: Float16[np.ndarray, "frames effects rows columns"]
    visible: Float16[np.ndarray, "frames effects"]
    """How probable each effect is from the pictures alone."""

    @classmethod
    def of(cls, heat: Heat, visible: Float[np.ndarray, "frames effects"]) -> "Places":
        """Store heat maps, with values limited to what half precision can hold."""
        limited = np.clip(heat, 0.0, 6e4).astype(np.float16)
        return cls(heats=limited, visible=visible.astype(np.float16))


def join_places(parts: Sequence[Places | None]) -> Places | None:
    """Join blocks of frames that follow each other; None if a block has no places."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return Places(
        heats=np.concatenate([part.heats for part in known]),
        visible=np.concatenate([part.visible for part in known]),
    )


def class_activation(
    maps: Float[np.ndarray, "frames rows columns features"],
    weights: Float[np.ndarray, "frames effects features"],
) -> Heat:
    """Return how much each place counts for each effect; negative contributions become 0."""
    frames, rows, columns, features = maps.shape
    flat = maps.reshape(frames, rows * columns, features)
    heat = np.maximum(weights @ flat.transpose(0, 2, 1), 0.0)
    return heat.reshape(frames, -1, rows, columns)
