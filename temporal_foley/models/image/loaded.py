"""Pair an image network with its weights, as data that can be run and trained."""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, PyTree


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadedNetwork:
    """An image network as data: `nnx.merge(graphdef, params)` is the network."""

    graphdef: nnx.GraphDef
    params: PyTree[Array | np.ndarray]
    sha256: str
    features: int
    size_px: int


def load_network(
    build: Callable[[], nnx.Module],
    params: PyTree[np.ndarray],
    *,
    sha256: str,
    features: int,
    size_px: int,
) -> LoadedNetwork:
    """Pair a network with weights; raise ValueError where their shapes differ."""
    # The network gets no weights of its own, which would take longer than reading these.
    graphdef, state = nnx.split(nnx.eval_shape(build))
    wanted = nnx.to_pure_dict(state)
    params = jax.tree.map(lambda leaf: np.ascontiguousarray(leaf, np.float32), params)
    jax.tree.map(_check_shape, wanted, params)
    return LoadedNetwork(
        graphdef=graphdef, params=params, sha256=sha256, features=features, size_px=size_px
    )


def _check_shape(wanted: jax.ShapeDtypeStruct, found: np.ndarray) -> None:
    if wanted.shape != found.shape:
        raise ValueError(f"weights must have the shape {wanted.shape}, got {found.shape}")
