"""Run an image network on the CPU as fast as possible.

Images run in groups of four, one group per thread: threads with their own images wait less than
threads that share every operation. In a group the early layers, whose maps are large, run image by
image, so that the maps stay in the cache; the late layers, whose weights are large, run on the
whole group, so that the weights are read once.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.files.cores import usable_cores
from temporal_foley.models.programs.program import NetworkStep, Weights

if TYPE_CHECKING:
    from flax import nnx

# One size, with the last group padded: another size would take seconds to compile.
GROUP = 4

Images = UInt8[np.ndarray, "batch rows columns 3"]
Outputs = tuple[
    Float[np.ndarray, "batch features"],
    Float[np.ndarray, "batch classes"],
    Float[np.ndarray, "batch rows columns features"],
]


class Inference:
    """Runs the two halves of an `ImageNetwork`; each shape of image is compiled once."""

    def __init__(
        self, structure: "Callable[[], nnx.GraphDef]", weights: Weights, *, settings: Any = None
    ):
        """Take what returns the structure of the network, and its weights by name.

        Args:
            structure: Called only if a program must be compiled.
            weights: By dotted names, in single precision.
            settings: Plain data that decides the structure; None: programs are not stored.
        """
        self._program = NetworkStep(
            name="image network",
            settings=settings,
            trace=lambda: _group_step(structure()),
            weights=weights,
        )
        self._pool = ThreadPoolExecutor(max_workers=usable_cores(), thread_name_prefix="images")

    def run(self, images: Images) -> Outputs:
        """Return features, logits and feature maps of any number of images."""
        step = self.compile_for(images.shape[1:])

        def run_group(first: int) -> Outputs:
            group = images[first : first + GROUP]
            missing = GROUP - len(group)
            if missing:
                group = np.concatenate([group, np.zeros((missing, *group.shape[1:]), np.uint8)])
            features, logits, maps = step(group)
            return features, logits, maps

        groups = list(self._pool.map(run_group, range(0, len(images), GROUP)))
        features, logits, maps = (
            np.concatenate(part)[: len(images)] for part in zip(*groups, strict=True)
        )
        return features, logits, maps

    def compile_for(self, shape: tuple[int, ...]) -> Callable:
        """Return the compiled network for groups of images of a shape."""
        return self._program.compile_for(("uint8", (GROUP, *shape)))


def _group_step(graphdef: "nnx.GraphDef") -> Callable:
    import jax
    from flax import nnx

    def run_group(params: Any, images: Any) -> tuple[Any, Any, Any]:
        network = nnx.merge(graphdef, params)
        maps = jax.lax.map(lambda image: network.early(image[None])[0], images)
        return network.late(maps)

    return run_group
