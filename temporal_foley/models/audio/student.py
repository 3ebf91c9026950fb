"""The teacher's small student: sound in, embeddings in the teacher's space out, every 0.16 s.

The student is cut out of the teacher (structured pruning followed by distillation: Hinton, Vinyals
and Dean, "Distilling the Knowledge in a Neural Network", 2015): half as many mel frames and bands,
the first thirteen of fifteen blocks, and no narrowing in time in the last two that narrow. Its
weights ship with the package.
"""

import dataclasses
import hashlib
from collections.abc import Iterable
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax import nnx
from jaxtyping import Array, Float, Int, PyTree

from temporal_foley.errors import WeightsError
from temporal_foley.files.reading import read_whole
from temporal_foley.models.audio.columns import (
    AT_ONCE,
    Columns,
    Wave,
    blend_windows,
    cut_windows,
    hear_windows,
    mean_in_frames,
    samples_until,
)
from temporal_foley.models.audio.efficientat import (
    FEATURES,
    FRAMES_PER_COLUMN,
    BlockShape,
    Bottleneck,
    block_shapes,
    column_mask,
)
from temporal_foley.models.audio.layers import Depthwise, FrameWeights, keep
from temporal_foley.models.audio.mel import MIN_SAMPLES, log_mel, mel_frames
from temporal_foley.models.image.layers import Pointwise
from temporal_foley.models.weights import check_sha256
from temporal_foley.timegrid import TimeGrid

FILE = "student.safetensors"
SHA256 = "3d8c23486d67aaf8e9adca6e288abda57f2841dc8677cd9acce49cd7ac5b4045"

FOLD = 2
"""Mel frames and bands of the teacher to one of the student."""
FRAME_STRIDE = 8
"""Of the student's mel frames, to a column."""
COLUMNS_EACH = FRAMES_PER_COLUMN // (FOLD * FRAME_STRIDE)
"""Columns of the student to one of the teacher."""

_WIDTH = 0.4
_BLOCKS = 13


def student_shapes() -> list[BlockShape]:
    """List the blocks: the teacher's, but that time is narrowed by `FRAME_STRIDE` only."""
    shapes, stride = [], 2
    for shape in block_shapes(_WIDTH)[:_BLOCKS]:
        frame_stride = shape.stride if stride * shape.stride <= FRAME_STRIDE else 1
        stride *= frame_stride
        shapes.append(dataclasses.replace(shape, frame_stride=frame_stride))
    return shapes


class StudentNetwork(nnx.Module):
    """Log-mel pictures in, one embedding a column out."""

    def __init__(self):
        shapes = student_shapes()
        self.stem = Depthwise(3, 2, shapes[0].inputs)
        self.blocks = nnx.List([Bottleneck(shape) for shape in shapes])
        self.head = Pointwise(shapes[-1].outputs, FEATURES)

    def __call__(
        self,
        mel: Float[Array, "batch mel_bands mel_frames"],
        mel_frames: Int[Array, " batch"] | None = None,
    ) -> Float[Array, "batch columns features"]:
        """Look at log-mel pictures of fold `FOLD`; what lies behind `mel_frames` is not seen."""

        def mask(stride: int) -> FrameWeights | None:
            return None if mel_frames is None else column_mask(mel_frames, mel.shape[2], stride)

        maps = jax.nn.hard_swish(self.stem(keep(mel[..., None], mask(1))))
        stride = self.stem.stride
        for block in self.blocks:
            before, stride = stride, stride * block.depthwise.frame_stride
            maps = block(maps, mask(before), mask(stride))
        return jax.nn.hard_swish(self.head(maps)).mean(axis=1)


