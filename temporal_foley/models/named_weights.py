"""Name the weights of a network by their place, as weights files do, and arrange them again."""

from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Array, Float32, PyTree, Shaped

NamedWeights = Mapping[str, Shaped[np.ndarray, "..."]]


def name_weights(params: PyTree[Array | np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights by dotted name, sorted, in half precision.

    Raises:
        ValueError: A weight is not finite in half precision.
    """
    with np.errstate(over="ignore"):
        named = {
            dotted(path): np.ascontiguousarray(leaf, np.float16)
            for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        }
    for name, array in named.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite in half precision")
    return dict(sorted(named.items()))


def arrange_weights(
    named: NamedWeights, wanted: PyTree[jax.ShapeDtypeStruct]
) -> PyTree[Float32[np.ndarray, "..."]]:
    """Arrange weights by name in single precision: the inverse of `name_weights`.

    Raises:
        ValueError: A weight is missing, unknown, of another shape or not finite.
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(wanted)
    shapes = {dotted(path): leaf.shape for path, leaf in leaves}
    if odd := sorted(set(shapes) ^ set(named)):
        raise ValueError(f"{odd[0]} is {'missing' if odd[0] in shapes else 'unknown'}")
    for name, shape in shapes.items():
        if named[name].shape != shape:
            raise ValueError(f"{name} must have the shape {shape}, got {named[name].shape}")
        if not np.isfinite(named[name]).all():
            raise ValueError(f"{name} must be finite")
    return structure.unflatten(np.ascontiguousarray(named[name], np.float32) for name in shapes)


def dotted(path: tuple) -> str:
    """Return the name of a place in a tree of dicts."""
    return ".".join(str(part.key) for part in path)
