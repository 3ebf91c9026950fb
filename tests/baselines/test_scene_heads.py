"""Test scene heads: equal to the report's in PyTorch, independent of padding."""

import importlib.util
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from baselines.scenes.from_torch import scene_head_from_torch
from baselines.scenes.heads import HEADS, SceneConfig, make_scene_head, masked_mean

GOLDEN = Path(__file__).parents[1] / "golden"
TOLERANCE = 1e-5

_spec = importlib.util.spec_from_file_location("scene_inputs", GOLDEN / "scene_inputs.py")
assert _spec is not None
assert _spec.loader is not None
inputs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(inputs)


GOLDEN_SIZES = {
    "visual": inputs.WIDTH,
    "audio": inputs.WIDTH,
    "frames": inputs.FRAMES,
    "scenes": inputs.SCENES,
}


@pytest.fixture(scope="module")
def golden():
    return np.load(GOLDEN / "scenes.npz")


def build(head, *, visual=6, audio=4, frames=5, scenes=3, **words):
    return make_scene_head(
        SceneConfig(head=head, **words),
        visual_features=visual,
        audio_features=audio,
        frames=frames,
        scenes=scenes,
        rngs=nnx.Rngs(0),
    )


def make(head, **words):
    """Make a head by one compiled program; layer by layer takes several times as long."""
    graphdef, *_ = nnx.split(nnx.eval_shape(lambda: build(head, **words)))

    def draw():
        states = nnx.split(build(head, **words), nnx.Param, nnx.BatchStat)[1:]
        return [nnx.to_pure_dict(state) for state in states]

    return nnx.merge(graphdef, *jax.jit(draw)())


# One program for all heads of one structure and size.
ask = nnx.jit(lambda model, *clips: model(*clips))


def carried_over(golden, head, **words):
    """Return the head, taken apart, with the weights that PyTorch had."""
    if head == "late":
        words["alpha"] = inputs.LATE_ALPHA
    shapes = json.loads(str(golden[f"{head}.shapes"]))
    state = inputs.draw_state({name: tuple(shape) for name, shape in shapes.items()})
    params, statistics = scene_head_from_torch(state, head, inputs.LATE_ALPHA)
    graphdef, *own = nnx.split(
        nnx.eval_shape(lambda: build(head, **GOLDEN_SIZES, **words)), nnx.Param, nnx.BatchStat
    )
    for found, wanted in zip((params, statistics), own, strict=True):
        wanted = nnx.to_pure_dict(wanted)
        assert jax.tree.map(jnp.shape, found) == jax.tree.map(lambda leaf: leaf.shape, wanted)
    return graphdef, params, statistics


def golden_clips():
    visual, audio, scenes = inputs.clips()
    return visual, audio, np.full(len(visual), inputs.FRAMES), scenes


# Those whose layers another one has too cost as much to compile again.
COMPARED = [
    pytest.param(head, marks=pytest.mark.slow if head in ("video", "bilstm") else ())
    for head in HEADS
]


@pytest.mark.parametrize("head", COMPARED)
def test_heads_answer_and_train_as_in_pytorch(golden, head):
    visual, audio, lengths, scenes = golden_clips()
    graphdef, params, statistics = carried_over(golden, head, dropout=0.0)
    tx = optax.chain(optax.add_decayed_weights(1e-4), optax.adam(1e-4))

    def loss_fn(params, statistics):
        model = nnx.merge(graphdef, params, statistics)
        logits = model(visual, audio, lengths, rngs=nnx.Rngs(0))
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, scenes).mean()
        return loss, (logits, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat)))

    @jax.jit
    def step(params, statistics, opt_state):
        answers = nnx.merge(graphdef, params, statistics)(visual, audio, lengths)
        (loss, (logits, statistics)), grads = jax.value_and_grad(loss_fn, has_aux=True)(
            params, statistics
        )
        updates, opt_state = tx.update(grads, opt_state, params)
        told = {"logits": answers, "training_logits": logits, "losses": loss}
        return optax.apply_updates(params, updates), statistics, opt_state, told

    opt_state, losses = jax.jit(tx.init)(params), []
    for number in range(inputs.STEPS):
        params, statistics, opt_state, told = step(params, statistics, opt_state)
        losses.append(told["losses"])
        if number == 0:
            for name in ("logits", "training_logits"):
                check(told[name], golden[f"{head}.{name}"])
            check_statistics(golden, head, statistics)
    check(losses, golden[f"{head}.losses"])


