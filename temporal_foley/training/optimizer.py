"""Build the optimizer: warm-up, decay, clipping, weight decay, accumulation."""

import dataclasses
from typing import Literal

import jax
import optax
from jaxtyping import Array, PyTree


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW (Loshchilov and Hutter, ICLR 2019) and its schedule."""

    learning_rate: float = 1e-3
    """Its maximum, after the warm-up."""
    warmup_steps: int = 100
    decay: Literal["cosine", "linear", "none"] = "cosine"
    weight_decay: float = 1e-2
    """Of kernels only; biases, null embeddings and other vectors do not decay."""
    clip_norm: float = 1.0
    """Largest norm of all gradients together; 0 for no limit."""
    accumulate: int = 1
    """Batches per update."""

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise ValueError(f"optimizer.learning_rate must be above 0, got {self.learning_rate}")
        for name in ("warmup_steps", "weight_decay", "clip_norm"):
            if getattr(self, name) < 0:
                raise ValueError(f"optimizer.{name} must be at least 0, got {getattr(self, name)}")
        if self.decay not in ("cosine", "linear", "none"):
            raise ValueError("optimizer.decay must be cosine, linear or none")
        if self.accumulate < 1:
            raise ValueError(f"optimizer.accumulate must be at least 1, got {self.accumulate}")


def make_schedule(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """Return the learning rate as a function of the update's number.

    Args:
        config: Its shape.
        steps: Batches of the whole run.
    """
    updates = max(1, -(-steps // config.accumulate))
    warmup = min(config.warmup_steps, max(updates - 1, 0))
    rest = max(1, updates - warmup)
    peak = config.learning_rate
    if config.decay == "cosine":
        falling = optax.cosine_decay_schedule(peak, rest)
    elif config.decay == "linear":
        falling = optax.linear_schedule(peak, 0.0, rest)
    else:
        falling = optax.constant_schedule(peak)
    if not warmup:
        return falling
    # Not from 0, which would waste the first batch.
    rising = optax.linear_schedule(peak / warmup, peak, max(1, warmup - 1))
    return optax.join_schedules([rising, falling], [warmup])


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Make the optimizer for a run of `steps` batches."""
    parts = [optax.clip_by_global_norm(config.clip_norm)] if config.clip_norm else []
    parts.append(
        optax.adamw(make_schedule(config, steps), weight_decay=config.weight_decay, mask=_is_kernel)
    )
    tx = optax.chain(*parts)
    if config.accumulate == 1:
        return tx
    every = optax.MultiSteps(tx, config.accumulate)
    return optax.GradientTransformation(every.init, every.update)  # type: ignore[arg-type]


def _is_kernel(params: PyTree[Array]) -> PyTree[bool]:
    def judge(path: tuple, leaf: Array) -> bool:
        return leaf.ndim >= 2 and "kernel" in str(path[-1])

    return jax.tree_util.tree_map_with_path(judge, params)
