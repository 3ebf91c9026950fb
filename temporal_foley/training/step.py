"""Build the jitted update of a training state.

Nothing in a step depends on when it runs: its random numbers derive from the key and the step's
number, so a resumed run repeats the same steps bit for bit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, PyTree, Shaped

Params = PyTree[Array | np.ndarray]
Statistics = PyTree[Array | np.ndarray]
HostBatch = dict[str, Shaped[np.ndarray, "batch ..."]]
Batch = dict[str, Shaped[Array, "batch ..."]]
Measured = dict[str, Float[Array, ""]]
LossFn = Callable[
    [Params, Statistics, Batch, Key[Array, ""]],
    tuple[Float[Array, ""], tuple[Statistics, Measured]],
]
Step = Callable[["TrainState", Batch | HostBatch], tuple["TrainState", Measured]]


class TrainState(NamedTuple):
    """Everything that a step reads and replaces; also the content of a checkpoint."""

    step: Int[Array | np.ndarray, ""]
    params: Params
    statistics: Statistics
    """Measured numbers that are not trained, such as the means of BatchNorm."""
    opt_state: Any
    ema: Params | None
    """A running mean of the parameters, if one is kept; it is what is released."""


def init_state(
    params: Params,
    statistics: Statistics,
    tx: optax.GradientTransformation,
    *,
    ema: bool = False,
) -> TrainState:
    """Make the state before the first step."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        statistics=statistics,
        opt_state=tx.init(params),
        # A copy: a step gives its input's memory away, each array once.
        ema=jax.tree.map(jnp.copy, params) if ema else None,
    )


def make_train_step(
    loss_fn: LossFn,
    tx: optax.GradientTransformation,
    key: Key[Array, ""],
    *,
    ema_decay: float = 0.0,
) -> Step:
    """Build the jitted update.

    Args:
        loss_fn: Returns the loss of (params, statistics, batch, key), the updated statistics, and
            further measurements.
        tx: Turns gradients into updates.
        key: Of the run; each step folds its number into it.
        ema_decay: Decay of the running mean, if the state has one. It is less in the first steps,
            as in TensorFlow's ExponentialMovingAverage.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Measured]:
        step_key = jax.random.fold_in(key, state.step)
        (loss, (statistics, measured)), grads = jax.value_and_grad(loss_fn, has_aux=True)(
            state.params, state.statistics, batch, step_key
        )
        updates, opt_state = tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = state.ema
        if ema is not None:
            done = state.step.astype(jnp.float32)
            decay = jnp.minimum(ema_decay, (1.0 + done) / (10.0 + done))
            ema = jax.tree.map(lambda old, new: decay * old + (1.0 - decay) * new, ema, params)
        measured = {
            "loss": loss,
            "grad_norm": optax.tree.norm(grads),
            "param_norm": optax.tree.norm(params),
            **measured,
        }
        return TrainState(state.step + 1, params, statistics, opt_state, ema), measured

    return jax.jit(step, donate_argnums=0)
