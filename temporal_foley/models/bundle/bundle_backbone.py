"""A bundle in, the backbone that it looks with out: its own, if it was fine-tuned, or the released.

As cheap to make as any backbone: whether a bundle carries one is read off the head of its weights,
and the rest, and jax with it, is loaded when a picture is first looked at.
"""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from temporal_foley.errors import UsageError, WeightsError
from temporal_foley.files.reading import open_regular
from temporal_foley.models.bundle.bundle_files import BundleFolder, Senses
from temporal_foley.models.image.backbone import Backbone, load_backbone
from temporal_foley.models.image.preparation import Aspect
from temporal_foley.models.image.releases import input_size_px

if TYPE_CHECKING:
    from temporal_foley.models.bundle.bundle import Bundle
    from temporal_foley.models.image.loaded import LoadedNetwork

PART = "backbone."
"""What stands before the names of a backbone's weights among those of a bundle."""


class BundleBackbone(Backbone):
    """A backbone whose weights a bundle carries; no file of weights belongs to it."""

    def __init__(self, senses: Senses, whole: Callable[[], "Bundle"]):
        self.name = senses.backbone
        self.sha256 = senses.backbone_sha256
        self.input_size_px = input_size_px(senses.backbone)
        self.aspect = cast(Aspect, senses.aspect)
        self._whole = whole
        self._ahead = None

    @functools.cached_property
    def network(self) -> "LoadedNetwork":
        """The network as data: graphdef, params, and what they are."""
        network = self._whole().backbone
        assert network is not None
        return network


def load_bundle_backbone(
    bundle: "Bundle | BundleFolder",
    whole: Callable[[], "Bundle"],
    *,
    weights: Path | None = None,
) -> Backbone:
    """Make the backbone that a bundle looks with.

    Args:
        bundle: loaded, or its folder.
        whole: gives the loaded bundle; called when its own backbone is first needed.
        weights: the user's file of a released backbone.

    Raises:
        WeightsError: The weights that are installed, or given, are others than the bundle's.
        UsageError: Weights are given to a bundle that has its own.
    """
    senses = bundle.senses
    if isinstance(bundle, BundleFolder):
        has_own = has_own_backbone(bundle.folder)
    else:
        has_own = bundle.backbone is not None
    if has_own:
        if weights is not None:
            raise UsageError(
                f"--weights: {bundle.name} looks with a backbone of its own; leave out"
            )
        return BundleBackbone(senses, whole)
    backbone = load_backbone(senses.backbone, aspect=cast(Aspect, senses.aspect), weights=weights)
    if backbone.sha256 != senses.backbone_sha256:
        raise WeightsError(
            f"{senses.backbone}: the installed weights are not those that the bundle "
            f"{bundle.name} was trained with; install the version that its card names"
        )
    return backbone


def has_own_backbone(folder: Path) -> bool:
    """Tell whether a bundle, whose files were checked, carries a backbone."""
    with open_regular(folder / "weights.safetensors") as file:
        length = int.from_bytes(file.read(8), "little")
        return any(name.startswith(PART) for name in json.loads(file.read(length)))
