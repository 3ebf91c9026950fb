"""Export a bundle's networks as serialised StableHLO programs that run without this package.

Weights are constants of a program. Axes of any length stay symbolic, so one program serves any
batch and any duration. A program holds code for cpu, cuda and tpu. With jax it runs by
`jax.export.deserialize(bytearray(...)).call(...)`; other runtimes read StableHLO
(https://openxla.org/stablehlo).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import export
from jaxtyping import Array

from temporal_foley.models.audio.columns import mean_in_frames
from temporal_foley.models.audio.geometry import (
    COLUMN_SAMPLES,
    COLUMNS_EACH,
    FOLD,
    SAMPLE_RATE_HZ,
    count_columns,
    mel_frames,
)
from temporal_foley.models.audio.mel import log_mel
from temporal_foley.models.audio.student import AudioStudent
from temporal_foley.models.bundle.bundle import Bundle, tagger_structure
from temporal_foley.models.image.backbone import Backbone
from temporal_foley.models.tagging.steps import taught_logits
from temporal_foley.models.tagging.tagger import TaggerInputs
from temporal_foley.models.tagging.taught import NOT_SEEN
from temporal_foley.timegrid import TimeGrid, to_sample

PLATFORMS = ("cpu", "cuda", "tpu")
CLIP_COLUMNS = 32
"""The longest sound that the audio encoder takes at once, in columns of the teacher."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeployedProgram:
    """An exported program, with a description of its arguments and its result."""

    content: bytes
    takes: tuple[str, ...]
    gives: str


def export_tagger(bundle: Bundle, platforms: Sequence[str] = PLATFORMS) -> DeployedProgram:
    """Export the tagger: features to logits, for any number of clips of any length."""
    config = bundle.tagger
    batch, frames = export.symbolic_shape("batch, frames")
    return _export(
        tagger_function(bundle),
        {
            "visual": jax.ShapeDtypeStruct((batch, frames, config.visual_features), jnp.float32),
            "audio": jax.ShapeDtypeStruct((batch, frames, config.audio_features), jnp.float32),
            "has_picture": jax.ShapeDtypeStruct((batch,), jnp.bool_),
            "has_sound": jax.ShapeDtypeStruct((batch,), jnp.bool_),
            "lengths": jax.ShapeDtypeStruct((batch,), jnp.int32),
        },
        "logits (batch, frames, effects), not calibrated; those after a length are meaningless",
        platforms,
    )


def export_image_encoder(
    backbone: Backbone, platforms: Sequence[str] = PLATFORMS
) -> DeployedProgram:
    """Export the backbone: prepared images to features, for any number of images."""
    (batch,) = export.symbolic_shape("batch")
    return _export(
        image_encoder_function(backbone),
        {"pictures": jax.ShapeDtypeStruct((batch, *_picture_shape(backbone)), jnp.uint8)},
        "features (batch, features)",
        platforms,
    )


def export_clip(
    bundle: Bundle,
    backbone: Backbone,
    audio_encoder: AudioStudent,
    platforms: Sequence[str] = PLATFORMS,
) -> DeployedProgram:
    """Export all networks: images and waves to logits, for clips of up to some ten seconds."""
    (batch,) = export.symbolic_shape("batch")
    frames = clip_frames(bundle)
    samples = CLIP_COLUMNS * COLUMN_SAMPLES
    return _export(
        clip_function(bundle, backbone, audio_encoder),
        {
            "pictures": jax.ShapeDtypeStruct((batch, frames, *_picture_shape(backbone)), jnp.uint8),
            "waves": jax.ShapeDtypeStruct((batch, samples), jnp.float32),
            "has_picture": jax.ShapeDtypeStruct((batch,), jnp.bool_),
            "has_sound": jax.ShapeDtypeStruct((batch,), jnp.bool_),
            "lengths": jax.ShapeDtypeStruct((batch,), jnp.int32),
        },
        "logits (batch, frames, effects), not calibrated; those after a length are meaningless",
        platforms,
    )


