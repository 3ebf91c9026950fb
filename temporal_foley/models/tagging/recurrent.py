"""Read a sequence from both ends with recurrent layers; padding never reaches real frames.

The backward direction begins at a clip's last real frame: rows are reversed within their lengths,
and both directions run as one batch, so that a scan takes one step where two scans would take two.
What a cell takes from its input is one matrix product over all frames, outside the scan.

Cells: GRU (Cho et al., EMNLP 2014, with the reset gate after the product, as in cuDNN and PyTorch),
LSTM (Hochreiter and Schmidhuber, Neural Computation 9, 1997) and minGRU (Feng et al., "Were RNNs
All We Needed?", 2024), whose gate does not depend on the state, so that all frames are computed by
a parallel scan in a logarithmic number of steps.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

CellName = Literal["gru", "lstm", "mingru"]
Lengths = Int[Array | np.ndarray, " batch"]
# What a cell passes from frame to frame: GRU one array, LSTM two.
Carry = Float[Array, "parts directions batch hidden"]
Gates = Float[Array, "directions batch frames gates"]
States = Float[Array, "directions batch frames hidden"]
Step = Callable[[Carry, Float[Array, "directions batch gates"]], Carry]

CELLS: dict[CellName, int] = {"gru": 3, "lstm": 4, "mingru": 2}
"""Cells, and the number of values that a hidden unit takes from its input."""
DIRECTIONS = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """Shape of the recurrent layers."""

    cell: CellName | Literal["none"] = "gru"
    """`none`: every frame is tagged by itself."""
    hidden: int = 128
    """Units in each direction."""
    layers: int = 1
    dropout: float = 0.2
    """On the input of each layer."""

    def __post_init__(self) -> None:
        if self.cell != "none" and self.cell not in CELLS:
            raise ValueError(f"recurrent.cell must be none or one of {', '.join(CELLS)}")
        for name in ("hidden", "layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"recurrent.{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"recurrent.dropout must be in [0, 1), got {self.dropout}")

    @property
    def features(self) -> int:
        """Number of values per frame after the layers."""
        return 0 if self.cell == "none" else DIRECTIONS * self.hidden


class RecurrentLayer(nnx.Module):
    """One layer in both directions; states of padded frames are finite but meaningless."""

    def __init__(self, cell: CellName, features: int, hidden: int, *, rngs: nnx.Rngs):
        self.cell: CellName = cell
        self.hidden = hidden
        gates = CELLS[cell] * hidden
        into = jax.nn.initializers.lecun_normal(batch_axis=0)
        self.kernel = nnx.Param(into(rngs.params(), (DIRECTIONS, features, gates)))
        bias = jnp.zeros((DIRECTIONS, gates))
        if cell == "lstm":
            # A forget gate that starts open keeps gradients alive (Jozefowicz et al., 2015).
            bias = bias.at[:, hidden : 2 * hidden].set(1.0)
        self.bias = nnx.Param(bias)
        if cell != "mingru":
            square = jax.nn.initializers.orthogonal(column_axis=-1)
            kernels = [
                [square(k, (hidden, hidden)) for k in jax.random.split(key, CELLS[cell])]
                for key in jax.random.split(rngs.params(), DIRECTIONS)
            ]
            self.recurrent_kernel = nnx.Param(
                jnp.stack([jnp.concatenate(parts, axis=-1) for parts in kernels])
            )
        if cell == "gru":
            self.candidate_bias = nnx.Param(jnp.zeros((DIRECTIONS, hidden)))

    def __call__(
        self, frames: Float[Array, "batch frames features"], lengths: Lengths
    ) -> Float[Array, "batch frames states"]:
        """Read whole clips from both ends."""
        dtype = frames.dtype
        rows = jnp.stack([frames, reverse_frames(frames, lengths)])
        gates = jnp.einsum("dbtf,dfg->dbtg", rows, self.kernel[...].astype(dtype))
        # The state itself stays in single precision, whatever the products are computed in.
        gates = (gates + self.bias[...][:, None, None].astype(dtype)).astype(jnp.float32)
        is_real = jnp.arange(frames.shape[1])[None, :] < lengths[:, None]
        if self.cell == "mingru":
            states = _read_mingru(gates, is_real)
        elif self.cell == "gru":
            step = _gru_step(self.recurrent_kernel[...], self.candidate_bias[...])
            states = _read_in_order(step, gates, is_real, parts=1, hidden=self.hidden)
        else:
            step = _lstm_step(self.recurrent_kernel[...])
            states = _read_in_order(step, gates, is_real, parts=2, hidden=self.hidden)
        return jnp.concatenate([states[0], reverse_frames(states[1], lengths)], axis=-1)


def reverse_frames(
    frames: Float[Array, "batch frames features"], lengths: Lengths
) -> Float[Array, "batch frames features"]:
    """Reverse the real frames of each row; padding stays after them."""
    place = jnp.arange(frames.shape[1])[None, :]
    reversed_place = jnp.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    return jnp.take_along_axis(frames, reversed_place[..., None], axis=1)


def _read_in_order(
    step: Step, gates: Gates, is_real: Bool[Array, "batch frames"], *, parts: int, hidden: int
) -> States:
    def advance(carry: Carry, inputs: tuple[Array, Array]) -> tuple[Carry, Array]:
        gates, real = inputs
        # After the end of a clip the state no longer changes.
        carry = jnp.where(real[None, None, :, None], step(carry, gates), carry)
        return carry, carry[0]

    zeros = jnp.zeros((parts, *gates.shape[:2], hidden))
    _, states = jax.lax.scan(advance, zeros, (jnp.moveaxis(gates, 2, 0), is_real.T))
    return jnp.moveaxis(states, 0, 2)


def _gru_step(square: Array, candidate_bias: Array) -> Step:
    def step(carry: Carry, gates: Array) -> Carry:
        (state,) = carry
        around = jnp.einsum("dbh,dhg->dbg", state, square)
        reset_in, update_in, candidate_in = jnp.split(gates, 3, axis=-1)
        reset_around, update_around, candidate_around = jnp.split(around, 3, axis=-1)
        reset = jax.nn.sigmoid(reset_in + reset_around)
        update = jax.nn.sigmoid(update_in + update_around)
        candidate = jnp.tanh(candidate_in + reset * (candidate_around + candidate_bias[:, None]))
        return ((1.0 - update) * candidate + update * state)[None]

    return step


def _lstm_step(square: Array) -> Step:
    def step(carry: Carry, gates: Array) -> Carry:
        state, cell = carry
        around = gates + jnp.einsum("dbh,dhg->dbg", state, square)
        into, forget, candidate, out = jnp.split(around, 4, axis=-1)
        cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(into) * jnp.tanh(candidate)
        return jnp.stack([jax.nn.sigmoid(out) * jnp.tanh(cell), cell])

    return step


class Affine(NamedTuple):
    """The map from one state to a later one: `scale * state + shift`."""

    scale: Array
    shift: Array


def _read_mingru(gates: Gates, is_real: Bool[Array, "batch frames"]) -> States:
    update_in, candidate = jnp.split(gates, 2, axis=-1)
    update = jax.nn.sigmoid(update_in) * is_real[None, :, :, None]

    def join(first: Affine, second: Affine) -> Affine:
        return Affine(
            scale=first.scale * second.scale, shift=second.scale * first.shift + second.shift
        )

    # state = (1 - update) * state + update * candidate is an affine map, and composing such maps
    # is associative. The first state is 0, so only the shifts remain.
    maps = Affine(scale=1.0 - update, shift=update * jnp.tanh(candidate))
    return jax.lax.associative_scan(join, maps, axis=2).shift
