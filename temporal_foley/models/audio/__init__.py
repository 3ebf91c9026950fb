"""Sounds in, what an AudioSet network hears in them out: for whole sounds and frame by frame."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, PyTree

from temporal_foley.errors import WeightsError
from temporal_foley.models.audio import release
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
    EfficientAT,
    SoundOutputs,
    params_from_torch,
)
from temporal_foley.models.audio.mel import MIN_SAMPLES, SAMPLE_RATE_HZ, log_mel, mel_frames
from temporal_foley.models.weights import read_torch_checkpoint
from temporal_foley.timegrid import TimeGrid

__all__ = ["SAMPLE_RATE_HZ", "AudioTeacher", "FrameTags", "TeacherOutputs", "load_teacher"]


class TeacherOutputs(NamedTuple):
    """What is heard in a batch of sounds, on the host.

    Columns of the map behind the end of a sound are finite but meaningless.
    """

    embedding: Float[np.ndarray, "batch features"]
    logits: Float[np.ndarray, "batch classes"]
    feature_map: Float[np.ndarray, "batch bands columns features"]


class FrameTags(NamedTuple):
    """What is heard in each frame of a grid."""

    embedding: Float[np.ndarray, "frames features"]
    logits: Float[np.ndarray, "frames classes"]


class AudioTeacher:
    """The network with its weights, ready to listen.

    `graphdef` and `params` are there to merge it into a larger differentiable model.
    """

    name = "teacher"
    features = FEATURES

    def __init__(self, *, graphdef: nnx.GraphDef, params: PyTree[Array], sha256: str):
        self.graphdef = graphdef
        self.params = params
        self.sha256 = sha256

    def __call__(
        self,
        waves: Float[np.ndarray, "batch samples"],
        lengths: Int[np.ndarray, " batch"] | None = None,
    ) -> TeacherOutputs:
        """Listen to whole sounds, mono at 32 kHz, each in one piece.

        Args:
            waves: sounds of one length, or padded to it; not more than some ten seconds each.
            lengths: how many samples of each are real.
        """
        short = MIN_SAMPLES - waves.shape[1]
        if short > 0:
            waves = np.pad(waves, ((0, 0), (0, short)))
        if lengths is None:
            lengths = np.full(len(waves), waves.shape[1])
        batch = len(waves)
        # Whole groups only, for a rest would be compiled as a second network.
        added = -batch % AT_ONCE if batch > AT_ONCE else 0
        waves = np.pad(waves.astype(np.float32), ((0, added), (0, 0)))
        lengths = np.pad(np.maximum(lengths, MIN_SAMPLES), (0, added), mode="edge")
        outputs = _listen(self.graphdef, self.params, waves, lengths)
        return TeacherOutputs(*(np.asarray(part)[:batch] for part in outputs))

    def column_embeddings(self, sound: Wave | Iterable[Wave], samples: int) -> Columns:
        """Listen to the first `samples` samples of a sound of any length.

        Args:
            sound: mono at 32 kHz, whole or in blocks; memory does not grow with its length but
                for the result, some 5 kB a second.
            samples: where to stop; a sound that ends before is followed by silence.

        Returns:
            The embedding of each column of the feature map, one each 0.32 s from time 0 on.
        """
        run = partial(_columns, self.graphdef, self.params)
        return blend_windows(hear_windows(cut_windows(sound, samples), run))

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
        return mean_in_frames(columns, grid)

    def frame_tags(self, sound: Wave | Iterable[Wave], grid: TimeGrid) -> FrameTags:
        """Like `frame_embeddings`, with the AudioSet logits of each frame beside them."""
        embedding = self.frame_embeddings(sound, grid)
        return FrameTags(embedding, self.tag(embedding))

    def tag(
        self, embedding: Float[np.ndarray, "frames features"]
    ) -> Float[np.ndarray, "frames classes"]:
        """Return the AudioSet logits of embeddings of sounds or frames."""
        return np.asarray(_tag(self.graphdef, self.params, embedding))


@partial(jax.jit, static_argnames="graphdef")
def _listen(
    graphdef: nnx.GraphDef,
    params: PyTree[Array],
    waves: Float[Array, "batch samples"],
    lengths: Int[Array, " batch"],
) -> SoundOutputs:
    network = nnx.merge(graphdef, params)

    def listen(waves: Float[Array, "batch samples"], lengths: Int[Array, " batch"]) -> SoundOutputs:
        return network(log_mel(waves, lengths), mel_frames(lengths))

    if waves.shape[0] <= AT_ONCE:
        return listen(waves, lengths)
    groups = (waves.reshape(-1, AT_ONCE, waves.shape[1]), lengths.reshape(-1, AT_ONCE))
    outputs = jax.lax.map(lambda group: listen(*group), groups)
    return jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:]), outputs)


@partial(jax.jit, static_argnames="graphdef")
def _columns(
    graphdef: nnx.GraphDef,
    params: PyTree[Array],
    waves: Float[Array, "batch samples"],
    lengths: Int[Array, " batch"],
) -> Float[Array, "batch columns features"]:
    return _listen(graphdef, params, waves, lengths).feature_map.mean(axis=1)


@partial(jax.jit, static_argnames="graphdef")
def _tag(
    graphdef: nnx.GraphDef, params: PyTree[Array], embedding: Float[Array, "frames features"]
) -> Float[Array, "frames classes"]:
    return nnx.merge(graphdef, params).tag(embedding)


def load_teacher(weights: Path | None = None) -> AudioTeacher:
    """Load the network `mn04` of EfficientAT.

    Args:
        weights: a copy of the released file; by default the one in the user's cache folder, which
            `release.download_weights` puts there. Nothing is downloaded here.
    """
    path = weights or release.cached_weights()
    state = read_torch_checkpoint(path, sha256=release.SHA256)
    graphdef, _ = nnx.split(nnx.eval_shape(lambda: EfficientAT()))
    try:
        params = params_from_torch(state)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: not the weights of EfficientAT mn04 ({error})") from error
    return AudioTeacher(
        graphdef=graphdef, params=jax.tree.map(jnp.asarray, params), sha256=release.SHA256
    )
