"""Tag the frames of a whole video, whatever its length.

Clips are padded to a few lengths, so that few programs are compiled. Of a long clip, what is
computed frame by frame (wide image features, priors) goes through in blocks, so that memory does
not grow with it; the recurrent layers then read the narrow rows of the whole clip at once.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32, Shaped

from temporal_foley.models.programs.program import NetworkStep, Weights

if TYPE_CHECKING:
    from flax import nnx

BLOCK_FRAMES = 256
SHORT_FRAMES = (8, 64, BLOCK_FRAMES)
GRADIENT_FRAMES = 16
"""Most frames that gradients are computed of at once."""


class TaggerPrograms:
    """The compiled steps of a tagger."""

    def __init__(
        self,
        structure: "Callable[[], nnx.GraphDef]",
        weights: Weights,
        *,
        outputs: int,
        settings: Any = None,
    ):
        """Take what returns the structure of a `Tagger`, and its weights by name.

        Args:
            structure: Called only if a program must be compiled.
            weights: By dotted names, in single precision.
            outputs: Number of logits of a frame.
            settings: Plain data that decides the structure; None: programs are not stored.
        """

        def program(name: str, step: str) -> NetworkStep:
            def trace() -> Callable[..., Any]:
                # Imported lazily: it needs jax.
                steps = importlib.import_module("temporal_foley.models.tagging.steps")
                return getattr(steps, step)(structure())

            return NetworkStep(name=name, settings=settings, trace=trace, weights=weights)

        self.outputs = outputs
        self.judge = program("tagger: clip", "clip_step")
        self.frame_parts = program("tagger: frames", "frames_step")
        self.read = program("tagger: head", "head_step")
        self._gradients = program("tagger: gradients", "gradients_step")

    def gradients(
        self, visual: Float[np.ndarray, "frames features"]
    ) -> tuple[Float[np.ndarray, "effects frames features"], Float[np.ndarray, "frames outputs"]]:
        """Return how much each image feature of each frame speaks for each effect, and the logits.

        It is the Jacobian over a few frames as a clip of their own, without sound: a frame's
        gradient is that of the effect's logits in all of the frames, since recurrent layers carry
        information from one frame to the others.
        """
        frames = len(visual)
        if not 1 <= frames <= GRADIENT_FRAMES:
            raise ValueError(f"visual must have 1 to {GRADIENT_FRAMES} frames, got {frames}")
        gradients, logits = self._gradients(*_few_frames(visual))
        return gradients[:, :frames], logits[:frames]

    def make_ready(
        self,
        visual: Float[np.ndarray, "frames visual_features"],
        audio: Float[np.ndarray, "frames audio_features"],
        *,
        with_gradients: bool,
    ) -> None:
        """Load or compile what a clip of this length needs, beyond what only long clips do."""
        if with_gradients:
            self._gradients.make_ready(*_few_frames(visual[:GRADIENT_FRAMES]))
        if 0 < len(visual) <= BLOCK_FRAMES:
            frames = next(count for count in SHORT_FRAMES if len(visual) <= count)
            self.judge.make_ready(*pad_clip(visual, audio, True, True, frames=frames))


def _few_frames(
    visual: Float[np.ndarray, "frames features"],
) -> tuple[Float32[np.ndarray, "padded features"], Shaped[np.ndarray, ""]]:
    """Pad to one shape: another would be another compilation."""
    missing = GRADIENT_FRAMES - len(visual)
    padded = np.pad(np.asarray(visual, np.float32), ((0, missing), (0, 0)))
    return padded, np.asarray(len(visual), np.int32)


def judge_clip(
    programs: TaggerPrograms,
    visual: Float[np.ndarray, "frames visual_features"],
    audio: Float[np.ndarray, "frames audio_features"],
    *,
    has_picture: bool,
    has_sound: bool,
    block_frames: int = BLOCK_FRAMES,
) -> Float32[np.ndarray, "frames outputs"]:
    """Return the logits of all frames of a clip.

    Args:
        programs: The steps of the tagger.
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
        return np.zeros((0, programs.outputs), np.float32)
    if frames <= block_frames:
        padded = next((n for n in SHORT_FRAMES if frames <= n <= block_frames), block_frames)
        (logits,) = programs.judge(*pad_clip(visual, audio, *presence, frames=padded))
        return logits[0, :frames]
    blocks = [
        slice(start, min(start + block_frames, frames)) for start in range(0, frames, block_frames)
    ]
    parts: list[Sequence[Shaped[np.ndarray, ...]]] = [
        programs.frame_parts(*pad_clip(visual[block], audio[block], *presence, frames=block_frames))
        for block in blocks
    ]
    padded = block_frames << (len(blocks) - 1).bit_length()
    rows = np.concatenate([rows[0] for rows, _ in parts])
    rows = np.pad(rows, ((0, padded - len(rows)), (0, 0)))
    (logits,) = programs.read(rows[None], np.array([frames], np.int32))
    if parts[0][1].ndim:
        return logits[0, :frames] + np.concatenate([prior[0] for _, prior in parts])[:frames]
    return logits[0, :frames]


def pad_clip(
    visual: Float[np.ndarray, "frames visual_features"],
    audio: Float[np.ndarray, "frames audio_features"],
    has_picture: bool,
    has_sound: bool,
    *,
    frames: int,
) -> tuple[Shaped[np.ndarray, "..."], ...]:
    """Pad one clip to a number of frames, as a batch of one: the fields of `TaggerInputs`."""

    def pad(rows: Float[np.ndarray, "real features"]) -> Float32[np.ndarray, "1 frames features"]:
        return np.pad(np.asarray(rows, np.float32), ((0, frames - len(rows)), (0, 0)))[None]

    presence = (np.array([has_picture]), np.array([has_sound]))
    return (pad(visual), pad(audio), *presence, np.array([len(visual)], np.int32))
