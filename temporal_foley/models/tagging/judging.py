"""Tag the frames of a whole video, whatever its length.

Clips are padded to a few lengths, so that few programs are compiled. Of a long clip, what is
computed frame by frame (wide image features, priors) goes through in blocks, so that memory does
not grow with it; the recurrent layers then read the narrow rows of the whole clip at once.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32, PyTree

from temporal_foley.models.tagging.tagger import FrameParts, Tagger, TaggerInputs

BLOCK_FRAMES = 256
SHORT_FRAMES = (8, 64, BLOCK_FRAMES)

Weights = PyTree[Array | np.ndarray]


def judge_clip(
    graphdef: nnx.GraphDef,
    weights: Weights,
    visual: Float[np.ndarray, "frames visual_features"],
    audio: Float[np.ndarray, "frames audio_features"],
    *,
    has_picture: bool,
    has_sound: bool,
    block_frames: int = BLOCK_FRAMES,
) -> Float32[np.ndarray, "frames outputs"]:
    """Return the logits of all frames of a clip.

    Args:
        graphdef: Structure of a `Tagger`.
        weights: All its variables.
        visual: Image features; ignored without a picture.
        audio: Audio features; ignored without sound.
        has_picture: Whether the clip has pictures.
        has_sound: Whether the clip has sound.
        block_frames: Longest clip that is tagged in one piece.
    """
    frames = len(visual)
    if len(audio) != frames:
        raise ValueError(f"visual and audio must be of one length, got {frames} and {len(audio)}")
    presence = (has_picture, has_sound)
    if frames == 0:
        return np.zeros((0, nnx.merge(graphdef, weights).config.outputs), np.float32)
    if frames <= block_frames:
        padded = next((n for n in SHORT_FRAMES if frames <= n <= block_frames), block_frames)
        inputs = pad_clip(visual, audio, *presence, frames=padded)
        return np.asarray(_judge(graphdef, weights, inputs))[0, :frames]
    blocks = [
        slice(start, min(start + block_frames, frames)) for start in range(0, frames, block_frames)
    ]
    parts = [
        jax.device_get(
            _frame_parts(
                graphdef,
                weights,
                pad_clip(visual[block], audio[block], *presence, frames=block_frames),
            )
        )
        for block in blocks
    ]
    padded = block_frames << (len(blocks) - 1).bit_length()
    rows = np.concatenate([part.rows[0] for part in parts])
    rows = np.pad(rows, ((0, padded - len(rows)), (0, 0)))
    logits = np.asarray(_read(graphdef, weights, rows[None], np.array([frames], np.int32)))[0]
    if parts[0].prior.ndim:
        logits = logits[:frames] + np.concatenate([part.prior[0] for part in parts])[:frames]
    return logits[:frames]


def pad_clip(
    visual: Float[np.ndarray, "frames visual_features"],
    audio: Float[np.ndarray, "frames audio_features"],
    has_picture: bool,
    has_sound: bool,
    *,
    frames: int,
) -> TaggerInputs:
    """Pad one clip to a number of frames, as a batch of one."""

    def pad(rows: Float[np.ndarray, "real features"]) -> Array:
        padded = np.pad(np.asarray(rows, np.float32), ((0, frames - len(rows)), (0, 0)))
        return jax.device_put(padded[None])

    return TaggerInputs(
        visual=pad(visual),
        audio=pad(audio),
        has_picture=jnp.asarray([has_picture]),
        has_sound=jnp.asarray([has_sound]),
        lengths=jnp.asarray([len(visual)], jnp.int32),
    )


@functools.partial(jax.jit, static_argnums=0)
def _judge(graphdef: nnx.GraphDef, weights: Weights, inputs: TaggerInputs) -> Array:
    return nnx.merge(graphdef, weights)(inputs).frames


@functools.partial(jax.jit, static_argnums=0)
def _frame_parts(graphdef: nnx.GraphDef, weights: Weights, inputs: TaggerInputs) -> FrameParts:
    model: Tagger = nnx.merge(graphdef, weights)
    return model.frame_parts(inputs)


@functools.partial(jax.jit, static_argnums=0)
def _read(graphdef: nnx.GraphDef, weights: Weights, rows: Array, lengths: Array) -> Array:
    model: Tagger = nnx.merge(graphdef, weights)
    return model.head(rows, lengths)[0]
