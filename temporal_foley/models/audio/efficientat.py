"""EfficientAT, an AudioSet tagger, its student, and how its PyTorch weights are arranged.

Network: Schmid, Koutini and Widmer, "Efficient Large-Scale Audio Tagging via Transformer-to-CNN
Knowledge Distillation" (ICASSP 2023), on MobileNetV3-Large (Howard et al., ICCV 2019).
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, PyTree, Shaped

from temporal_foley.models.audio.geometry import FOLD, FRAME_STRIDE
from temporal_foley.models.audio.geometry import mel_frames as count_mel_frames
from temporal_foley.models.audio.layers import (
    Depthwise,
    FrameWeights,
    SoundMap,
    SqueezeExcite,
    keep,
    mean_over_map,
)
from temporal_foley.models.audio.mel import log_mel
from temporal_foley.models.image.layers import Pointwise
from temporal_foley.models.image.lite_weights import rounded_width

CLASSES = 527

_EPSILON = 1e-3
# Of each block at width 1: kernel size, expanded features, features, squeeze-excite, hard-swish,
# stride.
_BLOCKS = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
_STEM = 16
_HEAD_EXPANSION = 6
_HIDDEN = 1280
_STUDENT_WIDTH = 0.4


class SoundOutputs(NamedTuple):
    """Outputs for a batch of sounds.

    Columns of the map after the end of a sound are finite but meaningless.
    """

    embedding: Float[Array, "batch features"]
    logits: Float[Array, "batch classes"]
    feature_map: Float[Array, "batch bands columns features"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockShape:
    """Shape of one inverted bottleneck."""

    size: int
    stride: int
    frame_stride: int | None = None
    """Stride over frames, if it differs from that over bands."""
    inputs: int
    middle: int
    outputs: int
    squeezed: int | None
    has_hard_swish: bool


def block_shapes(width: float) -> list[BlockShape]:
    """List the blocks of a network of this width, from the stem to the head."""
    blocks = []
    inputs = rounded_width(_STEM * width)
    for size, middle, outputs, has_squeeze, has_hard_swish, stride in _BLOCKS:
        shape = BlockShape(
            size=size,
            stride=stride,
            inputs=inputs,
            middle=rounded_width(middle * width),
            outputs=rounded_width(outputs * width),
            squeezed=rounded_width(rounded_width(middle * width) // 4) if has_squeeze else None,
            has_hard_swish=has_hard_swish,
        )
        blocks.append(shape)
        inputs = shape.outputs
    return blocks


def column_mask(mel_frames: Int[Array, " batch"], frames: int, stride: int) -> FrameWeights:
    """Mark real frames 1 and padding 0 in a map that keeps one of `stride` mel frames."""
    real = -(-mel_frames // stride)
    return (jnp.arange(-(-frames // stride))[None, :] < real[:, None]).astype(jnp.float32)


class Bottleneck(nnx.Module):
    """Widen, filter each feature, gate the features, narrow; add the input where shapes allow."""

    def __init__(self, shape: BlockShape):
        self.expand = Pointwise(shape.inputs, shape.middle) if shape.middle > shape.inputs else None
        self.depthwise = Depthwise(shape.size, shape.stride, shape.middle, shape.frame_stride)
        self.weigh = SqueezeExcite(shape.middle, shape.squeezed) if shape.squeezed else None
        self.project = Pointwise(shape.middle, shape.outputs)
        self.has_hard_swish = shape.has_hard_swish
        self.has_shortcut = shape.stride == 1 and shape.inputs == shape.outputs

    def __call__(
        self,
        maps: SoundMap,
        before: FrameWeights | None,
        after: Float[Array, "batch new_frames"] | None,
    ) -> Float[Array, "batch new_bands new_frames outputs"]:
        """Apply the block; `before` and `after` mark the real frames of its input and output."""
        activation = jax.nn.hard_swish if self.has_hard_swish else jax.nn.relu
        wide = maps if self.expand is None else activation(self.expand(maps))
        wide = activation(self.depthwise(keep(wide, before)))
        if self.weigh is not None:
            wide = self.weigh(wide, after)
        narrow = self.project(wide)
        return maps + narrow if self.has_shortcut else narrow


class EfficientAT(nnx.Module):
    """The whole network, normalisation folded into its convolutions; width 0.4 is `mn04`."""

    def __init__(self, width: float = 0.4):
        shapes = block_shapes(width)
        self.stem = Depthwise(3, 2, shapes[0].inputs)
        self.blocks = nnx.List([Bottleneck(shape) for shape in shapes])
        self.features = _HEAD_EXPANSION * shapes[-1].outputs
        self.head = Pointwise(shapes[-1].outputs, self.features)
        self.hidden = Pointwise(self.features, rounded_width(_HIDDEN * width))
        self.readout = Pointwise(rounded_width(_HIDDEN * width), CLASSES)

    def __call__(
        self,
        mel: Float[Array, "batch mel_bands mel_frames"],
        mel_frames: Int[Array, " batch"] | None = None,
    ) -> SoundOutputs:
        """Analyse log-mel spectrograms.

        Args:
            mel: What `log_mel` returns.
            mel_frames: Number of real frames of each; later ones do not change the outputs.
        """
        maps, real = _analyse(self, mel, mel_frames)
        embedding = mean_over_map(maps, real)
        return SoundOutputs(embedding, self.tag(embedding), maps)

    def tag(self, embedding: Float[Array, "*axes features"]) -> Float[Array, "*axes classes"]:
        """Return the AudioSet logits of embeddings of whole sounds or of frames."""
        return self.readout(jax.nn.hard_swish(self.hidden(embedding)))


def student_shapes() -> list[BlockShape]:
    """List the teacher's blocks, with time reduced by no more than `FRAME_STRIDE`."""
    shapes, stride = [], 2
    for shape in block_shapes(_STUDENT_WIDTH):
        frame_stride = shape.stride if stride * shape.stride <= FRAME_STRIDE else 1
        stride *= frame_stride
        shapes.append(dataclasses.replace(shape, frame_stride=frame_stride))
    return shapes


