"""Trained weights of an image backbone in, half-precision arrays by name out, and back again.

A bundle that fine-tuned its backbone carries it in this form, ImageNet's readout included, so that
it needs no other file of weights.
"""

import hashlib
from collections.abc import Callable, Mapping

import jax
import numpy as np
import safetensors.numpy
from flax import nnx
from jaxtyping import Array, Float16, PyTree

from temporal_foley.models.image.efficientnet_lite import FEATURES as LITE_FEATURES
from temporal_foley.models.image.efficientnet_lite import EfficientNetLite
from temporal_foley.models.image.loaded import LoadedNetwork, load_network
from temporal_foley.models.image.releases import RELEASES, RESNET_DEPTHS, input_size_px
from temporal_foley.models.image.resnet_v2 import FEATURES as RESNET_FEATURES
from temporal_foley.models.image.resnet_v2 import ResNetV2

NamedWeights = Mapping[str, Float16[np.ndarray, "..."]]


def name_weights(params: PyTree[Array]) -> dict[str, Float16[np.ndarray, "..."]]:
    """Write weights as arrays by name, in half precision.

    Raises:
        ValueError: A weight is too large for it, or no number.
    """
    with np.errstate(over="ignore"):
        named = {
            _dotted(path): np.ascontiguousarray(leaf, np.float16)
            for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        }
    for name, array in named.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} of the backbone holds what half precision cannot")
    return dict(sorted(named.items()))


def weights_digest(named: NamedWeights) -> str:
    """Return the SHA-256 of weights by name."""
    return hashlib.sha256(safetensors.numpy.save(dict(sorted(named.items())))).hexdigest()


def round_network(network: LoadedNetwork, params: PyTree[Array]) -> LoadedNetwork:
    """Return a network with other weights, as they come back from a file."""
    named = name_weights(params)
    rounded = jax.tree_util.tree_map_with_path(
        lambda path, _: named[_dotted(path)].astype(np.float32), params
    )
    return LoadedNetwork(
        graphdef=network.graphdef,
        params=rounded,
        sha256=weights_digest(named),
        features=network.features,
        size_px=network.size_px,
    )


def read_network(name: str, named: NamedWeights) -> LoadedNetwork:
    """Build the backbone of a name with such weights.

    Raises:
        ValueError: There is no such backbone, or the weights are not those of one.
    """
    build, features = _network(name)
    wanted = nnx.to_pure_dict(nnx.split(nnx.eval_shape(build))[1])
    names = {_dotted(path) for path, _ in jax.tree_util.tree_leaves_with_path(wanted)}
    if names != set(named):
        odd = sorted(names ^ set(named))[0]
        raise ValueError(f"the weights of the backbone and {name} differ in {odd}")
    params = jax.tree_util.tree_map_with_path(lambda path, _: named[_dotted(path)], wanted)
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
        raise ValueError("a weight of the backbone is no number")
    return load_network(
        build,
        params,
        sha256=weights_digest(named),
        features=features,
        size_px=input_size_px(name),
    )


def _network(name: str) -> tuple[Callable[[], nnx.Module], int]:
    if name in RELEASES:
        release = RELEASES[name]
        return lambda: EfficientNetLite(release.width, release.depth), LITE_FEATURES
    if name in RESNET_DEPTHS:
        return lambda: ResNetV2(RESNET_DEPTHS[name]), RESNET_FEATURES
    raise ValueError(f"unknown backbone {name!r}")


def _dotted(path: tuple) -> str:
    return ".".join(str(part.key) for part in path)
