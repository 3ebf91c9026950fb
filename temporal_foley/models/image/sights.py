"""Say how much a picture speaks for effects that no ImageNet class shows, such as rain.

A logistic regression for each effect on the image features of `efficientnet_lite0`, fitted to
pictures (`data_pipeline/after_training/fit_sights.py`). It serves effects outside a trained bundle;
what it returns are log likelihood ratios, like those of the ImageNet map.
"""

import dataclasses
import functools
import hashlib
from importlib import resources

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float

from temporal_foley.errors import WeightsError
from temporal_foley.models.weights import check_sha256

FILE = "sights.safetensors"
SHA256 = "00db1762d10160dd371ea9801cf849e995b017521dc295c438e4ecd23fb07281"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Sights:
    """The regressions, and the weights of the backbone whose features they read."""

    effects: tuple[str, ...]
    kernel: Float[np.ndarray, "features effects"]
    bias: Float[np.ndarray, " effects"]
    backbone_sha256: str

    def ratios(
        self, visual: Float[np.ndarray, "frames features"]
    ) -> Float[np.ndarray, "frames effects"]:
        """Return the log likelihood ratio of each effect in single frames."""
        return visual.astype(np.float32) @ self.kernel + self.bias


@functools.cache
def load_sights() -> Sights:
    """Read the regressions that ship.

    Raises:
        WeightsError: The file is missing or damaged.
    """
    path = resources.files("temporal_foley.models.image") / FILE
    with resources.as_file(path) as shipped:
        try:
            blob = shipped.read_bytes()
        except OSError as error:
            raise WeightsError(f"cannot be read ({error.strerror})", path=shipped) from None
        check_sha256(shipped, hashlib.sha256(blob).hexdigest(), SHA256)
    table = safetensors.numpy.load(blob)
    names, backbone = (bytes(table[name]).decode() for name in ("names", "backbone"))
    return Sights(
        effects=tuple(names.split("\n")),
        kernel=table["kernel"].astype(np.float32),
        bias=table["bias"].astype(np.float32),
        backbone_sha256=backbone,
    )
