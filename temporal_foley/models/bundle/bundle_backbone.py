"""Choose the backbone of a bundle: the fine-tuned one that it carries, or the released one.

As cheap to make as any backbone: its weights, and jax with them, are loaded when the first picture
needs them.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from temporal_foley.errors import UsageError, WeightsError
from temporal_foley.models.bundle.bundle_files import ModelInputs
from temporal_foley.models.image.backbone import Backbone, load_backbone
from temporal_foley.models.image.preparation import Aspect
from temporal_foley.models.image.releases import input_size_px
from temporal_foley.models.programs.program import Weights

if TYPE_CHECKING:
    from temporal_foley.models.image.loaded import LoadedNetwork


@dataclasses.dataclass(frozen=True, kw_only=False)
class OwnBackbone:
    """Ways to load the backbone that a bundle carries."""

    network: "Callable[[], LoadedNetwork]"
    """Loads it as a network of jax."""
    weights: Callable[[], Weights]
    """Loads its weights by name, in single precision."""


class BundleBackbone(Backbone):
    """A backbone whose weights come from a bundle instead of a weights file."""

    def __init__(self, inputs: ModelInputs, own: OwnBackbone):
        self.name = inputs.backbone
        self.sha256 = inputs.backbone_sha256
        self.input_size_px = input_size_px(inputs.backbone)
        self.aspect = cast(Aspect, inputs.aspect)
        self._own = own
        self._ahead = None

    @functools.cached_property
    def network(self) -> "LoadedNetwork":
        """The network as data: graphdef, params, and what they are."""
        return self._own.network()

    @functools.cached_property
    def weights(self) -> Weights:
        """The weights of the network by name."""
        return self._own.weights()


def load_bundle_backbone(
    name: str,
    inputs: ModelInputs,
    own: OwnBackbone | None,
    *,
    weights: Path | None = None,
) -> Backbone:
    """Make the backbone of a bundle.

    Args:
        name: Of the bundle, for messages.
        inputs: Of the bundle.
        own: Loads the backbone that the bundle carries; None if it carries none.
        weights: The user's weights file of a released backbone.

    Raises:
        WeightsError: The weights that are installed, or given, differ from the bundle's.
        UsageError: Weights are given for a bundle that carries its own.
    """
    if own is not None:
        if weights is not None:
            raise UsageError(
                f"{name} has its own backbone", option="--weights", remedy="leave the option out"
            )
        return BundleBackbone(inputs, own)
    backbone = load_backbone(inputs.backbone, aspect=cast(Aspect, inputs.aspect), weights=weights)
    if backbone.sha256 != inputs.backbone_sha256:
        raise WeightsError(
            f"the installed weights are not those that the bundle {name} was trained with",
            path=inputs.backbone,
            remedy="install the version that its card names",
        )
    return backbone
