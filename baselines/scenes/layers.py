"""Layers of the scene heads that equal PyTorch's: linear, batch normalisation, BiLSTM.

flax's layers differ from the report's code: its LSTM has one bias where PyTorch has two, its batch
normalisation keeps the biased variance, and its weights are initialised differently.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

Rows = Float[Array, "batch features"]
FrameRows = Float[Array, "batch frames features"]
FrameMask = Bool[Array, "batch frames"]

_EPSILON = 1e-5
# Share of the running statistics that a batch replaces.
_MOMENTUM = 0.1
_GATES = 4


class Dense(nnx.Module):
    """A linear map initialised as in PyTorch: uniform within one by the root of its inputs."""

    def __init__(self, features: int, outputs: int, *, rngs: nnx.Rngs):
        self.kernel = nnx.Param(_draw(rngs, (features, outputs), features))
        self.bias = nnx.Param(_draw(rngs, (outputs,), features))

    def __call__(self, rows: Float[Array, "*axes features"]) -> Float[Array, "*axes outputs"]:
        return rows @ self.kernel[...] + self.bias[...]


class BatchNorm(nnx.Module):
    """Batch normalisation (Ioffe and Szegedy, ICML 2015) over the rows of a batch."""

    def __init__(self, features: int):
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.mean = nnx.BatchStat(jnp.zeros(features))
        self.variance = nnx.BatchStat(jnp.ones(features))

    def __call__(self, rows: Rows, *, trains: bool) -> Rows:
        mean, variance = self.mean[...], self.variance[...]
        if trains:
            batch = rows.shape[0]
            if batch < 2:
                raise ValueError(f"a batch to train on must have at least 2 rows, got {batch}")
            mean, variance = rows.mean(axis=0), rows.var(axis=0)
            # A batch is normalised by its own variance; the running one is the unbiased estimate.
            kept = variance * (batch / (batch - 1))
            self.mean[...] = (1 - _MOMENTUM) * self.mean[...] + _MOMENTUM * mean
            self.variance[...] = (1 - _MOMENTUM) * self.variance[...] + _MOMENTUM * kept
        normal = (rows - mean) * jax.lax.rsqrt(variance + _EPSILON)
        return normal * self.scale[...] + self.bias[...]


class Embed(nnx.Module):
    """Embedding of a modality: linear, batch normalisation, ReLU, dropout, linear."""

    def __init__(self, features: int, hidden: int, outputs: int, dropout: float, *, rngs: nnx.Rngs):
        self.wide = Dense(features, hidden, rngs=rngs)
        self.norm = BatchNorm(hidden)
        self.dropout = nnx.Dropout(dropout)
        self.narrow = Dense(hidden, outputs, rngs=rngs)

    def __call__(self, rows: Rows, *, rngs: nnx.Rngs | None) -> Rows:
        hidden = jax.nn.relu(self.norm(self.wide(rows), trains=rngs is not None))
        return self.narrow(self.dropout(hidden, deterministic=rngs is None, rngs=rngs))


class Direction(nnx.Module):
    """One LSTM in one direction; the gates are in the order input, forget, cell, output."""

    def __init__(self, features: int, hidden: int, *, rngs: nnx.Rngs):
        self.hidden = hidden
        self.inward = nnx.Param(_draw(rngs, (features, _GATES * hidden), hidden))
        self.inward_bias = nnx.Param(_draw(rngs, (_GATES * hidden,), hidden))
        self.across = nnx.Param(_draw(rngs, (hidden, _GATES * hidden), hidden))
        self.across_bias = nnx.Param(_draw(rngs, (_GATES * hidden,), hidden))

    def __call__(self, frames: FrameRows, mask: FrameMask, *, backwards: bool) -> FrameRows:
        """Read the frames; padded ones do not change the state and return 0."""
        # The product with the input is one for all frames; only the rest is sequential.
        inward = frames @ self.inward[...] + self.inward_bias[...] + self.across_bias[...]
        across = self.across[...]

        def read(
            carry: tuple[Rows, Rows], now: tuple[Rows, Bool[Array, " batch"]]
        ) -> tuple[tuple[Rows, Rows], Rows]:
            hidden, cell = carry
            gates = now[0] + hidden @ across
            enter, forget, new, out = jnp.split(gates, _GATES, axis=-1)
            next_cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(enter) * jnp.tanh(new)
            next_hidden = jax.nn.sigmoid(out) * jnp.tanh(next_cell)
            is_real = now[1][:, None]
            kept = (jnp.where(is_real, next_hidden, hidden), jnp.where(is_real, next_cell, cell))
            return kept, jnp.where(is_real, next_hidden, 0.0)

        zeros = jnp.zeros((frames.shape[0], self.hidden), frames.dtype)
        by_time = (jnp.swapaxes(inward, 0, 1), mask.T)
        _, answers = jax.lax.scan(read, (zeros, zeros), by_time, reverse=backwards)
        return jnp.swapaxes(answers, 0, 1)


class BiLstm(nnx.Module):
    """Stacked pairs of LSTMs in both directions (Graves and Schmidhuber, 2005)."""

    def __init__(self, features: int, hidden: int, *, depth: int, rngs: nnx.Rngs):
        widths = [features] + [2 * hidden] * (depth - 1)
        self.ahead = nnx.List([Direction(width, hidden, rngs=rngs) for width in widths])
        self.behind = nnx.List([Direction(width, hidden, rngs=rngs) for width in widths])

    def __call__(self, frames: FrameRows, mask: FrameMask) -> FrameRows:
        for ahead, behind in zip(self.ahead, self.behind, strict=True):
            both = (ahead(frames, mask, backwards=False), behind(frames, mask, backwards=True))
            frames = jnp.concatenate(both, axis=-1)
        return frames


def _draw(rngs: nnx.Rngs, shape: tuple[int, ...], fan_in: int) -> Float[Array, "..."]:
    bound = fan_in**-0.5
    return jax.random.uniform(rngs.params(), shape, minval=-bound, maxval=bound)