def tagger_function(bundle: Bundle) -> Callable[..., Array]:
    """Return what `export_tagger` exports."""
    graphdef = tagger_structure(bundle.tagger)

    def judge(
        visual: Array, audio: Array, has_picture: Array, has_sound: Array, lengths: Array
    ) -> Array:
        model = nnx.merge(graphdef, bundle.weights)
        inputs = TaggerInputs(visual, audio, has_picture, has_sound, lengths)
        logits = model(inputs).frames
        if bundle.taught is None:
            return logits
        kernel, bias = jnp.asarray(bundle.taught.kernel), jnp.asarray(bundle.taught.bias)
        taught = taught_logits(kernel, bias, visual, has_picture, NOT_SEEN)
        return jnp.concatenate([logits, taught], axis=-1)

    return judge


def image_encoder_function(backbone: Backbone) -> Callable[..., Array]:
    """Return what `export_image_encoder` exports."""
    loaded = backbone.network

    def encode(pictures: Array) -> Array:
        network: Any = nnx.merge(loaded.graphdef, jax.device_put(loaded.params))
        return network(pictures)[0]

    return encode


def clip_function(
    bundle: Bundle, backbone: Backbone, audio_encoder: AudioStudent
) -> Callable[..., Array]:
    """Return what `export_clip` exports."""
    judge, encode_images = tagger_function(bundle), image_encoder_function(backbone)
    into_frames = jnp.asarray(_columns_to_frames(bundle))
    samples_of_lengths = jnp.asarray(_samples_of_lengths(bundle))

    def run(
        pictures: Array, waves: Array, has_picture: Array, has_sound: Array, lengths: Array
    ) -> Array:
        batch, frames = pictures.shape[:2]
        images = encode_images(pictures.reshape(batch * frames, *pictures.shape[2:]))
        network: Any = nnx.merge(audio_encoder.graphdef, audio_encoder.params)
        samples = samples_of_lengths[lengths]
        # Silence after the end, as in a video that ends there.
        is_real = jnp.arange(waves.shape[1])[None] < samples[:, None]
        mel = log_mel(jnp.where(is_real, waves, 0.0), samples, fold=FOLD)
        columns = network(mel, mel_frames(samples, FOLD))
        sound = jnp.matmul(into_frames[lengths], columns, precision=jax.lax.Precision.HIGHEST)
        # In half precision, as the features that the tagger was trained on.
        visual = images.reshape(batch, frames, -1).astype(jnp.float16).astype(jnp.float32)
        audio = sound.astype(jnp.float16).astype(jnp.float32)
        return judge(visual, audio, has_picture, has_sound, lengths)

    return run


def clip_frames(bundle: Bundle) -> int:
    """Return the number of frames of the clips of `export_clip`."""
    seconds = CLIP_COLUMNS * COLUMN_SAMPLES / SAMPLE_RATE_HZ
    return int(seconds * bundle.frame_rate)


def _samples_of_lengths(bundle: Bundle) -> np.ndarray:
    """Return how many samples each number of frames lasts; no frame counts as one."""
    grids = _grids(bundle)
    return np.array([to_sample(grid.end, SAMPLE_RATE_HZ) for grid in grids], np.int32)


def _columns_to_frames(bundle: Bundle) -> np.ndarray:
    """Return the averaging over frames as a matrix, for clips of every length."""
    frames, width = clip_frames(bundle), CLIP_COLUMNS * COLUMNS_EACH
    matrices = np.zeros((frames + 1, frames, width), np.float32)
    for length, grid in enumerate(_grids(bundle)):
        count = count_columns(to_sample(grid.end, SAMPLE_RATE_HZ), COLUMNS_EACH)
        means = mean_in_frames(np.eye(count), grid, columns_each=COLUMNS_EACH)
        matrices[length, : len(means), :count] = means
    return matrices


def _grids(bundle: Bundle) -> list[TimeGrid]:
    lengths = [1, *range(1, clip_frames(bundle) + 1)]
    return [TimeGrid(frame_rate=bundle.frame_rate, frames=frames) for frames in lengths]


def _picture_shape(backbone: Backbone) -> tuple[int, int, int]:
    return (backbone.input_size_px, backbone.input_size_px, 3)


def _export(
    function: Callable[..., Array],
    inputs: dict[str, jax.ShapeDtypeStruct],
    gives: str,
    platforms: Sequence[str],
) -> DeployedProgram:
    exported = export.export(jax.jit(function), platforms=platforms)(*inputs.values())
    takes = tuple(
        f"{name} {value.dtype.name} ({', '.join(map(str, value.shape))})"
        for name, value in inputs.items()
    )
    return DeployedProgram(content=bytes(exported.serialize()), takes=takes, gives=gives)
