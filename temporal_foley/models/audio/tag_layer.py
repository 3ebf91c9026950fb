"""Turn audio embeddings into AudioSet probabilities, without jax.

These are the last two layers of EfficientAT `mn04` (Schmid, Koutini and Widmer, ICASSP 2023; MIT,
(c) 2022 Florian Schmid), in half precision; they ship with the package. The student's embeddings
are in the teacher's space, so they apply to both.
"""

import functools
import hashlib
from importlib import resources

import numpy as np
import safetensors.numpy
from jaxtyping import Float

from temporal_foley.errors import WeightsError
from temporal_foley.models.weights import check_sha256

FILE = "tag_layer.safetensors"
SHA256 = "9b288cba693dab86ea1ec51f742018a37f2f772af60e8b8acc97b2f46eca5028"


def tag_probabilities(
    embedding: Float[np.ndarray, "sounds features"],
) -> Float[np.ndarray, "sounds classes"]:
    """Return the probability of each of AudioSet's 527 classes for each sound."""
    layers = tag_layers()
    hidden = embedding @ layers["hidden.kernel"] + layers["hidden.bias"]
    hidden *= np.clip(hidden + 3.0, 0.0, 6.0) / 6.0
    logits = hidden @ layers["readout.kernel"] + layers["readout.bias"]
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0)))


@functools.cache
def tag_layers() -> dict[str, np.ndarray]:
    """Read the weights of both layers, in single precision."""
    path = resources.files("temporal_foley.models.audio") / FILE
    with resources.as_file(path) as shipped:
        try:
            blob = shipped.read_bytes()
        except OSError as error:
            raise WeightsError(f"cannot be read ({error.strerror})", path=shipped) from None
        check_sha256(shipped, hashlib.sha256(blob).hexdigest(), SHA256)
    return {name: part.astype(np.float32) for name, part in safetensors.numpy.load(blob).items()}
