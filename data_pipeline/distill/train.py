"""Windows with the teacher's answers in, the weights of a student that gives them too out.

The loss compares embeddings, column by column and averaged over each window, and what the teacher's
own tag layer makes of the averages (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural
Network", 2015; of embeddings: Romero et al., "FitNets", ICLR 2015).
"""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from flax import nnx
from jaxtyping import Array, Float, Int, Key, PyTree

from data_pipeline.distill.windows import Windows, read_shard
from temporal_foley.errors import FoleyError
from temporal_foley.models.audio import AudioTeacher
from temporal_foley.models.audio.columns import count_columns
from temporal_foley.models.audio.mel import mel_frames
from temporal_foley.models.audio.student import (
    COLUMNS_EACH,
    FOLD,
    StudentNetwork,
    load_student,
    named,
)
from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
from temporal_foley.training.step import (
    Batch,
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
_TOLD_EVERY = 50
_MEASURED_SHARDS = 4

Columns = Float[Array, "batch columns features"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """How a student is trained."""

    steps: int = 8_000
    batch: int = 32
    """Windows of 16 columns in a step; of others as many as last as long."""
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.batch < 2:
            raise ValueError(f"batch must be at least 2, got {self.batch}")


class WindowStore:
    """All shards of some folders, in memory; those that come later are found, too."""

    def __init__(self, folders: Sequence[Path]):
        self.folders = folders
        self._shards: dict[Path, Windows] = {}
        self.refresh()
        if not self._shards:
            raise FoleyError(f"{folders[0]}: no windows; make some with `distill windows`")

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

    def draw(self, rng: np.random.Generator, batch: int) -> Batch:
        """Draw windows of one length."""
        shards = self.shards
        shard = shards[rng.integers(len(shards))]
        wanted = max(2, batch * 16 // shard.columns.shape[1])
        rows = rng.choice(len(shard.samples), min(wanted, len(shard.samples)), replace=False)
        return batch_of(shard, np.sort(rows))


def batch_of(shard: Windows, rows: Int[np.ndarray, " batch"]) -> Batch:
    """Take windows out of a shard, with what is real in them."""
    samples = shard.samples[rows]
    return {
        "mel": jnp.asarray(shard.mel[rows], jnp.float32),
        "teacher": jnp.asarray(shard.columns[rows], jnp.float32),
        "mel_frames": jnp.asarray(mel_frames(samples, FOLD)),
        "teacher_columns": jnp.asarray(count_columns(samples)),
        "student_columns": jnp.asarray(count_columns(samples, COLUMNS_EACH)),
    }


def params_from_teacher(teacher: AudioTeacher) -> Params:
    """Cut the student's first weights out of the teacher."""
    _, state = nnx.split(nnx.eval_shape(StudentNetwork))
    wanted = nnx.to_pure_dict(state)
    blocks = {index: teacher.params["blocks"][index] for index in wanted["blocks"]}
    found = {"stem": teacher.params["stem"], "blocks": blocks, "head": teacher.params["head"]}
    return jax.tree.map(lambda _, leaf: jnp.array(leaf), wanted, found)


def between_columns(teacher: Columns, real: Int[Array, " batch"]) -> Columns:
    """Interpolate the teacher's columns at those of the student; behind the last it is level."""
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
    """Build the loss; `spread` is by how much each feature varies from window to window."""
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
    start: Path | None,
    log: Callable[[str], None],
) -> None:
    """Train a student and write its weights, every few hundred steps and at the end.

    Args:
        folders: where the windows are.
        out: the weights, a running mean over the last steps.
        work: where the state is kept, and found when the run is started again.
        teacher: whose answers they are.
        config: how to train.
        start: a student to begin with, in place of what is cut out of the teacher.
        log: is told how it goes.
    """
    work.mkdir(parents=True, exist_ok=True)
    store = WindowStore(folders)
    spread = _spread(store.shards[:_MEASURED_SHARDS])
    tx = make_optimizer(
        OptimizerConfig(learning_rate=config.learning_rate, weight_decay=1e-4), config.steps
    )
    params = load_student(start).params if start else params_from_teacher(teacher)
    state = _restored(init_state(params, {}, tx, ema=True), work)
    step = make_train_step(
        make_loss(teacher, spread), tx, jax.random.key(config.seed), ema_decay=_EMA_DECAY
    )
    waiting: list[Measured] = []
    for number in range(int(state.step), config.steps):
        rng = np.random.default_rng([config.seed, number])
        state, measured = step(state, store.draw(rng, config.batch))
        waiting.append(measured)
        done = number + 1
        if done % _TOLD_EVERY == 0 or done == config.steps:
            means = {k: float(np.mean([m[k] for m in waiting])) for k in measured}
            waiting.clear()
            if not np.isfinite(means["loss"]):
                raise FoleyError(f"{work}: the loss is no number at step {done}; lower the rate")
            log(json.dumps({"step": done, **{k: round(v, 5) for k, v in means.items()}}))
        if done % _SAVED_EVERY == 0 or done == config.steps:
            _save(state, work, out)
            store.refresh()


def _spread(shards: Sequence[Windows]) -> Float[np.ndarray, " features"]:
    means = [
        np.asarray(masked_mean(batch["teacher"], batch["teacher_columns"]))
        for batch in (batch_of(shard, np.arange(len(shard.samples))) for shard in shards)
    ]
    return np.concatenate(means).std(axis=0)


def _save(state: TrainState, work: Path, out: Path) -> None:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    unfinished = work / f"state.{os.getpid()}.part"
    with unfinished.open("wb") as file:
        np.savez(file, *leaves)
    unfinished.replace(work / "state.npz")
    unfinished = out.with_suffix(f".{os.getpid()}.part")
    unfinished.write_bytes(safetensors.numpy.save(named(state.ema)))
    unfinished.replace(out)


def _restored(state: TrainState, work: Path) -> TrainState:
    path = work / "state.npz"
    if not path.exists():
        return state
    leaves, structure = jax.tree.flatten(state)
    with np.load(path) as arrays:
        saved = [arrays[f"arr_{number}"] for number in range(len(arrays.files))]
    if [leaf.shape for leaf in leaves] != [leaf.shape for leaf in saved]:
        raise FoleyError(f"{path}: the state of another student; give another --work")
    return structure.unflatten(jnp.asarray(leaf) for leaf in saved)
