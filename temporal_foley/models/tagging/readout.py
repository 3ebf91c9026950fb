"""Read and change the last layer of a bundle's tagger, for corrections learnt from edits."""

import dataclasses
import functools

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32

from temporal_foley.models.bundle.bundle import Bundle, tagger_structure
from temporal_foley.models.tagging.judging import pad_clip
from temporal_foley.models.tagging.steps import Weights
from temporal_foley.models.tagging.tagger import Tagger, TaggerInputs

_STEP_FRAMES = 64


def has_one_readout(bundle: Bundle) -> bool:
    """Return whether the logits of each effect can be corrected by themselves."""
    return bundle.tagger.output == "sigmoid"


def readout_rows(
    bundle: Bundle,
    visual: Float[np.ndarray, "frames visual_features"],
    audio: Float[np.ndarray, "frames audio_features"],
    *,
    has_sound: bool,
) -> Float32[np.ndarray, "frames features"]:
    """Return the features that the readout reads in each frame of a clip with pictures."""
    frames = len(visual)
    padded = max(1, -(-frames // _STEP_FRAMES)) * _STEP_FRAMES
    inputs = TaggerInputs(*pad_clip(visual, audio, True, has_sound, frames=padded))
    return np.asarray(_rows(tagger_structure(bundle.tagger), bundle.weights, inputs))[0, :frames]


def with_readout(
    bundle: Bundle,
    kernel: Float[np.ndarray, "features effects"],
    bias: Float[np.ndarray, " effects"],
) -> Bundle:
    """Return a bundle with a kernel and a bias added to those of its readout."""
    head = bundle.weights["head"]
    layer = head["readout"]["logits"]
    layer = {**layer, "kernel": layer["kernel"] + kernel, "bias": layer["bias"] + bias}
    head = {**head, "readout": {**head["readout"], "logits": layer}}
    return dataclasses.replace(bundle, weights={**bundle.weights, "head": head})


@functools.partial(jax.jit, static_argnums=0)
def _rows(graphdef: nnx.GraphDef, weights: Weights, inputs: TaggerInputs) -> Array:
    model: Tagger = nnx.merge(graphdef, weights)
    return model.head.features(model.frame_parts(inputs).rows, inputs.lengths)
