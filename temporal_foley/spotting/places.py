"""Where in the pictures effects are seen: what a detector tells while it looks, gathered here.

A heat is a class activation map, not below 0: how much each place of a picture speaks for an
effect. (B. Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016; with
gradients in place of weights: R. Selvaraju et al., "Grad-CAM", ICCV 2017.)
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Float16

Heat = Float[np.ndarray, "frames effects rows columns"]


@dataclasses.dataclass
class Places:
    """Gathers heats of frames in order, in half precision: 2 kB a frame with 20 effects."""

    heats: list[Float16[np.ndarray, "frames effects rows columns"]] = dataclasses.field(
        default_factory=list
    )
    visible: list[Float16[np.ndarray, "frames effects"]] = dataclasses.field(default_factory=list)
    """How probable each effect is by the pictures alone."""

    def add(self, heat: Heat, visible: Float[np.ndarray, "frames effects"]) -> None:
        """Append the frames of a batch."""
        self.heats.append(np.clip(heat, 0.0, 6e4).astype(np.float16))
        self.visible.append(visible.astype(np.float16))


def class_activation(
    maps: Float[np.ndarray, "frames rows columns features"],
    weights: Float[np.ndarray, "frames effects features"],
) -> Heat:
    """Return how much each place speaks for each effect; what speaks against it is left out."""
    frames, rows, columns, features = maps.shape
    flat = maps.reshape(frames, rows * columns, features)
    heat = np.maximum(weights @ flat.transpose(0, 2, 1), 0.0)
    return heat.reshape(frames, -1, rows, columns)
