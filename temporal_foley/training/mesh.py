"""Spread batches and large weights over a mesh of devices.

The mesh has two axes: batches are split along `data`, and weights whose last axis can be divided
are split along `model`. XLA inserts the communication; the step does not depend on it.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from temporal_foley.training.step import Batch, HostBatch

SMALL = 1 << 14
"""Arrays with fewer values are copied to every device: to communicate them costs more."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshConfig:
    """How devices are used."""

    model: int = 1
    """Number of devices that large weights are split over; the batch is split over the rest."""

    def __post_init__(self) -> None:
        if self.model < 1:
            raise ValueError(f"mesh.model must be at least 1, got {self.model}")


def make_mesh(config: MeshConfig = MeshConfig()) -> Mesh:
    """Arrange all devices of all processes."""
    devices = jax.device_count()
    if devices % config.model:
        raise ValueError(f"mesh.model must divide the {devices} devices, got {config.model}")
    # Auto: by default, newer versions want the sharding of every result to be explicit.
    return jax.make_mesh(
        (devices // config.model, config.model),
        ("data", "model"),
        axis_types=(AxisType.Auto, AxisType.Auto),
    )


def place_state(state: PyTree[Array | np.ndarray], mesh: Mesh) -> PyTree[Array]:
    """Put a state onto a mesh, with its large arrays split along `model`."""
    return jax.tree.map(lambda leaf, at: _global(leaf, at), state, state_sharding(state, mesh))


def state_sharding(state: PyTree[Any], mesh: Mesh) -> PyTree[NamedSharding]:
    """Return the sharding of each array of a state."""
    parts = mesh.shape["model"]

    def choose(leaf: Any) -> NamedSharding:
        shape = leaf.shape
        if parts > 1 and len(shape) >= 2 and np.prod(shape) >= SMALL and shape[-1] % parts == 0:
            return NamedSharding(mesh, PartitionSpec(*(None,) * (len(shape) - 1), "model"))
        return NamedSharding(mesh, PartitionSpec())

    return jax.tree.map(choose, state)


def place_batch(batch: HostBatch, mesh: Mesh) -> Batch:
    """Put the rows that this process has read onto its devices, as part of the whole batch."""
    at = NamedSharding(mesh, PartitionSpec("data"))
    return {name: jax.make_array_from_process_local_data(at, rows) for name, rows in batch.items()}


def local_rows(batch: HostBatch) -> HostBatch:
    """Return the rows of a whole batch that this process is to put onto its devices."""
    index, count = jax.process_index(), jax.process_count()
    return {
        name: rows[index * len(rows) // count : (index + 1) * len(rows) // count]
        for name, rows in batch.items()
    }


def _global(leaf: Any, at: NamedSharding) -> Array:
    if jax.process_count() == 1:
        return jax.device_put(leaf, at)
    # Every process has the whole array; each device takes its part of it.
    whole = np.asarray(leaf)
    return jax.make_array_from_callback(whole.shape, at, lambda index: whole[index])
