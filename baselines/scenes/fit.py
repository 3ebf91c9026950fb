"""Clips with a scene each in, a trained scene head and its losses by epoch out.

The recipe is that of DCASE 2021 task 1B (Wang et al., ICASSP 2021), which report 004 builds upon:
each modality standardised, Adam, cross-entropy, and the weights of the best validation loss.
"""

import dataclasses
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Float32, Key

from baselines.scenes.clips import (
    SceneClips,
    Standards,
    mean_over_time,
    measure_standards,
    standardised_batch,
)
from baselines.scenes.heads import SceneConfig, make_scene_head
from temporal_foley.errors import FoleyError
from temporal_foley.training.step import (
    Batch,
    Params,
    Statistics,
    Step,
    init_state,
    make_train_step,
)

Probabilities = Float32[np.ndarray, "clips scenes"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How a head is trained."""

    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    """Added to the gradient, as PyTorch's Adam does; not AdamW's."""
    batch: int = 64
    epochs: int = 100
    patience: int = 0
    """Epochs without a better validation loss after which it ends; 0: it never ends early."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise ValueError(f"fit.learning_rate must be above 0, got {self.learning_rate}")
        if self.weight_decay < 0:
            raise ValueError(f"fit.weight_decay must be at least 0, got {self.weight_decay}")
        if self.patience < 0:
            raise ValueError(f"fit.patience must be at least 0, got {self.patience}")
        # Batch normalisation has nothing to normalise in a batch of one.
        if self.batch < 2 or self.epochs < 1:
            raise ValueError(f"fit needs batch >= 2 and epochs >= 1, got {self}")


class EpochLosses(NamedTuple):
    """Cross-entropy of an epoch."""

    train: float
    """Mean over its steps, while it learns and with dropout."""
    validation: float


class FittedHead(NamedTuple):
    """A head with the weights of its best epoch, ready to answer."""

    config: SceneConfig
    graphdef: nnx.GraphDef
    params: Params
    statistics: Statistics
    standards: Standards
    losses: tuple[EpochLosses, ...]
    best_epoch: int
    """From 1 on."""

    @property
    def trained_numbers(self) -> int:
        """How many numbers were trained."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.params))


def fit_scene_head(
    config: SceneConfig,
    fit: FitConfig,
    train: SceneClips,
    validation: SceneClips,
    *,
    progress: Callable[[int, EpochLosses], None] | None = None,
) -> FittedHead:
    """Train a head.

    Each epoch goes through the clips in another order and leaves out those that would not fill a
    last batch.
    """
    batch = min(fit.batch, len(train))
    if batch < 2:
        raise FoleyError(f"{len(train)} clips to train on are too few; give at least 2")
    standards = measure_standards(train)
    train, validation = _looked_at(config, train), _looked_at(config, validation)
    graphdef, params, statistics = _init(config, train, fit.seed)
    tx, step = _step(graphdef, fit.learning_rate, fit.weight_decay, fit.seed)
    state = init_state(params, statistics, tx)
    best, losses = FittedHead(config, graphdef, params, statistics, standards, (), 0), []
    for epoch in range(1, fit.epochs + 1):
        # From the epoch's number alone, so that an epoch is the same wherever a run began.
        order = np.random.default_rng([fit.seed, epoch]).permutation(len(train))
        measured = []
        for first in range(0, len(train) - batch + 1, batch):
            places = order[first : first + batch]
            state, values = step(state, standardised_batch(train, places, standards))
            measured.append(values["loss"])
        now = best._replace(params=state.params, statistics=state.statistics)
        told = _cross_entropy(_predict(now, validation, fit.batch), validation)
        losses.append(EpochLosses(float(jnp.stack(measured).mean()), told))
        if not np.isfinite(losses[-1].train):
            raise FoleyError(f"the loss is {losses[-1].train} by step {int(state.step)}")
        if told <= min(loss.validation for loss in losses):
            # A copy on the host: the next step gives the state's memory away.
            kept = jax.device_get((state.params, state.statistics))
            best = best._replace(params=kept[0], statistics=kept[1], best_epoch=epoch)
        if progress is not None:
            progress(epoch, losses[-1])
        if fit.patience and epoch - best.best_epoch >= fit.patience:
            break
    return best._replace(losses=tuple(losses))


def predict_scenes(head: FittedHead, clips: SceneClips, *, batch: int = 256) -> Probabilities:
    """Return the probability of each scene for each clip."""
    return _predict(head, _looked_at(head.config, clips), batch)


def _looked_at(config: SceneConfig, clips: SceneClips) -> SceneClips:
    return mean_over_time(clips) if config.reads_means else clips


def _predict(head: FittedHead, clips: SceneClips, batch: int) -> Probabilities:
    answers = []
    for first in range(0, len(clips), batch):
        wanted = np.arange(first, first + batch)
        # The last batch is filled up: another size would be compiled again.
        places = np.minimum(wanted, len(clips) - 1)
        part = standardised_batch(clips, places, head.standards)
        answer = _answer(head.graphdef, head.params, head.statistics, part)
        answers.append(np.asarray(answer)[wanted < len(clips)])
    return np.concatenate(answers)


# Heads that differ in held weights only are one program; compiling takes longer than some epochs.
@lru_cache(maxsize=2)
def _step(
    graphdef: nnx.GraphDef, learning_rate: float, weight_decay: float, seed: int
) -> tuple[optax.GradientTransformation, Step]:
    tx = optax.chain(optax.add_decayed_weights(weight_decay), optax.adam(learning_rate))
    return tx, make_train_step(partial(_loss, graphdef), tx, jax.random.key(seed))


def _init(
    config: SceneConfig, clips: SceneClips, seed: int
) -> tuple[nnx.GraphDef, Params, Statistics]:
    def make() -> Any:
        return make_scene_head(
            config,
            visual_features=clips.visual.shape[2],
            audio_features=clips.audio.shape[2],
            frames=clips.visual.shape[1],
            scenes=len(clips.names),
            rngs=nnx.Rngs(seed),
        )

    graphdef = nnx.split(nnx.eval_shape(make))[0]
    # One compiled program draws all weights; one by one they would be many.
    drawn = jax.jit(lambda: [nnx.to_pure_dict(s) for s in nnx.split(make(), *_KINDS)[1:]])()
    return graphdef, drawn[0], drawn[1]


_KINDS = (nnx.Param, nnx.BatchStat)


def _loss(
    graphdef: nnx.GraphDef,
    params: Params,
    statistics: Statistics,
    batch: Batch,
    key: Key[Array, ""],
) -> tuple[Float[Array, ""], tuple[Statistics, dict]]:
    head = nnx.merge(graphdef, params, statistics)
    logits = head(batch["visual"], batch["audio"], batch["lengths"], rngs=nnx.Rngs(dropout=key))
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, batch["scenes"]).mean()
    return loss, (nnx.to_pure_dict(nnx.state(head, nnx.BatchStat)), {})


@partial(jax.jit, static_argnames="graphdef")
def _answer(
    graphdef: nnx.GraphDef, params: Params, statistics: Statistics, batch: Batch
) -> Float[Array, "batch scenes"]:
    head = nnx.merge(graphdef, params, statistics)
    return jax.nn.softmax(head(batch["visual"], batch["audio"], batch["lengths"]))


def _cross_entropy(probabilities: Probabilities, clips: SceneClips) -> float:
    true = probabilities[np.arange(len(clips)), clips.scenes]
    return float(-np.log(np.maximum(true, np.finfo(np.float32).tiny)).mean())
