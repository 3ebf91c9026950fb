"""Train a scene head on the training loop, keeping the weights of the best validation loss.

The recipe is that of DCASE 2021 task 1B (Wang et al., ICASSP 2021), which the report builds upon:
each modality standardised, Adam, cross-entropy, and the weights of the best validation loss.
"""

import dataclasses
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
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
from temporal_foley.training.loop import LoopConfig, train
from temporal_foley.training.mesh import make_mesh
from temporal_foley.training.step import (
    Batch,
    HostBatch,
    Measured,
    Params,
    Statistics,
    Step,
    TrainState,
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
    """Epochs without a better validation loss after which training ends; 0: it never ends early."""
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
    """Mean over its steps, during training and with dropout."""
    validation: float


class FittedHead(NamedTuple):
    """A head with the weights of its best epoch."""

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
        """Number of trained parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.params))


def fit_scene_head(
    config: SceneConfig, fit: FitConfig, train_clips: SceneClips, validation: SceneClips
) -> FittedHead:
    """Train a head.

    Each epoch goes through the clips in another order and leaves out those that would not fill a
    last batch.
    """
    batch = min(fit.batch, len(train_clips))
    if batch < 2:
        raise FoleyError(f"{len(train_clips)} clips to train on are too few; give at least 2")
    standards = measure_standards(train_clips)
    clips, validation = _inputs_of(config, train_clips), _inputs_of(config, validation)
    graphdef, params, statistics = _init(config, clips, fit.seed)
    tx, step = _step(graphdef, fit.learning_rate, fit.weight_decay, fit.seed)
    head = FittedHead(config, graphdef, params, statistics, standards, (), 0)
    per_epoch = len(clips) // batch

    def batches(first: int) -> Iterator[HostBatch]:
        for epoch in range(first // per_epoch + 1, fit.epochs + 1):
            # From the epoch's number alone, so that an epoch is the same wherever a run begins.
            order = np.random.default_rng([fit.seed, epoch]).permutation(len(clips))
            for start in range(0, per_epoch * batch, batch):
                yield standardised_batch(clips, order[start : start + batch], standards)

    def evaluate(state: TrainState) -> dict[str, float]:
        now = head._replace(params=state.params, statistics=state.statistics)
        loss = _cross_entropy(_predict(now, validation, fit.batch), validation)
        return {"loss": loss, "score": -loss}

    outcome = train(
        None,
        state=init_state(params, statistics, tx),
        step_fn=step,
        batches=batches,
        steps=fit.epochs * per_epoch,
        evaluate=evaluate,
        score="score",
        config=LoopConfig(log_every=per_epoch, evaluate_every=per_epoch, patience=fit.patience),
        mesh=make_mesh(),
        show=False,
    )
    if outcome.best is None:
        raise KeyboardInterrupt
    rows = [[row for row in outcome.rows if name in row] for name in ("loss", "validation/loss")]
    return head._replace(
        params=outcome.best.params,
        statistics=outcome.best.statistics,
        best_epoch=int(outcome.best.step) // per_epoch,
        losses=tuple(
            EpochLosses(trained["loss"], judged["validation/loss"])
            for trained, judged in zip(*rows, strict=True)
        ),
    )


def predict_scenes(head: FittedHead, clips: SceneClips, *, batch: int = 256) -> Probabilities:
    """Return the probability of each scene for each clip."""
    return _predict(head, _inputs_of(head.config, clips), batch)


def _inputs_of(config: SceneConfig, clips: SceneClips) -> SceneClips:
    return mean_over_time(clips) if config.reads_means else clips


def _predict(head: FittedHead, clips: SceneClips, batch: int) -> Probabilities:
    answers = []
    for first in range(0, len(clips), batch):
        wanted = np.arange(first, first + batch)
        # The last batch is padded: another size would be compiled again.
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
) -> tuple[Float[Array, ""], tuple[Statistics, Measured]]:
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
