"""Load an EfficientNet-Lite with its ImageNet weights."""

from pathlib import Path

from temporal_foley.models.image.efficientnet_lite import (
    FEATURES,
    EfficientNetLite,
    block_shapes,
    params_from_torch,
)
from temporal_foley.models.image.loaded import LoadedNetwork, load_network
from temporal_foley.models.image.releases import RELEASES
from temporal_foley.models.weights import read_torch_checkpoint


def load_lite(name: str, weights: Path) -> LoadedNetwork:
    """Load a released network; `weights` is its file or a copy, but no other file."""
    release = RELEASES[name]
    state = read_torch_checkpoint(weights, sha256=release.sha256)
    return load_network(
        lambda: EfficientNetLite(release.width, release.depth),
        params_from_torch(state, len(block_shapes(release.width, release.depth))),
        sha256=release.sha256,
        features=FEATURES,
        size_px=release.size_px,
    )
