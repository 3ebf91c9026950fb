"""Define the steps of a tagger that are compiled: whole clips, blocks of frames, gradients."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, PyTree

from temporal_foley.models.tagging.tagger import FrameParts, Tagger, TaggerInputs, frame_mask

Weights = PyTree[Array]


def clip_step(graphdef: nnx.GraphDef) -> Callable[..., Array]:
    """Return the step from the inputs of a clip to the logits of its frames."""

    def judge(weights: Weights, *inputs: Array) -> Array:
        return nnx.merge(graphdef, weights)(TaggerInputs(*inputs)).frames

    return judge


def frames_step(graphdef: nnx.GraphDef) -> Callable[..., FrameParts]:
    """Return the step from the inputs of a clip to what is computed of each frame by itself."""

    def frame_parts(weights: Weights, *inputs: Array) -> FrameParts:
        model: Tagger = nnx.merge(graphdef, weights)
        return model.frame_parts(TaggerInputs(*inputs))

    return frame_parts


def head_step(graphdef: nnx.GraphDef) -> Callable[..., Array]:
    """Return the step from fused features of a clip to its logits, without the priors."""

    def read(weights: Weights, rows: Array, lengths: Array) -> Array:
        model: Tagger = nnx.merge(graphdef, weights)
        return model.head(rows, lengths)[0]

    return read


def gradients_step(graphdef: nnx.GraphDef) -> Callable[..., tuple[Array, Array]]:
    """Return the step from image features of a few frames to gradients and logits of effects."""

    def judge(weights: Weights, visual: Array, frames: Array) -> Array:
        tagger = nnx.merge(graphdef, weights)
        inputs = TaggerInputs(
            visual=visual[None],
            audio=jnp.zeros((1, visual.shape[0], tagger.config.audio_features)),
            has_picture=jnp.array([True]),
            has_sound=jnp.array([False]),
            lengths=frames[None],
        )
        return tagger(inputs).frames[0]

    def gradients(weights: Weights, visual: Array, frames: Array) -> tuple[Array, Array]:
        logits, pull = jax.vjp(lambda rows: judge(weights, rows, frames), visual)
        real = frame_mask(frames[None], visual.shape[0])[0].astype(logits.dtype)
        one_each = jnp.eye(logits.shape[1], dtype=logits.dtype)[:, None, :] * real[None, :, None]
        return jax.vmap(lambda each: pull(each)[0])(one_each), logits

    return gradients


def taught_logits(
    kernel: Float[Array | np.ndarray, "visual_features taught"],
    bias: Float[Array | np.ndarray, " taught"],
    visual: Float[Array | np.ndarray, "batch frames visual_features"],
    has_picture: Bool[Array | np.ndarray, " batch"],
    absent: float,
) -> Float[Array, "batch frames taught"]:
    """Return the logits of single frames of clips; `absent` where there is no image."""
    wide = jnp.asarray(visual, jnp.float32)
    rows = jnp.sign(wide) * jnp.sqrt(jnp.abs(wide))
    # Full single precision: some devices would round the factors of a product.
    seen = jnp.matmul(rows, kernel.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST)
    seen = seen + bias.astype(jnp.float32)
    return jnp.where(has_picture[:, None, None], seen, absent)
