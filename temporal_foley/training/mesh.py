"""Devices in, a mesh and where each array lies on it out: batches are split, large weights too.

Two axes: each part of a batch goes to its own place along `data`, and weights whose last axis can
be divided are spread along `model`. XLA puts in the communication; the step does not know of it.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from temporal_foley.training.step import Batch

SMALL = 1 << 14
"""Arrays with fewer values are kept whole on every device: to send them about costs more."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshConfig:
    """How devices are used."""

    model: int = 1
    """Over so many devices weights are spread; the others of all devices split the batch."""

    def __post_init__(self) -> None:
        if self.model < 1:
            raise ValueError(f"mesh.model must be at least 1, got {self.model}")


def make_mesh(config: MeshConfig = MeshConfig()) -> Mesh:
    """Lay all devices of all processes out."""
    devices = jax.device_count()
    if devices % config.model:
        raise ValueError(f"mesh.model must divide the {devices} devices, got {config.model}")
    # Auto: the default of newer versions asks that every operation say where its result lies.
    return jax.make_mesh(
        (devices // config.model, config.model),
        ("data", "model"),
        axis_types=(AxisType.Auto, AxisType.Auto),
    )


def place_state(state: PyTree[Array], mesh: Mesh) -> PyTree[Array]:
    """Put a state onto a mesh, with its large arrays spread along `model`."""
    return jax.tree.map(lambda leaf, at: _global(leaf, at), state, state_sharding(state, mesh))


def state_sharding(state: PyTree[Any], mesh: Mesh) -> PyTree[NamedSharding]:
    """Return where each array of a state lies."""
    parts = mesh.shape["model"]

    def choose(leaf: Any) -> NamedSharding:
        shape = leaf.shape
        if parts > 1 and len(shape) >= 2 and np.prod(shape) >= SMALL and shape[-1] % parts == 0:
            return NamedSharding(mesh, PartitionSpec(*(None,) * (len(shape) - 1), "model"))
        return NamedSharding(mesh, PartitionSpec())

    return jax.tree.map(choose, state)


def place_batch(batch: Batch, mesh: Mesh) -> Batch:
    """Put the rows that this process has read onto its devices; the batch is one over all."""
    at = NamedSharding(mesh, PartitionSpec("data"))
    return {name: jax.make_array_from_process_local_data(at, rows) for name, rows in batch.items()}


def _global(leaf: Any, at: NamedSharding) -> Array:
    if jax.process_count() == 1:
        return jax.device_put(leaf, at)
    # Every process has the whole array; each device takes its part of it.
    whole = np.asarray(leaf)
    return jax.make_array_from_callback(whole.shape, at, lambda index: whole[index])
