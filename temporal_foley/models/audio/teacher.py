"""Run the released audio network (the teacher): AudioSet logits and embeddings of sounds.

The student (`student`) answers in the same embedding space at a fraction of the cost.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, PyTree

from temporal_foley.errors import WeightsError
from temporal_foley.models.audio import release
from temporal_foley.models.audio.columns import AT_ONCE, ColumnEncoder
from temporal_foley.models.audio.efficientat import EfficientAT, SoundOutputs, params_from_torch
from temporal_foley.models.audio.geometry import MIN_SAMPLES, mel_frames
from temporal_foley.models.audio.mel import log_mel
from temporal_foley.models.weights import read_torch_checkpoint


class TeacherOutputs(NamedTuple):
    """Outputs for a batch of sounds, on the host.

    Columns of the map after the end of a sound are finite but meaningless.
    """

    embedding: Float[np.ndarray, "batch features"]
    logits: Float[np.ndarray, "batch classes"]
    feature_map: Float[np.ndarray, "batch bands columns features"]


class AudioTeacher(ColumnEncoder):
    """The released network with its weights; an `encoders.AudioEncoder`.

    `graphdef` and `params` can be merged into a larger differentiable model.
    """

    name = "teacher"
    columns_each = 1

    def __init__(self, *, graphdef: nnx.GraphDef, params: PyTree[Array], sha256: str):
        self.graphdef = graphdef
        self.params = params
        self.sha256 = sha256

    def __call__(
        self,
        waves: Float[np.ndarray, "batch samples"],
        lengths: Int[np.ndarray, " batch"] | None = None,
    ) -> TeacherOutputs:
        """Analyse whole sounds, mono at 32 kHz, each in one piece.

        Args:
            waves: Sounds padded to one length; at most about ten seconds each.
            lengths: Number of real samples of each.
        """
        short = MIN_SAMPLES - waves.shape[1]
        if short > 0:
            waves = np.pad(waves, ((0, 0), (0, short)))
        if lengths is None:
            lengths = np.full(len(waves), waves.shape[1])
        batch = len(waves)
        # Whole groups only, for a smaller one would be compiled as a second network.
        added = -batch % AT_ONCE if batch > AT_ONCE else 0
        waves = np.pad(waves.astype(np.float32), ((0, added), (0, 0)))
        lengths = np.pad(np.maximum(lengths, MIN_SAMPLES), (0, added), mode="edge")
        outputs = _analyse(self.graphdef, self.params, waves, lengths)
        return TeacherOutputs(*(np.asarray(part)[:batch] for part in outputs))

    def tag(
        self, embedding: Float[np.ndarray, "frames features"]
    ) -> Float[np.ndarray, "frames classes"]:
        """Return the AudioSet logits of embeddings of sounds or frames."""
        return np.asarray(_tag(self.graphdef, self.params, embedding))

    def columns(
        self, waves: Float[np.ndarray, "batch samples"], lengths: Int[np.ndarray, " batch"]
    ) -> Float[np.ndarray, "batch columns features"]:
        """Return the embedding of each column of some windows."""
        return np.asarray(_columns(self.graphdef, self.params, waves, lengths))


@partial(jax.jit, static_argnames="graphdef")
def _analyse(
    graphdef: nnx.GraphDef,
    params: PyTree[Array],
    waves: Float[Array, "batch samples"],
    lengths: Int[Array, " batch"],
) -> SoundOutputs:
    network = nnx.merge(graphdef, params)

    def run(waves: Float[Array, "batch samples"], lengths: Int[Array, " batch"]) -> SoundOutputs:
        return network(log_mel(waves, lengths), mel_frames(lengths))

    if waves.shape[0] <= AT_ONCE:
        return run(waves, lengths)
    groups = (waves.reshape(-1, AT_ONCE, waves.shape[1]), lengths.reshape(-1, AT_ONCE))
    outputs = jax.lax.map(lambda group: run(*group), groups)
    return jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:]), outputs)


@partial(jax.jit, static_argnames="graphdef")
def _columns(
    graphdef: nnx.GraphDef,
    params: PyTree[Array],
    waves: Float[Array, "batch samples"],
    lengths: Int[Array, " batch"],
) -> Float[Array, "batch columns features"]:
    return _analyse(graphdef, params, waves, lengths).feature_map.mean(axis=1)


@partial(jax.jit, static_argnames="graphdef")
def _tag(
    graphdef: nnx.GraphDef, params: PyTree[Array], embedding: Float[Array, "frames features"]
) -> Float[Array, "frames classes"]:
    return nnx.merge(graphdef, params).tag(embedding)


def load_teacher(weights: Path | None = None) -> AudioTeacher:
    """Load the network `mn04` of EfficientAT.

    Args:
        weights: A copy of the released file; by default the one in the user's cache folder, where
            `release.download_weights` puts it. Nothing is downloaded here.
    """
    path = weights or release.cached_weights()
    state = read_torch_checkpoint(path, sha256=release.SHA256)
    graphdef, _ = nnx.split(nnx.eval_shape(lambda: EfficientAT()))
    try:
        params = params_from_torch(state)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"not the weights of EfficientAT mn04 ({error})", path=path) from error
    return AudioTeacher(graphdef=graphdef, params=jax.device_put(params), sha256=release.SHA256)
