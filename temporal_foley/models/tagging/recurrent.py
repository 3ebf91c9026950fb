"""Recurrent layers: features over time in, hidden states over time out; padding never leaks.

A layer reads a sequence in one or both directions. The backward direction begins at a clip's last
real frame: its rows are turned round within their lengths, and both directions run as one batch, so
that a scan takes one step where two scans would take two. What a cell takes from its input is one
matrix product over all frames, outside the scan.

Cells: GRU (Cho et al., EMNLP 2014, with the reset gate behind the product, as cuDNN and PyTorch
have it), LSTM (Hochreiter and Schmidhuber, Neural Computation 9, 1997) and minGRU (Feng et al.,
"Were RNNs All We Needed?", 2024), whose gate does not look at the state, so that all frames are
worked out by a parallel scan in a logarithmic number of steps.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

CellName = Literal["gru", "lstm", "mingru"]
Frames = Float[Array, "batch frames features"]
Lengths = Int[Array, " batch"]
# What goes from frame to frame, for each direction: GRU and minGRU one array, LSTM two.
Carry = Float[Array, "parts directions batch hidden"]

CELLS: dict[CellName, int] = {"gru": 3, "lstm": 4, "mingru": 2}
"""Cells, and how many values a hidden unit takes from its input."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """Shape of the recurrent layers."""

    cell: CellName | Literal["none"] = "gru"
    """`none`: frames are judged one by one."""
    hidden: int = 128
    """Units in each direction."""
    layers: int = 1
    dropout: float = 0.2
    """On what goes into each layer."""
    look_ahead_frames: int | None = None
    """None reads a clip from both ends. A number reads it forward only and answers so many frames
    late: what runs live cannot know more of the future."""

    def __post_init__(self) -> None:
        if self.cell != "none" and self.cell not in CELLS:
            raise ValueError(f"recurrent.cell must be none or one of {', '.join(CELLS)}")
        for name in ("hidden", "layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"recurrent.{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"recurrent.dropout must be in [0, 1), got {self.dropout}")
        if self.look_ahead_frames is not None and self.look_ahead_frames < 0:
            raise ValueError(
                f"recurrent.look_ahead_frames must be at least 0, got {self.look_ahead_frames}"
            )

    @property
    def directions(self) -> int:
        """1 forward only, 2 both ways."""
        return 1 if self.look_ahead_frames is not None else 2

    @property
    def features(self) -> int:
        """How many values a frame has behind the layers."""
        return 0 if self.cell == "none" else self.directions * self.hidden


class RecurrentLayer(nnx.Module):
    """One layer, in one or both directions; states on padded frames are finite but meaningless."""

    def __init__(
        self, cell: CellName, features: int, hidden: int, directions: int, *, rngs: nnx.Rngs
    ):
        self.cell: CellName = cell
        self.hidden = hidden
        self.directions = directions
        gates = CELLS[cell] * hidden
        into = jax.nn.initializers.lecun_normal(batch_axis=0)
        self.kernel = nnx.Param(into(rngs.params(), (directions, features, gates)))
        bias = jnp.zeros((directions, gates))
        if cell == "lstm":
            # A forget gate that starts open keeps gradients alive (Jozefowicz et al., 2015).
            bias = bias.at[:, hidden : 2 * hidden].set(1.0)
        self.bias = nnx.Param(bias)
        if cell != "mingru":
            around = jax.nn.initializers.orthogonal(column_axis=-1)
            keys = jax.random.split(rngs.params(), directions)
            square = [
                jnp.concatenate(
                    [around(k, (hidden, hidden)) for k in jax.random.split(key, CELLS[cell])], -1
                )
                for key in keys
            ]
            self.recurrent_kernel = nnx.Param(jnp.stack(square))
        if cell == "gru":
            self.candidate_bias = nnx.Param(jnp.zeros((directions, hidden)))

    @property
    def carry_parts(self) -> int:
        """How many arrays go from frame to frame."""
        return 2 if self.cell == "lstm" else 1

    def __call__(self, frames: Frames, lengths: Lengths) -> Frames:
        """Read whole clips, from both ends if it has two directions."""
        batch = frames.shape[0]
        zeros = jnp.zeros((self.carry_parts, self.directions, batch, self.hidden))
        rows = frames[None]
        if self.directions == 2:
            rows = jnp.stack([frames, turn_round(frames, lengths)])
        states, _ = self.read(rows, lengths, zeros)
        if self.directions == 1:
            return states[0]
        return jnp.concatenate([states[0], turn_round(states[1], lengths)], axis=-1)

    def read(
        self,
        rows: Float[Array, "directions batch frames features"],
        lengths: Lengths,
        carry: Carry,
        *,
        direction: int | None = None,
    ) -> tuple[Float[Array, "directions batch frames hidden"], Carry]:
        """Read stretches, each direction in its own order; return states and the last carry.

        With a `direction` only that one is read, and the axis of directions is 1 long.
        """
        one = slice(None) if direction is None else slice(direction, direction + 1)
        dtype = rows.dtype
        kernel, bias = self.kernel[...][one], self.bias[...][one]
        gates = jnp.einsum("dbtf,dfg->dbtg", rows, kernel.astype(dtype)) + bias[
            :, None, None
        ].astype(dtype)
        # The state itself stays in single precision, whatever the products are done in.
        gates = gates.astype(jnp.float32)
        is_real = jnp.arange(rows.shape[2])[None, :] < lengths[:, None]
        if self.cell == "mingru":
            return _read_mingru(gates, is_real, carry)
        square = self.recurrent_kernel[...][one]
        if self.cell == "gru":
            step = _gru_step(square, self.candidate_bias[...][one])
        else:
            step = _lstm_step(square)
        return _read_in_order(step, gates, is_real, carry)


def turn_round(frames: Frames, lengths: Lengths) -> Frames:
    """Turn the real frames of each row round; padding stays behind them."""
    place = jnp.arange(frames.shape[1])[None, :]
    turned = jnp.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    return jnp.take_along_axis(frames, turned[..., None], axis=1)


def look_ahead(states: Frames, lengths: Lengths, frames_ahead: int) -> Frames:
    """Give each frame the state of `frames_ahead` frames later, or of its clip's last frame."""
    place = jnp.arange(states.shape[1])[None, :] + frames_ahead
    last = jnp.maximum(lengths[:, None] - 1, 0)
    return jnp.take_along_axis(states, jnp.minimum(place, last)[..., None], axis=1)


