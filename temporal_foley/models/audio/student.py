"""Embed sound in the teacher's space with a small network, every 0.16 s.

The student has all blocks of the teacher (EfficientAT `mn04`) but does not narrow in time in the
last block that narrows, so it has two columns for one of the teacher's. The weights that ship are
the teacher's own, in half precision (MIT, (c) 2022 Florian Schmid): its filters over time are short
enough for the finer steps. A smaller student that was tried ranks effects against nothing at .85
where this one and the teacher reach .95. `data_pipeline distill` trains others of this shape.
"""

import functools
import hashlib
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float, Int

from temporal_foley.errors import WeightsError
from temporal_foley.files.cores import usable_cores
from temporal_foley.files.reading import read_whole
from temporal_foley.models.audio.columns import ColumnEncoder
from temporal_foley.models.audio.geometry import COLUMNS_EACH, MIN_SAMPLES
from temporal_foley.models.programs.program import (
    NetworkStep,
    Weights,
    nested,
    single_precision,
)
from temporal_foley.models.weights import check_sha256

if TYPE_CHECKING:
    from flax import nnx
    from jaxtyping import Array, PyTree

FILE = "student.safetensors"
SHA256 = "19e5d124f9c9a112c30e391641541726ed05dd46bc84ac3e15f2f578704526dc"


class AudioStudent(ColumnEncoder):
    """The student with its weights; an `encoders.AudioEncoder`."""

    name = "student"
    columns_each = COLUMNS_EACH

    def __init__(self, weights: Weights, sha256: str):
        self.weights = weights
        self.sha256 = sha256
        self._step = NetworkStep(
            name="audio student", settings="columns", trace=_student_step, weights=weights
        )
        self._pool = ThreadPoolExecutor(max_workers=usable_cores(), thread_name_prefix="sound")

    @functools.cached_property
    def graphdef(self) -> "nnx.GraphDef":
        """The structure of the network, for larger differentiable models."""
        return _structure()[0]

    @functools.cached_property
    def params(self) -> "PyTree[Array]":
        """The weights of the network on the device, for larger differentiable models."""
        import jax

        return jax.device_put(nested(self.weights))

    def columns(
        self, waves: Float[np.ndarray, "batch samples"], lengths: Int[np.ndarray, " batch"]
    ) -> Float[np.ndarray, "batch columns features"]:
        """Return the embedding of each column of some windows."""
        windows = zip(np.split(waves, len(waves)), np.split(lengths, len(lengths)), strict=True)
        # Each in its own thread: a column does not depend on the windows beside it.
        found = self._pool.map(lambda window: self._step(*window)[0], windows)
        return np.concatenate(list(found))

    def clip_embeddings(
        self, waves: Float[np.ndarray, "batch samples"]
    ) -> Float[np.ndarray, "batch features"]:
        """Return one embedding per sound; all of one length, up to some ten seconds."""
        batch, length = waves.shape
        if length < MIN_SAMPLES:
            raise ValueError(f"waves must have at least {MIN_SAMPLES} samples, got {length}")
        return self.columns(waves.astype(np.float32), np.full(batch, length)).mean(axis=1)


def load_student(weights: Path | None = None) -> AudioStudent:
    """Load the student.

    Args:
        weights: The weights file of another student; by default the one that ships.
    """
    if weights is not None:
        return _from_bytes(weights, _read(weights))
    with resources.as_file(resources.files("temporal_foley.models.audio") / FILE) as shipped:
        blob = _read(shipped)
        check_sha256(shipped, hashlib.sha256(blob).hexdigest(), SHA256)
        # Its arrays need no further check, so that jax is not needed.
        return AudioStudent(single_precision(safetensors.numpy.load(blob)), SHA256)


def _read(path: Path) -> bytes:
    try:
        return read_whole(path)
    except OSError as error:
        raise WeightsError(f"cannot read the weights file ({error.strerror})", path=path) from error


def _from_bytes(path: Path, blob: bytes) -> AudioStudent:
    from temporal_foley.models.named_weights import arrange_weights

    try:
        named = safetensors.numpy.load(blob)
        arrange_weights(named, _structure()[1])
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"not the weights of the audio student ({error})", path=path) from error
    return AudioStudent(single_precision(named), hashlib.sha256(blob).hexdigest())


@functools.cache
def _structure() -> "tuple[nnx.GraphDef, PyTree]":
    """Return the structure of the network, and the shapes of its weights."""
    from flax import nnx

    from temporal_foley.models.audio.efficientat import StudentNetwork

    graphdef, state = nnx.split(nnx.eval_shape(StudentNetwork))
    return graphdef, nnx.to_pure_dict(state)


def _student_step():
    from temporal_foley.models.audio.efficientat import student_step

    return student_step()
