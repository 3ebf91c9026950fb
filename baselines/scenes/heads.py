"""Classify the scene of a clip from its image and audio features.

The models of the scenes baseline (after Wang et al., A Curated Dataset of Urban Scenes for
Audio-Visual Scene Analysis, ICASSP 2021): each modality alone, both joined early, late or by their
embeddings, and two ways to read all frames instead of their mean.
"""

import dataclasses
from typing import Literal, get_args

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from baselines.scenes.layers import (
    BiLstm,
    Dense,
    Embed,
    FrameMask,
    FrameRows,
    Rows,
)

HeadName = Literal[
    "video", "audio", "concat", "early", "late", "flatten", "bilstm", "bilstm_pooled"
]
HEADS: tuple[HeadName, ...] = get_args(HeadName)

SceneLogits = Float[Array, "batch scenes"]

_HIDDEN = 512
_EMBEDDING = 128
_LATE_HIDDEN = 256
_LSTM_HIDDEN = 256
_LSTM_DEPTH = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """Which head to train, and the weight of the image in late fusion.

    `bilstm_pooled` is not in the report: it averages the BiLSTM's outputs over real frames, where
    `bilstm` concatenates all frames.
    """

    head: HeadName = "concat"
    dropout: float = 0.2
    alpha: float = 0.5
    """Weight of the image's logits in `late`; the rest is that of the sound's."""

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise ValueError(f"scene.head must be one of {', '.join(HEADS)}, got {self.head!r}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"scene.dropout must be in [0, 1), got {self.dropout}")
        if not 0.0 <= self.alpha <= 1.0:
            raise ValueError(f"scene.alpha must be in [0, 1], got {self.alpha}")

    @property
    def reads_means(self) -> bool:
        """Whether the head needs only the mean frame of a clip."""
        return self.head not in ("flatten", "bilstm", "bilstm_pooled")


class SceneHead(nnx.Module):
    """Base of all heads: `head(visual, audio, lengths)` returns logits.

    With `rngs` it trains: dropout is on, and batch normalisation uses the batch and updates its
    statistics. Padded frames are ignored; every clip has a real frame.
    """

    def __call__(
        self,
        visual: FrameRows,
        audio: FrameRows,
        lengths: Int[Array, " batch"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> SceneLogits:
        mask = jnp.arange(visual.shape[1])[None, :] < lengths[:, None]
        return self.answer(visual, audio, mask, rngs)

    def answer(
        self, visual: FrameRows, audio: FrameRows, mask: FrameMask, rngs: nnx.Rngs | None
    ) -> SceneLogits:
        """Return the logits from real frames."""
        raise NotImplementedError


class SingleHead(SceneHead):
    """One modality alone: the joined head without the other modality."""

    def __init__(
        self, features: int, scenes: int, dropout: float, *, is_visual: bool, rngs: nnx.Rngs
    ):
        self.is_visual = is_visual
        self.embed = Embed(features, _HIDDEN, _EMBEDDING, dropout, rngs=rngs)
        self.readout = nnx.List(
            [Dense(_EMBEDDING, _EMBEDDING, rngs=rngs), Dense(_EMBEDDING, scenes, rngs=rngs)]
        )

    def answer(
        self, visual: FrameRows, audio: FrameRows, mask: FrameMask, rngs: nnx.Rngs | None
    ) -> SceneLogits:
        rows = masked_mean(visual if self.is_visual else audio, mask)
        return _through(self.readout, self.embed(rows, rngs=rngs))


class JoinedHead(SceneHead):
    """Embed each modality, concatenate the embeddings, and read them out.

    Over time it takes the mean (the baseline), or concatenates all frames, each possibly after a
    BiLSTM.
    """

    def __init__(
        self,
        visual_features: int,
        audio_features: int,
        scenes: int,
        dropout: float,
        *,
        flat_frames: int = 0,
        is_recurrent: bool = False,
        rngs: nnx.Rngs,
    ):
        self.flat_frames = flat_frames
        widths = (audio_features, visual_features)
        if is_recurrent:
            lstms = [BiLstm(w, _LSTM_HIDDEN, depth=_LSTM_DEPTH, rngs=rngs) for w in widths]
            self.audio_lstm, self.visual_lstm = lstms
            widths = (2 * _LSTM_HIDDEN, 2 * _LSTM_HIDDEN)
        self.is_recurrent = is_recurrent
        times = max(flat_frames, 1)
        self.audio_embed, self.visual_embed = (
            Embed(times * width, _HIDDEN, _EMBEDDING, dropout, rngs=rngs) for width in widths
        )
        self.readout = nnx.List(
            [Dense(2 * _EMBEDDING, _EMBEDDING, rngs=rngs), Dense(_EMBEDDING, scenes, rngs=rngs)]
        )

    def answer(
        self, visual: FrameRows, audio: FrameRows, mask: FrameMask, rngs: nnx.Rngs | None
    ) -> SceneLogits:
        if self.is_recurrent:
            audio, visual = self.audio_lstm(audio, mask), self.visual_lstm(visual, mask)
        embeddings = [
            self.audio_embed(self._over_time(audio, mask), rngs=rngs),
            self.visual_embed(self._over_time(visual, mask), rngs=rngs),
        ]
        return _through(self.readout, jnp.concatenate(embeddings, axis=-1))

    def _over_time(self, frames: FrameRows, mask: FrameMask) -> Rows:
        if not self.flat_frames:
            return masked_mean(frames, mask)
        if frames.shape[1] != self.flat_frames:
            raise ValueError(f"clips must have {self.flat_frames} frames, got {frames.shape[1]}")
        return jnp.where(mask[..., None], frames, 0.0).reshape(len(frames), -1)


class EarlyHead(SceneHead):
    """Concatenate the means of both modalities, then apply one network."""

    def __init__(
        self,
        visual_features: int,
        audio_features: int,
        scenes: int,
        dropout: float,
        *,
        rngs: nnx.Rngs,
    ):
        # The report's 1024 is the width of both modalities together.
        self.both = Embed(audio_features + visual_features, 2 * _HIDDEN, scenes, dropout, rngs=rngs)

    def answer(
        self, visual: FrameRows, audio: FrameRows, mask: FrameMask, rngs: nnx.Rngs | None
    ) -> SceneLogits:
        means = [masked_mean(audio, mask), masked_mean(visual, mask)]
        return self.both(jnp.concatenate(means, axis=-1), rngs=rngs)


class LateHead(SceneHead):
    """A network per modality whose logits are averaged with weights.

    The report calls the logits probabilities.
    """

    def __init__(
        self,
        visual_features: int,
        audio_features: int,
        scenes: int,
        config: SceneConfig,
        *,
        rngs: nnx.Rngs,
    ):
        self.audio_embed, self.visual_embed = (
            Embed(width, _HIDDEN, _EMBEDDING, config.dropout, rngs=rngs)
            for width in (audio_features, visual_features)
        )
        # As in the report, there is no activation between these layers.
        self.audio_readout, self.visual_readout = (
            nnx.List(
                [Dense(_EMBEDDING, _LATE_HIDDEN, rngs=rngs), Dense(_LATE_HIDDEN, scenes, rngs=rngs)]
            )
            for _ in range(2)
        )
        # Held as data, so that heads with other weights are the same program.
        self.alpha_held = nnx.BatchStat(jnp.array([config.alpha], jnp.float32))

    def answer(
        self, visual: FrameRows, audio: FrameRows, mask: FrameMask, rngs: nnx.Rngs | None
    ) -> SceneLogits:
        audio_embedding = self.audio_embed(masked_mean(audio, mask), rngs=rngs)
        visual_embedding = self.visual_embed(masked_mean(visual, mask), rngs=rngs)
        by_sound = _through(self.audio_readout, audio_embedding)
        by_image = _through(self.visual_readout, visual_embedding)
        alpha = self.alpha_held[...]
        return (1 - alpha) * by_sound + alpha * by_image


def make_scene_head(
    config: SceneConfig,
    *,
    visual_features: int,
    audio_features: int,
    frames: int,
    scenes: int,
    rngs: nnx.Rngs,
) -> SceneHead:
    """Make a head; `frames` matters for those that concatenate all frames."""
    widths, dropout = (visual_features, audio_features), config.dropout
    if config.head in ("video", "audio"):
        is_visual = config.head == "video"
        features = visual_features if is_visual else audio_features
        return SingleHead(features, scenes, dropout, is_visual=is_visual, rngs=rngs)
    if config.head == "early":
        return EarlyHead(*widths, scenes, dropout, rngs=rngs)
    if config.head == "late":
        return LateHead(*widths, scenes, config, rngs=rngs)
    return JoinedHead(
        *widths,
        scenes,
        dropout,
        flat_frames=frames if config.head in ("flatten", "bilstm") else 0,
        is_recurrent=config.head in ("bilstm", "bilstm_pooled"),
        rngs=rngs,
    )


def masked_mean(frames: FrameRows, mask: FrameMask) -> Rows:
    """Return the mean over real frames."""
    total = jnp.where(mask[..., None], frames, 0.0).sum(axis=1)
    return total / mask.sum(axis=1, keepdims=True)


def _through(maps: nnx.List, rows: Rows) -> Rows:
    for one in maps:
        rows = one(rows)
    return rows
