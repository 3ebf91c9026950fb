"""Train a student network to reproduce the teacher's embeddings of windows of sound.

The loss compares embeddings, column by column and averaged over each window, and what the teacher's
own tag layer makes of the averages (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural
Network", 2015; of embeddings: Romero et al., "FitNets", ICLR 2015).
"""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from flax import nnx
from jaxtyping import Array, Float, Int, Key, PyTree

from data_pipeline.distill.windows import Windows, read_shard
from temporal_foley.errors import FoleyError
from temporal_foley.models.audio.efficientat import StudentNetwork
from temporal_foley.models.audio.geometry import COLUMNS_EACH, FOLD, count_columns, mel_frames
from temporal_foley.models.audio.student import load_student
from temporal_foley.models.audio.teacher import AudioTeacher
from temporal_foley.models.named_weights import name_weights
from temporal_foley.training.loop import LoopConfig, Run, train
from temporal_foley.training.mesh import make_mesh
from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
from temporal_foley.training.step import (
    Batch,
    HostBatch,
    LossFn,
    Measured,
    Params,
    TrainState,
    init_state,
    make_train_step,
)

_COLUMN_WEIGHT, _TAG_WEIGHT = 0.5, 0.1
_EMA_DECAY = 0.998
_SAVED_EVERY = 250
_LOGGED_EVERY = 50
_MEASURED_SHARDS = 4

