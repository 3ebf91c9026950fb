"""Run an image network on the CPU as fast as possible.

Images run in groups of four, one group per thread: threads with their own images wait less than
threads that share every operation. In a group the early layers, whose maps are large, run image by
image, so that the maps stay in the cache; the late layers, whose weights are large, run on the
whole group, so that the weights are read once.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree, UInt8

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

    def __init__(self, graphdef: nnx.GraphDef, params: PyTree[Array | np.ndarray]):
        self._graphdef = graphdef
        self._params = jax.device_put(params)
        self._pool = ThreadPoolExecutor(max_workers=_cores(), thread_name_prefix="backbone")
        self._compiled: dict[tuple[int, ...], Callable] = {}
        self._lock = threading.Lock()

    def run(self, images: Images) -> Outputs:
        """Return features, logits and feature maps of any number of images."""
        step = self.compile_for(images.shape[1:])

        def run_group(first: int) -> Outputs:
            group = images[first : first + GROUP]
            missing = GROUP - len(group)
            if missing:
                group = np.concatenate([group, np.zeros((missing, *group.shape[1:]), np.uint8)])
            features, logits, maps = (np.asarray(part) for part in step(self._params, group))
            return features, logits, maps

        groups = list(self._pool.map(run_group, range(0, len(images), GROUP)))
        features, logits, maps = (
            np.concatenate(part)[: len(images)] for part in zip(*groups, strict=True)
        )
        return features, logits, maps

    def compile_for(self, shape: tuple[int, ...]) -> Callable:
        """Return the compiled network for images of a shape."""
        with self._lock:
            if shape not in self._compiled:
                images = jax.ShapeDtypeStruct((GROUP, *shape), np.uint8)
                is_cpu = jax.default_backend() == "cpu"
                # Each group has its own thread, so its operations must not use more threads.
                options: dict[str, str | bool] | None = (
                    {"xla_cpu_multi_thread_eigen": False} if is_cpu else None
                )
                lowered = jax.jit(self._run_group).lower(self._params, images)
                self._compiled[shape] = lowered.compile(compiler_options=options)
            return self._compiled[shape]

    def _run_group(self, params: PyTree[Array], images: Array) -> tuple[Array, Array, Array]:
        network = nnx.merge(self._graphdef, params)
        maps = jax.lax.map(lambda image: network.early(image[None])[0], images)
        return network.late(maps)


def _cores() -> int:
    # A container may be allowed fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