class StudentNetwork(nnx.Module):
    """Turn log-mel spectrograms into one embedding per column; see `student`."""

    def __init__(self):
        shapes = student_shapes()
        self.stem = Depthwise(3, 2, shapes[0].inputs)
        self.blocks = nnx.List([Bottleneck(shape) for shape in shapes])
        self.head = Pointwise(shapes[-1].outputs, _HEAD_EXPANSION * shapes[-1].outputs)

    def __call__(
        self,
        mel: Float[Array, "batch mel_bands mel_frames"],
        mel_frames: Int[Array, " batch"] | None = None,
    ) -> Float[Array, "batch columns features"]:
        """Embed log-mel spectrograms of fold `FOLD`; frames after `mel_frames` do not count."""
        return _analyse(self, mel, mel_frames)[0].mean(axis=1)


def _analyse(
    network: EfficientAT | StudentNetwork,
    mel: Float[Array, "batch mel_bands mel_frames"],
    mel_frames: Int[Array, " batch"] | None,
) -> tuple[SoundMap, FrameWeights | None]:
    """Apply stem, blocks and head; return the maps, and which of their frames are real."""

    def mask(stride: int) -> FrameWeights | None:
        return None if mel_frames is None else column_mask(mel_frames, mel.shape[2], stride)

    maps = jax.nn.hard_swish(network.stem(keep(mel[..., None], mask(1))))
    stride = network.stem.stride
    for block in network.blocks:
        before, stride = stride, stride * block.depthwise.frame_stride
        maps = block(maps, mask(before), mask(stride))
    return jax.nn.hard_swish(network.head(maps)), mask(stride)


def student_step() -> Callable[..., Array]:
    """Return the step from weights, waves and their lengths to the student's columns."""
    graphdef = nnx.split(nnx.eval_shape(StudentNetwork))[0]

    def columns(
        params: PyTree[Array], waves: Float[Array, "batch samples"], lengths: Int[Array, " batch"]
    ) -> Float[Array, "batch columns features"]:
        network: StudentNetwork = nnx.merge(graphdef, params)
        return network(log_mel(waves, lengths, fold=FOLD), count_mel_frames(lengths, FOLD))

    return columns


def params_from_torch(state: dict[str, Shaped[np.ndarray, "..."]], width: float = 0.4) -> dict:
    """Arrange a checkpoint's tensors as `EfficientAT` params, normalisation folded in.

    Raises KeyError if the checkpoint lacks a tensor, ValueError if one has another shape.
    """
    shapes = block_shapes(width)

    def tensor(name: str, *shape: int) -> np.ndarray:
        if state[name].shape != shape:
            raise ValueError(f"{name} has the shape {state[name].shape}, expected {shape}")
        return state[name].astype(np.float32)

    def folded(prefix: str, *shape: int) -> dict:
        norm = f"{prefix}.1"
        scale, shift, mean, variance = (
            tensor(f"{norm}.{part}", shape[0])
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = scale / np.sqrt(variance + np.float32(_EPSILON))
        kernel = tensor(f"{prefix}.0.weight", *shape) * scale[:, None, None, None]
        return {"kernel": kernel, "bias": shift - mean * scale}

    def depthwise(prefix: str, size: int, features: int) -> dict:
        params = folded(prefix, features, 1, size, size)
        return params | {"kernel": params["kernel"][:, 0].transpose(1, 2, 0)}

    def pointwise(prefix: str, inputs: int, outputs: int) -> dict:
        params = folded(prefix, outputs, inputs, 1, 1)
        return params | {"kernel": params["kernel"][:, :, 0, 0].T}

    def linear(prefix: str, inputs: int, outputs: int) -> dict:
        kernel = tensor(f"{prefix}.weight", outputs, inputs)
        return {"kernel": kernel.T, "bias": tensor(f"{prefix}.bias", outputs)}

    def block(index: int, shape: BlockShape) -> dict:
        # The steps of a block are numbered; steps that it lacks are not counted.
        prefix = f"features.{index}.block"
        step = 0
        params = {}
        if shape.middle > shape.inputs:
            params["expand"] = pointwise(f"{prefix}.{step}", shape.inputs, shape.middle)
            step += 1
        params["depthwise"] = depthwise(f"{prefix}.{step}", shape.size, shape.middle)
        step += 1
        if shape.squeezed:
            squeeze = f"{prefix}.{step}.conc_se_layers.0"
            params["weigh"] = {
                "squeeze": linear(f"{squeeze}.fc1", shape.middle, shape.squeezed),
                "excite": linear(f"{squeeze}.fc2", shape.squeezed, shape.middle),
            }
            step += 1
        params["project"] = pointwise(f"{prefix}.{step}", shape.middle, shape.outputs)
        return params

    outputs = shapes[-1].outputs
    features, hidden = _HEAD_EXPANSION * outputs, rounded_width(_HIDDEN * width)
    return {
        "stem": depthwise("features.0", 3, shapes[0].inputs),
        "blocks": {index: block(index + 1, shape) for index, shape in enumerate(shapes)},
        "head": pointwise(f"features.{len(shapes) + 1}", outputs, features),
        "hidden": linear("classifier.2", features, hidden),
        "readout": linear("classifier.5", hidden, CLASSES),
    }
