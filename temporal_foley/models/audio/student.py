"""Embed sound in the teacher's space with a small network, every 0.16 s.

The student has all blocks of the teacher (EfficientAT `mn04`) but does not narrow in time in the
last block that narrows, so it has two columns for one of the teacher's. The weights that ship are
the teacher's own, in half precision (MIT, (c) 2022 Florian Schmid): its filters over time are short
enough for the finer steps. A smaller student that was tried ranks effects against nothing at .85
where this one and the teacher reach .95. `data_pipeline distill` trains others of this shape.
"""

import dataclasses
import hashlib
from functools import partial
from importlib import resources
from pathlib import Path

import jax
import numpy as np
import safetensors
import safetensors.numpy
from flax import nnx
from jaxtyping import Array, Float, Int, PyTree

from temporal_foley.errors import WeightsError
from temporal_foley.files.reading import read_whole
from temporal_foley.models.audio.columns import AT_ONCE, ColumnEncoder
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
from temporal_foley.models.named_weights import arrange_weights
from temporal_foley.models.weights import check_sha256

FILE = "student.safetensors"
SHA256 = "19e5d124f9c9a112c30e391641541726ed05dd46bc84ac3e15f2f578704526dc"

FOLD = 1
"""Mel frames and bands of the teacher per one of the student."""
FRAME_STRIDE = 16
"""The student's mel frames per column."""
COLUMNS_EACH = FRAMES_PER_COLUMN // (FOLD * FRAME_STRIDE)
"""The student's columns per one of the teacher."""

_WIDTH = 0.4


def student_shapes() -> list[BlockShape]:
    """List the teacher's blocks, with time reduced by no more than `FRAME_STRIDE`."""
    shapes, stride = [], 2
    for shape in block_shapes(_WIDTH):
        frame_stride = shape.stride if stride * shape.stride <= FRAME_STRIDE else 1
        stride *= frame_stride
        shapes.append(dataclasses.replace(shape, frame_stride=frame_stride))
    return shapes


class StudentNetwork(nnx.Module):
    """Turn log-mel spectrograms into one embedding per column."""

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
        """Embed log-mel spectrograms of fold `FOLD`; frames after `mel_frames` do not count."""

        def mask(stride: int) -> FrameWeights | None:
            return None if mel_frames is None else column_mask(mel_frames, mel.shape[2], stride)

        maps = jax.nn.hard_swish(self.stem(keep(mel[..., None], mask(1))))
        stride = self.stem.stride
        for block in self.blocks:
            before, stride = stride, stride * block.depthwise.frame_stride
            maps = block(maps, mask(before), mask(stride))
        return jax.nn.hard_swish(self.head(maps)).mean(axis=1)


class AudioStudent(ColumnEncoder):
    """The student with its weights; an `encoders.AudioEncoder`."""

    name = "student"
    columns_each = COLUMNS_EACH

    def columns(
        self, waves: Float[np.ndarray, "batch samples"], lengths: Int[np.ndarray, " batch"]
    ) -> Float[Array, "batch columns features"]:
        """Return the embedding of each column of some windows."""
        return _columns(self.graphdef, self.params, waves, lengths)

    def clip_embeddings(
        self, waves: Float[np.ndarray, "batch samples"]
    ) -> Float[np.ndarray, "batch features"]:
        """Return one embedding per sound; all of one length, up to some ten seconds."""
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
        weights: The weights file of another student; by default the one that ships.
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
        raise WeightsError(f"cannot read the weights file ({error.strerror})", path=path) from error


def _from_bytes(path: Path, blob: bytes) -> AudioStudent:
    graphdef, state = nnx.split(nnx.eval_shape(StudentNetwork))
    try:
        params = arrange_weights(safetensors.numpy.load(blob), nnx.to_pure_dict(state))
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"not the weights of the audio student ({error})", path=path) from error
    return AudioStudent(
        graphdef=graphdef,
        params=jax.device_put(params),
        sha256=hashlib.sha256(blob).hexdigest(),
    )
