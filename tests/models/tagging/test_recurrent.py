"""Test recurrent layers and the tagger: known answers, padding, directions, long clips."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from temporal_foley.models.programs.program import flattened
from temporal_foley.models.tagging.fusion import FUSIONS, FusionConfig
from temporal_foley.models.tagging.judging import TaggerPrograms, judge_clip
from temporal_foley.models.tagging.recurrent import (
    RecurrentConfig,
    RecurrentLayer,
    reverse_frames,
)
from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig, TaggerInputs

CELLS = ("gru", "lstm", "mingru")
EQUAL = 1e-5


def layer(cell, features=5, hidden=4):
    return RecurrentLayer(cell, features, hidden, rngs=nnx.Rngs(params=0))


def rows(batch=3, frames=7, features=5, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(batch, frames, features)), "f")


def test_frames_are_reversed_within_their_lengths():
    frames = jnp.arange(8.0).reshape(2, 4, 1)
    turned = reverse_frames(frames, jnp.array([3, 4]))
    assert turned[..., 0].tolist() == [[2, 1, 0, 3], [7, 6, 5, 4]]


def test_gru_equals_the_equations_written_out():
    one = layer("gru")
    frames = rows(1, 4)
    kernel, bias = one.kernel[...][0], one.bias[...][0]
    square, extra = one.recurrent_kernel[...][0], one.candidate_bias[...][0]
    state = np.zeros(4)
    wanted = []
    for frame in np.asarray(frames[0]):
        from_input = np.split(frame @ kernel + bias, 3)
        around = np.split(state @ square, 3)
        reset, update = (1 / (1 + np.exp(-(from_input[i] + around[i]))) for i in (0, 1))
        candidate = np.tanh(from_input[2] + reset * (around[2] + extra))
        state = (1 - update) * candidate + update * state
        wanted.append(state)
    np.testing.assert_allclose(one(frames, jnp.array([4]))[0, :, :4], wanted, atol=EQUAL)


def test_mingru_by_scan_equals_one_frame_after_the_other():
    one = layer("mingru")
    frames = rows(1, 9)
    gates = np.asarray(frames[0] @ one.kernel[...][0] + one.bias[...][0])
    state = np.zeros(4)
    wanted = []
    for update_in, candidate in (np.split(row, 2) for row in gates):
        update = 1 / (1 + np.exp(-update_in))
        state = (1 - update) * state + update * np.tanh(candidate)
        wanted.append(state)
    np.testing.assert_allclose(one(frames, jnp.array([9]))[0, :, :4], wanted, atol=EQUAL)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_never_leaks(cell):
    both = layer(cell)
    frames, lengths = rows(), jnp.array([7, 4, 1])
    noisy = frames.at[1, 4:].set(1e3).at[2, 1:].set(-1e3)
    plain, changed = both(frames, lengths), both(noisy, lengths)
    for row, length in enumerate((7, 4, 1)):
        np.testing.assert_array_equal(plain[row, :length], changed[row, :length])
    alone = both(frames[1:2, :4], jnp.array([4]))
    np.testing.assert_allclose(alone[0], plain[1, :4], atol=EQUAL)


@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_carry_context(cell):
    both = layer(cell)
    frames = rows(1, 6)
    lengths = jnp.array([6])
    first, last = (
        both(frames.at[0, at].add(1.0), lengths) - both(frames, lengths) for at in (0, 5)
    )
    assert jnp.abs(first[0, 5, :4]).max() > 0  # Forward: the last frame knows of the first.
    assert jnp.abs(first[0, 5, 4:]).max() == 0
    assert jnp.abs(last[0, 0, 4:]).max() > 0
    assert jnp.abs(last[0, 0, :4]).max() == 0


def small(cell="gru", kind="concat", layers=1, output="sigmoid"):
    config = TaggerConfig(
        effects=3,
        visual_features=6,
        audio_features=4,
        fusion=FusionConfig(kind=kind, width=5),
        recurrent=RecurrentConfig(cell=cell, hidden=4, layers=layers),
        output=output,
    )
    return Tagger(config, rngs=nnx.Rngs(params=1))


def inputs(frames, lengths, has_picture=True, has_sound=True, seed=0):
    rng = np.random.default_rng(seed)
    batch = len(lengths)
    return TaggerInputs(
        visual=jnp.asarray(rng.normal(size=(batch, frames, 6)), "f"),
        audio=jnp.asarray(rng.normal(size=(batch, frames, 4)), "f"),
        has_picture=jnp.full(batch, has_picture),
        has_sound=jnp.full(batch, has_sound),
        lengths=jnp.asarray(lengths),
    )


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_every_fusion_returns_a_logit_per_effect_and_frame(kind, output):
    out = small(kind=kind, output=output)(inputs(6, [6, 2]))
    assert out.frames.shape == (2, 6, 3 + (output == "softmax"))
    assert out.clip.shape == (2, 3 + (output == "softmax"))
    assert jnp.isfinite(out.frames).all()
    assert jnp.isfinite(out.clip).all()


@pytest.mark.parametrize("kind", FUSIONS)
def test_features_of_a_missing_modality_are_ignored(kind):
    model = small(kind=kind)
    for field, flag in (("visual", "has_picture"), ("audio", "has_sound")):
        with_hole = inputs(5, [5])._replace(**{flag: jnp.array([False])})
        other = with_hole._replace(**{field: getattr(with_hole, field) + 3.0})
        np.testing.assert_array_equal(model(with_hole).frames, model(other).frames)


@pytest.mark.parametrize("cell", [*CELLS, "none"])
@pytest.mark.parametrize("kind", ["concat", "video"])
def test_a_clip_in_blocks_equals_the_whole_clip(cell, kind):
    model = small(cell, kind, layers=2)
    graphdef, state = nnx.split(model)
    weights = flattened(nnx.to_pure_dict(state))
    programs = TaggerPrograms(lambda: graphdef, weights, outputs=model.config.outputs)
    clip = inputs(41, [41])
    visual, audio = np.asarray(clip.visual[0]), np.asarray(clip.audio[0])
    whole = model(clip).frames[0]
    for size in (8, 41, 64):
        found = judge_clip(
            programs, visual, audio, has_picture=True, has_sound=True, block_frames=size
        )
        np.testing.assert_allclose(found, whole, atol=EQUAL)


def test_clip_logits_ignore_padding():
    model = small()
    clip = inputs(6, [4])
    noisy = clip._replace(visual=clip.visual.at[0, 4:].set(9.0))
    np.testing.assert_array_equal(model(clip).clip, model(noisy).clip)


def test_half_precision_stays_near():
    config = TaggerConfig(
        effects=3,
        visual_features=6,
        audio_features=4,
        compute="bfloat16",
        fusion=FusionConfig(width=5),
        recurrent=RecurrentConfig(hidden=4),
    )
    graphdef, state = nnx.split(small())
    rough = Tagger(config, rngs=nnx.Rngs(params=1))
    nnx.update(rough, state)
    clip = inputs(6, [6])
    assert rough(clip).frames.dtype == jnp.float32
    np.testing.assert_allclose(
        rough(clip).frames, nnx.merge(graphdef, state)(clip).frames, atol=0.1
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: RecurrentConfig(cell="rnn"),
        lambda: RecurrentConfig(hidden=0),
        lambda: FusionConfig(kind="sum"),
        lambda: FusionConfig(kind="late"),
        lambda: TaggerConfig(output="relu"),
    ],
)
@pytest.mark.wrong_types
def test_invalid_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"\w+\.\w+ must"):
        make()


def test_parameters_are_counted():
    leaves = jax.tree.leaves(nnx.to_pure_dict(nnx.split(small(), nnx.Param, ...)[1]))
    branches = (6 * 5 + 5) + 5 + (4 * 5 + 5) + 5
    gru = 2 * (10 * 12 + 12 + 4 * 12 + 4)
    readout = 2 * ((10 + 8) * 3 + 3)
    assert sum(leaf.size for leaf in leaves) == branches + gru + readout