class AudioStudent:
    """The student with its weights, ready to listen; an `encoders.AudioEncoder`."""

    name = "student"
    features = FEATURES

    def __init__(self, *, graphdef: nnx.GraphDef, params: PyTree[Array], sha256: str):
        self.graphdef = graphdef
        self.params = params
        self.sha256 = sha256

    def frame_embeddings(
        self, sound: Wave | Iterable[Wave], grid: TimeGrid
    ) -> Float[np.ndarray, "frames features"]:
        """Listen to a sound of any length and return an embedding for each frame of a grid.

        Args:
            sound: mono at 32 kHz from time 0 of the grid's clock on, whole or in blocks; where
                the grid goes on behind its end, there is silence.
            grid: the frames.
        """
        columns = self.column_embeddings(sound, samples_until(grid))
        return mean_in_frames(columns, grid, columns_each=COLUMNS_EACH)

    def column_embeddings(self, sound: Wave | Iterable[Wave], samples: int) -> Columns:
        """Return the embedding of each column of a sound, one each 0.16 s from time 0 on.

        Args:
            sound: mono at 32 kHz, whole or in blocks.
            samples: where to stop; a sound that ends before is followed by silence.
        """
        run = partial(_columns, self.graphdef, self.params)
        windows = cut_windows(sound, samples)
        return blend_windows(hear_windows(windows, run, columns_each=COLUMNS_EACH))

    def clip_embeddings(
        self, waves: Float[np.ndarray, "batch samples"]
    ) -> Float[np.ndarray, "batch features"]:
        """Return one embedding for each of some sounds of one length, up to some ten seconds."""
        batch, length = waves.shape
        if length < MIN_SAMPLES:
            raise ValueError(f"waves must have at least {MIN_SAMPLES} samples, got {length}")
        waves = np.pad(waves.astype(np.float32), ((0, -batch % AT_ONCE), (0, 0)))
        lengths = np.full(AT_ONCE, length)
        groups = [
            np.asarray(_columns(self.graphdef, self.params, waves[i : i + AT_ONCE], lengths))
            for i in range(0, len(waves), AT_ONCE)
        ]
        return np.concatenate([group.mean(axis=1) for group in groups])[:batch]


@partial(jax.jit, static_argnames="graphdef")
def _columns(
    graphdef: nnx.GraphDef,
    params: PyTree[Array],
    waves: Float[Array, "batch samples"],
    lengths: Int[Array, " batch"],
) -> Float[Array, "batch columns features"]:
    network = nnx.merge(graphdef, params)
    return network(log_mel(waves, lengths, fold=FOLD), mel_frames(lengths, FOLD))


def load_student(weights: Path | None = None) -> AudioStudent:
    """Load the student.

    Args:
        weights: the file of a student of one's own; by default the one that ships.
    """
    if weights is None:
        with resources.as_file(resources.files("temporal_foley.models.audio") / FILE) as shipped:
            blob = _read(shipped)
            check_sha256(shipped, hashlib.sha256(blob).hexdigest(), SHA256)
            return _from_bytes(shipped, blob)
    return _from_bytes(weights, _read(weights))


def _read(path: Path) -> bytes:
    try:
        return read_whole(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot read the weights file ({error.strerror})") from error


def _from_bytes(path: Path, blob: bytes) -> AudioStudent:
    graphdef, state = nnx.split(nnx.eval_shape(StudentNetwork))
    try:
        tensors = safetensors.numpy.load(blob)
        params = arranged(tensors, nnx.to_pure_dict(state))
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: not the weights of the audio student ({error})") from error
    return AudioStudent(graphdef=graphdef, params=params, sha256=hashlib.sha256(blob).hexdigest())


def arranged(tensors: dict[str, np.ndarray], wanted: PyTree) -> PyTree[Array]:
    """Arrange named tensors as params; raise ValueError where they are not those wanted."""
    paths, structure = jax.tree.flatten_with_path(wanted)
    names = [_name(path) for path, _ in paths]
    if set(names) != set(tensors):
        raise ValueError(f"tensors differ: {', '.join(sorted(set(names) ^ set(tensors))[:3])}")
    for name, (_, leaf) in zip(names, paths, strict=True):
        if tensors[name].shape != leaf.shape:
            raise ValueError(f"{name} has the shape {tensors[name].shape}, expected {leaf.shape}")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds what is no number")
    return structure.unflatten(jnp.asarray(tensors[name], jnp.float32) for name in names)


def named(params: PyTree[Array]) -> dict[str, np.ndarray]:
    """Name params as the file does: the inverse of `arranged`, in half precision."""
    paths = jax.tree.flatten_with_path(params)[0]
    return {_name(path): np.asarray(leaf, np.float16) for path, leaf in paths}


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(str(part.key) for part in path)
