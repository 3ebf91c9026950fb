"""A whole video's embeddings in, the logits of every frame out, whatever its length.

Short clips are padded to a few lengths and judged at once. Longer ones go through in chunks of one
shape, so that nothing is compiled anew and memory on the device stays small: the forward direction
of a layer reads chunk after chunk and hands its state on, the backward one reads them from the end.
No frame is judged with less than the whole video behind it, so the result is that of one piece.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32, PyTree

from temporal_foley.models.tagging.recurrent import turn_round
from temporal_foley.models.tagging.tagger import Head, Tagger, TaggerInputs

CHUNK_FRAMES = 256
SHORT_FRAMES = (8, 64, CHUNK_FRAMES)

Weights = PyTree[Array]
Embeddings = Float[np.ndarray, "frames features"]
Logits = Float32[np.ndarray, "frames outputs"]


def judge_clip(
    graphdef: nnx.GraphDef,
    weights: Weights,
    visual: Embeddings,
    audio: Embeddings,
    *,
    has_picture: bool,
    has_sound: bool,
    chunk_frames: int = CHUNK_FRAMES,
) -> Logits:
    """Judge the frames of one clip.

    Args:
        graphdef: of a `Tagger`.
        weights: all its variables.
        visual: of each frame; ignored if there is no picture.
        audio: of each frame; ignored if there is no sound.
        has_picture: whether `visual` says anything.
        has_sound: whether `audio` says anything.
        chunk_frames: above this length a clip goes through in chunks.
    """
    frames = len(visual)
    if len(audio) != frames:
        raise ValueError(f"visual and audio must be of one length, got {frames} and {len(audio)}")
    if frames == 0:
        return np.zeros((0, nnx.merge(graphdef, weights).config.outputs), np.float32)
    presence = (np.array([has_picture]), np.array([has_sound]))
    if frames <= chunk_frames:
        padded = next((n for n in SHORT_FRAMES if frames <= n <= chunk_frames), chunk_frames)
        inputs = _inputs(visual, audio, presence, padded)
        return np.asarray(_judge(graphdef, weights, inputs))[0, :frames]
    parts = [
        _inputs(visual[at], audio[at], presence, chunk_frames)
        for at in _chunks(frames, chunk_frames)
    ]
    rows = [_rows(graphdef, weights, part) for part in parts]
    heads = []
    for name in _heads(graphdef, weights):
        own = [np.asarray(part[name])[0] for part in rows]
        heads.append(_read_head(graphdef, weights, name, own, frames, chunk_frames))
    logits = heads[0]
    if len(heads) == 2:
        logits = np.asarray(_join(graphdef, weights, heads[0][None], heads[1][None], *presence))[0]
    if nnx.merge(graphdef, weights).config.has_prior:
        told = [np.asarray(_prior(graphdef, weights, part))[0] for part in parts]
        logits = logits + np.concatenate(told)[:frames]
    return logits


def _chunks(frames: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, frames)) for start in range(0, frames, size)]


def _inputs(
    visual: Embeddings, audio: Embeddings, presence: tuple[np.ndarray, np.ndarray], frames: int
) -> TaggerInputs:
    def pad(rows: Embeddings) -> Array:
        padded = np.pad(np.asarray(rows, np.float32), ((0, frames - len(rows)), (0, 0)))
        return jnp.asarray(padded[None])

    return TaggerInputs(
        visual=pad(visual),
        audio=pad(audio),
        has_picture=jnp.asarray(presence[0]),
        has_sound=jnp.asarray(presence[1]),
        lengths=jnp.asarray([len(visual)], jnp.int32),
    )


def _read_head(
    graphdef: nnx.GraphDef,
    weights: Weights,
    name: str,
    rows: list[np.ndarray],
    frames: int,
    size: int,
) -> Logits:
    """Take the rows of all chunks through one head."""
    parts = _chunks(frames, size)
    lengths = [np.array([at.stop - at.start], np.int32) for at in parts]
    head: Head = getattr(nnx.merge(graphdef, weights), name)
    states = rows
    for number, layer in enumerate(head.layers):
        read = functools.partial(_read, graphdef, weights, name, number)
        zeros = np.zeros((layer.carry_parts, 1, 1, layer.hidden), np.float32)
        directions = []
        for direction in range(layer.directions):
            order = range(len(parts)) if direction == 0 else range(len(parts) - 1, -1, -1)
            found: dict[int, np.ndarray] = {}
            carry = zeros
            for place in order:
                out, carry = read(states[place][None], lengths[place], carry, direction=direction)
                found[place] = np.asarray(out)[0]
            directions.append([found[place] for place in range(len(parts))])
        states = [np.concatenate(both, axis=-1) for both in zip(*directions, strict=True)]
    if len(head.layers) and head.look_ahead_frames is not None:
        real = np.concatenate(
            [part[: int(length[0])] for part, length in zip(states, lengths, strict=True)]
        )
        later = np.minimum(np.arange(frames) + head.look_ahead_frames, frames - 1)
        real = real[later]
        states = [np.pad(real[at], ((0, size - (at.stop - at.start)), (0, 0))) for at in parts]
    logits = []
    for own, state, length in zip(rows, states, lengths, strict=True):
        both = np.concatenate([own, state], axis=-1) if len(head.layers) else own
        out = _read_out(graphdef, weights, name, both[None])
        logits.append(np.asarray(out)[0, : int(length[0])])
    return np.concatenate(logits)


def _heads(graphdef: nnx.GraphDef, weights: Weights) -> tuple[str, ...]:
    is_late = nnx.merge(graphdef, weights).config.fusion.kind == "late"
    return ("video_head", "audio_head") if is_late else ("head",)


@functools.partial(jax.jit, static_argnums=0)
def _judge(graphdef: nnx.GraphDef, weights: Weights, inputs: TaggerInputs) -> Array:
    return nnx.merge(graphdef, weights)(inputs).frames


@functools.partial(jax.jit, static_argnums=0)
def _rows(graphdef: nnx.GraphDef, weights: Weights, inputs: TaggerInputs) -> dict[str, Array]:
    model: Tagger = nnx.merge(graphdef, weights)
    video, audio = model.branches(inputs)
    if model.config.fusion.kind == "late":
        return {"video_head": video, "audio_head": audio}
    return {"head": model.fusion(video, audio)}


@functools.partial(jax.jit, static_argnums=(0, 2, 3), static_argnames="direction")
def _read(
    graphdef: nnx.GraphDef,
    weights: Weights,
    head: str,
    number: int,
    rows: Array,
    lengths: Array,
    carry: Array,
    *,
    direction: int,
) -> tuple[Array, Array]:
    layer = getattr(nnx.merge(graphdef, weights), head).layers[number]
    turned = turn_round(rows, lengths) if direction else rows
    states, carry = layer.read(turned[None], lengths, carry, direction=direction)
    out = turn_round(states[0], lengths) if direction else states[0]
    return out.astype(rows.dtype), carry


@functools.partial(jax.jit, static_argnums=(0, 2))
def _read_out(graphdef: nnx.GraphDef, weights: Weights, head: str, rows: Array) -> Array:
    return getattr(nnx.merge(graphdef, weights), head).readout(rows)[0]


@functools.partial(jax.jit, static_argnums=0)
def _prior(graphdef: nnx.GraphDef, weights: Weights, inputs: TaggerInputs) -> Array:
    model: Tagger = nnx.merge(graphdef, weights)
    return model.prior_logits(inputs)


@functools.partial(jax.jit, static_argnums=0)
def _join(
    graphdef: nnx.GraphDef,
    weights: Weights,
    video: Array,
    audio: Array,
    has_picture: Array,
    has_sound: Array,
) -> Array:
    model: Tagger = nnx.merge(graphdef, weights)
    return model.late(jnp.asarray(video), jnp.asarray(audio), has_picture, has_sound)
