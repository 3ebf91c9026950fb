"""Judge clips with the tagger of a bundle, without jax where its programs are stored."""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float, Float32

from temporal_foley.models.bundle.bundle_files import (
    BACKBONE_PREFIX,
    BundleError,
    BundleFolder,
    read_files,
)
from temporal_foley.models.image.releases import weights_digest
from temporal_foley.models.programs.program import Weights, single_precision
from temporal_foley.models.tagging.judging import TaggerPrograms, judge_clip
from temporal_foley.models.tagging.taught import TaughtEffects, judge_frames

if TYPE_CHECKING:
    from flax import nnx

_TAUGHT, _BACKGROUND = "taught.", "background."


class BundleNetwork:
    """The tagger of a bundle, with the effects that were taught to it."""

    def __init__(
        self,
        tagger: Mapping[str, Any],
        weights: Weights,
        taught: TaughtEffects | None,
        structure: "Callable[[], nnx.GraphDef]",
    ):
        """Take a tagger's configuration as plain data, its weights by name, and its structure."""
        self.fusion: str = tagger["fusion"]["kind"]
        self.effects = int(tagger["effects"])
        self.visual_features = int(tagger["visual_features"])
        self.audio_features = int(tagger["audio_features"])
        self.taught = taught
        self._programs = TaggerPrograms(
            structure,
            weights,
            outputs=self.effects + (tagger["output"] == "softmax"),
            settings=tagger,
        )

    def logits(
        self,
        visual: Float[np.ndarray, "frames visual_features"],
        audio: Float[np.ndarray, "frames audio_features"],
        *,
        has_picture: bool,
        has_sound: bool,
    ) -> Float32[np.ndarray, "frames outputs"]:
        """Return the logits of the frames of a clip of any length; not calibrated."""
        logits = judge_clip(
            self._programs, visual, audio, has_picture=has_picture, has_sound=has_sound
        )
        if self.taught is None:
            return logits
        return np.concatenate(
            [logits, judge_frames(self.taught, visual, has_picture=has_picture)], axis=1
        )

    def make_ready(self, frames: int, *, with_gradients: bool) -> None:
        """Load or compile the steps for a clip of that many frames."""
        nothing = np.zeros((1, 1), np.float32)
        visual = np.broadcast_to(nothing, (frames, self.visual_features))
        audio = np.broadcast_to(nothing, (frames, self.audio_features))
        self._programs.make_ready(visual, audio, with_gradients=with_gradients)

    def gradients(
        self, visual: Float[np.ndarray, "frames visual_features"]
    ) -> tuple[Float[np.ndarray, "frames effects features"], Float[np.ndarray, "frames outputs"]]:
        """Return how much each image feature speaks for each effect, and the tagger's logits."""
        gradients, logits = self._programs.gradients(visual)
        return gradients[: self.effects].swapaxes(0, 1), logits


class StoredWeights:
    """The weights file of a bundle, read once: those of its tagger and those of its backbone."""

    def __init__(self, bundle: BundleFolder, structure: "Callable[[], nnx.GraphDef]"):
        """Take an opened bundle, and what returns the structure of its tagger.

        Nothing is read before it is needed.
        """
        self._bundle = bundle
        self._structure = structure

    @functools.cached_property
    def network(self) -> BundleNetwork:
        """The tagger.

        Raises:
            BundleError: Its weights are not those of such a tagger.
        """
        named = {
            name: array
            for name, array in self._arrays.items()
            if not name.startswith((BACKBONE_PREFIX, _TAUGHT, _BACKGROUND))
        }
        try:
            taught = None
            if f"{_TAUGHT}kernel" in self._arrays:
                kernel, bias = (self._arrays[f"{_TAUGHT}{part}"] for part in ("kernel", "bias"))
                taught = TaughtEffects(kernel=kernel, bias=bias)
            for name, array in named.items():
                if not np.isfinite(array).all():
                    raise ValueError(f"{name} must be finite")
            network = BundleNetwork(
                self._bundle.tagger, single_precision(named), taught, self._structure
            )
            outputs = network.effects + (0 if taught is None else len(taught))
            if len(self._bundle.vocabulary) != outputs:
                raise ValueError(f"{len(self._bundle.vocabulary)} effects and {outputs} outputs")
        except (ValueError, KeyError, TypeError) as error:
            raise self._invalid(error) from error
        return network

    @functools.cached_property
    def backbone(self) -> Weights:
        """The weights of the backbone that it carries, by name."""
        start = len(BACKBONE_PREFIX)
        named = {n[start:]: a for n, a in self._arrays.items() if n.startswith(BACKBONE_PREFIX)}
        if weights_digest(named) != self._bundle.inputs.backbone_sha256:
            raise self._invalid(ValueError("its backbone is not the one that it was trained with"))
        return single_precision(named)

    @functools.cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        contents, _ = read_files(self._bundle.folder)
        try:
            return safetensors.numpy.load(contents["weights.safetensors"])
        except (ValueError, safetensors.SafetensorError) as error:
            raise self._invalid(error) from error

    def _invalid(self, error: Exception) -> BundleError:
        return BundleError(f"not a valid bundle ({error})", path=self._bundle.folder)
