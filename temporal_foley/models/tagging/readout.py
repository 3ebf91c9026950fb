"""What the last layer of a tagger reads of each frame, and that layer changed: rows in and out."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32

from temporal_foley.models.bundle.bundle import Bundle, tagger_structure
from temporal_foley.models.tagging.judging import Weights
from temporal_foley.models.tagging.recurrent import look_ahead
from temporal_foley.models.tagging.tagger import Tagger, TaggerInputs

_STEP_FRAMES = 64


def has_one_readout(bundle: Bundle) -> bool:
    """Tell whether one layer gives all logits: not so where picture and sound are judged apart."""
    return bundle.tagger.fusion.kind != "late" and bundle.tagger.output == "sigmoid"


def readout_rows(
    bundle: Bundle,
    visual: Float[np.ndarray, "frames visual_features"],
    audio: Float[np.ndarray, "frames audio_features"],
    *,
    has_sound: bool,
) -> Float32[np.ndarray, "frames features"]:
    """Return what the readout is given for each frame of a clip with pictures."""
    frames = len(visual)
    padded = max(1, -(-frames // _STEP_FRAMES)) * _STEP_FRAMES

    def pad(rows: np.ndarray) -> Array:
        return jnp.asarray(
            np.pad(np.asarray(rows, np.float32), ((0, padded - frames), (0, 0)))[None]
        )

    inputs = TaggerInputs(
        visual=pad(visual),
        audio=pad(audio),
        has_picture=jnp.asarray([True]),
        has_sound=jnp.asarray([has_sound]),
        lengths=jnp.asarray([frames], jnp.int32),
    )
    return np.asarray(_rows(tagger_structure(bundle.tagger), bundle.weights, inputs))[0, :frames]


def with_readout(
    bundle: Bundle,
    kernel: Float[np.ndarray, "features effects"],
    bias: Float[np.ndarray, " effects"],
) -> Bundle:
    """Add to the kernel and bias of a bundle's readout."""
    head = bundle.weights["head"]
    layer = head["readout"]["logits"]
    layer = {**layer, "kernel": layer["kernel"] + kernel, "bias": layer["bias"] + bias}
    head = {**head, "readout": {**head["readout"], "logits": layer}}
    return dataclasses.replace(bundle, weights={**bundle.weights, "head": head})


@functools.partial(jax.jit, static_argnums=0)
def _rows(graphdef: nnx.GraphDef, weights: Weights, inputs: TaggerInputs) -> Array:
    model: Tagger = nnx.merge(graphdef, weights)
    rows = model.fusion(*model.branches(inputs))
    head, states = model.head, rows
    for layer in head.layers:
        states = layer(states, inputs.lengths).astype(rows.dtype)
    if not len(head.layers):
        return rows
    if head.look_ahead_frames is not None:
        states = look_ahead(states, inputs.lengths, head.look_ahead_frames)
    return jnp.concatenate([rows, states], axis=-1)