Step = Callable[[Carry, Float[Array, "directions batch gates"]], Carry]


def _read_in_order(
    step: Step,
    gates: Float[Array, "directions batch frames gates"],
    is_real: Bool[Array, "batch frames"],
    carry: Carry,
) -> tuple[Array, Carry]:
    def advance(carry: Carry, inputs: tuple[Array, Array]) -> tuple[Carry, Array]:
        gates, real = inputs
        # Behind the end of a clip the state stands still.
        carry = jnp.where(real[None, None, :, None], step(carry, gates), carry)
        return carry, carry[0]

    carry, states = jax.lax.scan(advance, carry, (jnp.moveaxis(gates, 2, 0), is_real.T))
    return jnp.moveaxis(states, 0, 2), carry


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


def _read_mingru(
    gates: Float[Array, "directions batch frames gates"],
    is_real: Bool[Array, "batch frames"],
    carry: Carry,
) -> tuple[Array, Carry]:
    update_in, candidate = jnp.split(gates, 2, axis=-1)
    update = jax.nn.sigmoid(update_in) * is_real[None, :, :, None]

    def join(first: Affine, second: Affine) -> Affine:
        return Affine(
            scale=first.scale * second.scale, shift=second.scale * first.shift + second.shift
        )

    # state = (1 - update) * state + update * candidate is an affine map; maps join in any order.
    maps = Affine(scale=1.0 - update, shift=update * jnp.tanh(candidate))
    until = jax.lax.associative_scan(join, maps, axis=2)
    states = until.scale * carry[0][:, :, None] + until.shift
    return states, states[:, :, -1][None]


class Affine(NamedTuple):
    """The map from one state to a later one: `scale * state + shift`."""

    scale: Array
    shift: Array
