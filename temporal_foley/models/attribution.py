"""Compute the gradients of each effect's logit with respect to image features.

They are the Jacobian of a bundle's tagger over a few frames as a clip of their own, without sound:
how much each image feature speaks for an effect. They locate effects in the image.
"""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from temporal_foley.models.detector import BATCH_FRAMES

if TYPE_CHECKING:
    from temporal_foley.models.bundle.bundle import Bundle


def picture_gradients(
    bundle: "Bundle", visual: Float[np.ndarray, "frames features"]
) -> tuple[Float[np.ndarray, "frames effects features"], Float[np.ndarray, "frames outputs"]]:
    """Return gradients and logits of at most `BATCH_FRAMES` frames.

    A frame's gradient is that of the effect's logits in all of the frames, since recurrent layers
    carry information from one frame to the others.
    """
    import jax.numpy as jnp

    from temporal_foley.models.bundle.bundle import tagger_structure

    frames = len(visual)
    if not 1 <= frames <= BATCH_FRAMES:
        raise ValueError(f"visual must have 1 to {BATCH_FRAMES} frames, got {frames}")
    # One shape: another would be another compilation.
    padded = np.pad(np.asarray(visual, np.float32), ((0, BATCH_FRAMES - frames), (0, 0)))
    step = _compiled(tagger_structure(bundle.tagger))
    gradients, logits = step(bundle.weights, jnp.asarray(padded), jnp.asarray(frames))
    own = np.asarray(gradients)[: bundle.tagger.effects, :frames].swapaxes(0, 1)
    return own, np.asarray(logits)[:frames]


@functools.cache
def _compiled(graphdef: Any) -> Any:
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from temporal_foley.models.tagging.tagger import TaggerInputs, frame_mask

    def judge(weights: Any, visual: Any, frames: Any) -> Any:
        tagger = nnx.merge(graphdef, weights)
        inputs = TaggerInputs(
            visual=visual[None],
            audio=jnp.zeros((1, visual.shape[0], tagger.config.audio_features)),
            has_picture=jnp.array([True]),
            has_sound=jnp.array([False]),
            lengths=frames[None],
        )
        return tagger(inputs).frames[0]

    def gradients(weights: Any, visual: Any, frames: Any) -> Any:
        logits, pull = jax.vjp(lambda rows: judge(weights, rows, frames), visual)
        real = frame_mask(frames[None], visual.shape[0])[0].astype(logits.dtype)
        one_each = jnp.eye(logits.shape[1], dtype=logits.dtype)[:, None, :] * real[None, :, None]
        return jax.vmap(lambda each: pull(each)[0])(one_each), logits

    return jax.jit(gradients)