Columns = Float[Array, "batch columns features"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """How a student is trained."""

    steps: int = 8_000
    batch: int = 32
    """Windows of 16 columns per step; of other lengths as many as have the same duration."""
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.batch < 2:
            raise ValueError(f"batch must be at least 2, got {self.batch}")


class WindowStore:
    """All shards of some folders, in memory, including those that are added later."""

    def __init__(self, folders: Sequence[Path]):
        self.folders = folders
        self._shards: dict[Path, Windows] = {}
        self.refresh()
        if not self._shards:
            raise FoleyError(
                "has no windows", path=folders[0], remedy="make some with `distill windows`"
            )

    def refresh(self) -> None:
        """Read shards that are new."""
        for folder in self.folders:
            for path in sorted(folder.glob("windows-*.npz")):
                if path not in self._shards:
                    self._shards[path] = read_shard(path)

    @property
    def shards(self) -> list[Windows]:
        """The shards, in order."""
        return [self._shards[path] for path in sorted(self._shards)]

    def draw(self, rng: np.random.Generator, batch: int) -> HostBatch:
        """Draw windows of one length."""
        shards = self.shards
        shard = shards[rng.integers(len(shards))]
        wanted = max(2, batch * 16 // shard.columns.shape[1])
        rows = rng.choice(len(shard.samples), min(wanted, len(shard.samples)), replace=False)
        return batch_of(shard, np.sort(rows))


def batch_of(shard: Windows, rows: Int[np.ndarray, " batch"]) -> HostBatch:
    """Return some windows of a shard, with their numbers of real frames and columns."""
    samples = shard.samples[rows]
    return {
        "mel": shard.mel[rows].astype(np.float32),
        "teacher": shard.columns[rows].astype(np.float32),
        "mel_frames": mel_frames(samples, FOLD),
        "teacher_columns": count_columns(samples),
        "student_columns": count_columns(samples, COLUMNS_EACH),
    }


def params_from_teacher(teacher: AudioTeacher) -> Params:
    """Cut the student's first weights out of the teacher."""
    _, state = nnx.split(nnx.eval_shape(StudentNetwork))
    wanted = nnx.to_pure_dict(state)
    blocks = {index: teacher.params["blocks"][index] for index in wanted["blocks"]}
    found = {"stem": teacher.params["stem"], "blocks": blocks, "head": teacher.params["head"]}
    return jax.tree.map(lambda _, leaf: jnp.array(leaf), wanted, found)


def between_columns(teacher: Columns, real: Int[Array, " batch"]) -> Columns:
    """Interpolate the teacher's columns at those of the student; constant after the last."""
    last = (real - 1)[:, None]
    place = jnp.arange(COLUMNS_EACH * teacher.shape[1])
    before = jnp.minimum(place // COLUMNS_EACH, last)
    after = jnp.minimum(before + 1, last)
    part = (place % COLUMNS_EACH / COLUMNS_EACH)[None, :, None]
    left = jnp.take_along_axis(teacher, before[..., None], axis=1)
    right = jnp.take_along_axis(teacher, after[..., None], axis=1)
    return (1.0 - part) * left + part * right


def masked_mean(columns: Columns, real: Int[Array, " batch"]) -> Float[Array, "batch features"]:
    """Average the columns of each window that are real."""
    weight = (jnp.arange(columns.shape[1])[None, :] < real[:, None]).astype(columns.dtype)
    return jnp.einsum("btf,bt->bf", columns, weight) / weight.sum(axis=1, keepdims=True)


def make_loss(teacher: AudioTeacher, spread: Float[np.ndarray, " features"]) -> LossFn:
    """Build the loss; `spread` is the standard deviation of each feature over windows."""
    graphdef, _ = nnx.split(nnx.eval_shape(StudentNetwork))
    scale = 1.0 / jnp.asarray(np.maximum(spread, 0.05 * spread.mean()))

    def loss_fn(
        params: Params, statistics: PyTree[Array], batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[PyTree[Array], Measured]]:
        del key
        columns = nnx.merge(graphdef, params)(batch["mel"], batch["mel_frames"])
        wanted = between_columns(batch["teacher"], batch["teacher_columns"])
        real = batch["student_columns"]
        apart = jnp.square((columns - wanted) * scale).mean(axis=-1, keepdims=True)
        column_loss = masked_mean(apart, real).mean()
        found = masked_mean(columns, real)
        target = masked_mean(batch["teacher"], batch["teacher_columns"])
        clip_loss = jnp.square((found - target) * scale).mean()
        network = nnx.merge(teacher.graphdef, teacher.params)
        tag_loss = jnp.square(network.tag(found) - network.tag(target)).mean()
        loss = clip_loss + _COLUMN_WEIGHT * column_loss + _TAG_WEIGHT * tag_loss
        measured = {"window_error": clip_loss, "column_error": column_loss, "tag_error": tag_loss}
        return loss, (statistics, measured)

    return loss_fn


def distill(
    folders: Sequence[Path],
    out: Path,
    work: Path,
    teacher: AudioTeacher,
    config: DistillConfig,
    *,
    start: Path | None = None,
    show: bool = True,
) -> Run:
    """Train a student on the training loop, and write its weights.

    Args:
        folders: Of the windows.
        out: The weights: a running mean over the last steps.
        work: Folder of the run; the same command continues it.
        teacher: The network whose outputs are learnt.
        config: How to train.
        start: A student to begin with, in place of the one cut out of the teacher.
        show: Whether to draw a progress line.
    """
    store = WindowStore(folders)
    measured = store.shards[:_MEASURED_SHARDS]
    loss_fn = make_loss(teacher, _spread(measured))
    tx = make_optimizer(
        OptimizerConfig(learning_rate=config.learning_rate, weight_decay=1e-4), config.steps
    )
    params = load_student(start).params if start else params_from_teacher(teacher)
    key = jax.random.key(config.seed)
    fixed = [
        batch_of(shard, np.arange(min(config.batch, len(shard.samples)))) for shard in measured
    ]
    errors_of = jax.jit(lambda params, batch: loss_fn(params, {}, batch, key)[1][1])

    def evaluate(state: TrainState) -> dict[str, float]:
        parts = [jax.device_get(errors_of(state.ema, batch)) for batch in fixed]
        errors = {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
        return {**errors, "score": -errors["window_error"]}

    def batches(first: int) -> Iterator[HostBatch]:
        for number in range(first, config.steps):
            if number % _SAVED_EVERY == 0:
                store.refresh()
            yield store.draw(np.random.default_rng([config.seed, number]), config.batch)

    outcome = train(
        work,
        state=init_state(params, {}, tx, ema=True),
        step_fn=make_train_step(loss_fn, tx, key, ema_decay=_EMA_DECAY),
        batches=batches,
        steps=config.steps,
        evaluate=evaluate,
        score="score",
        config=LoopConfig(
            log_every=_LOGGED_EVERY, save_every=_SAVED_EVERY, evaluate_every=_SAVED_EVERY
        ),
        mesh=make_mesh(),
        identity={"config": dataclasses.asdict(config), "teacher": teacher.sha256},
        show=show,
    )
    if outcome.finished:
        unfinished = out.with_suffix(f".{os.getpid()}.part")
        unfinished.write_bytes(safetensors.numpy.save(name_weights(outcome.state.ema)))
        unfinished.replace(out)
    return outcome


def _spread(shards: Sequence[Windows]) -> Float[np.ndarray, " features"]:
    means = [
        np.asarray(masked_mean(*map(jnp.asarray, (batch["teacher"], batch["teacher_columns"]))))
        for batch in (batch_of(shard, np.arange(len(shard.samples))) for shard in shards)
    ]
    return np.concatenate(means).std(axis=0)
