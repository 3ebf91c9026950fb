"""Store a fine-tuned image backbone as named arrays in half precision, and build it again.

A bundle that fine-tuned its backbone carries it in this form, ImageNet's readout included, so that
it needs no other weights file.
"""

import dataclasses
from collections.abc import Callable

from flax import nnx
from jaxtyping import Array, PyTree

from temporal_foley.models.image.efficientnet_lite import FEATURES as LITE_FEATURES
from temporal_foley.models.image.efficientnet_lite import EfficientNetLite
from temporal_foley.models.image.loaded import LoadedNetwork, load_network
from temporal_foley.models.image.releases import (
    RELEASES,
    RESNET_DEPTHS,
    input_size_px,
    weights_digest,
)
from temporal_foley.models.image.resnet_v2 import FEATURES as RESNET_FEATURES
from temporal_foley.models.image.resnet_v2 import ResNetV2
from temporal_foley.models.named_weights import NamedWeights, arrange_weights, name_weights


def round_network(network: LoadedNetwork, params: PyTree[Array]) -> LoadedNetwork:
    """Return a network with other weights, rounded as a file stores them."""
    named = name_weights(params)
    rounded = arrange_weights(named, params)
    return dataclasses.replace(network, params=rounded, sha256=weights_digest(named))


def read_network(name: str, named: NamedWeights) -> LoadedNetwork:
    """Build the backbone of a name with its weights.

    Raises:
        ValueError: The backbone is unknown, or the weights do not fit it.
    """
    build, features = _network(name)
    wanted = nnx.to_pure_dict(nnx.split(nnx.eval_shape(build))[1])
    return load_network(
        build,
        arrange_weights(named, wanted),
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