def check(found, expected):
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=TOLERANCE)


def check_statistics(golden, head, statistics):
    theirs = {"both": "all_embed", "visual_embed": "video_embed"}
    for part, held in statistics.items():
        if part == "alpha_held":
            continue
        for ours, name in (("mean", "running_mean"), ("variance", "running_var")):
            expected = golden[f"{head}.statistics.{theirs.get(part, part)}.1.{name}"]
            check(held["norm"][ours], expected)


@pytest.mark.parametrize("head", HEADS)
def test_heads_train_as_many_numbers_as_in_pytorch(golden, head):
    model = nnx.eval_shape(lambda: build(head, **GOLDEN_SIZES))
    counted = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
    assert counted == int(golden[f"{head}.trained"])


@pytest.mark.parametrize("head", ["audio", "early", "late", "flatten", "bilstm", "bilstm_pooled"])
def test_padding_does_not_leak(head):
    model = make(head)
    generator = np.random.default_rng(0)
    visual = generator.standard_normal((3, 5, 6), dtype=np.float32)
    audio = generator.standard_normal((3, 5, 4), dtype=np.float32)
    lengths = np.array([5, 3, 1])
    before = ask(model, visual, audio, lengths)
    for clip, length in enumerate(lengths):
        visual[clip, length:] = 1e3
        audio[clip, length:] = -1e3
    np.testing.assert_array_equal(before, ask(model, visual, audio, lengths))


def test_a_padded_clip_is_answered_like_the_short_one():
    model = make("bilstm_pooled")
    generator = np.random.default_rng(1)
    visual = generator.standard_normal((1, 3, 6), dtype=np.float32)
    audio = generator.standard_normal((1, 3, 4), dtype=np.float32)
    room = ((0, 0), (0, 4), (0, 0))
    padded = ask(model, np.pad(visual, room), np.pad(audio, room), np.array([3]))
    np.testing.assert_allclose(padded, ask(model, visual, audio, np.array([3])), atol=1e-6)


def test_the_mean_is_over_real_frames():
    frames = jnp.array([[[1.0], [3.0], [100.0]]])
    assert masked_mean(frames, jnp.array([[True, True, False]])).item() == 2.0


def test_late_fusion_weighs_the_logits_of_both():
    generator = np.random.default_rng(2)
    visual = generator.standard_normal((4, 5, 6), dtype=np.float32)
    audio = generator.standard_normal((4, 5, 4), dtype=np.float32)
    clips = (visual, audio, np.full(4, 5))
    by_sound, by_image, both = (ask(make("late", alpha=alpha), *clips) for alpha in (0, 1.0, 0.25))
    np.testing.assert_allclose(both, 0.75 * by_sound + 0.25 * by_image, atol=1e-6)
    alone = ask(make("late", alpha=1.0), visual, 0 * audio, clips[2])
    np.testing.assert_allclose(alone, by_image, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"head": "vidoe"}, "scene.head must be one of video, audio"),
        ({"alpha": 1.5}, r"scene.alpha must be in \[0, 1\], got 1.5"),
        ({"dropout": 1.0}, "scene.dropout must be in"),
    ],
)
def test_wrong_settings_are_refused(words, told):
    with pytest.raises(ValueError, match=told):
        SceneConfig(**words)


def test_wrong_sizes_are_refused():
    clips = (np.ones((2, 4, 6)), np.ones((2, 4, 4)), np.full(2, 4))
    with pytest.raises(ValueError, match="must have 5 frames, got 4"):
        build("flatten")(*clips)
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        build("concat")(*(part[:1] for part in clips), rngs=nnx.Rngs(0))
