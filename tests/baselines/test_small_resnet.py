import jax
import numpy as np
import pytest
from flax import nnx

from baselines.stills.small_resnet import SmallResNetConfig, SmallResNetV2

SMALL = SmallResNetConfig(stages=2, blocks=1)
# Float32, a dozen layers, values near 1.
TOLERANCE = 1e-5


def counts(config, classes):
    model = nnx.eval_shape(lambda: SmallResNetV2(config, classes, rngs=nnx.Rngs(0)))
    _, params, statistics = nnx.split(model, nnx.Param, nnx.BatchStat)
    return tuple(
        sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(nnx.to_pure_dict(part)))
        for part in (params, statistics)
    )


def pictures(count, size=8, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (count, size, size, 3), np.uint8)


def make():
    return SmallResNetV2(SMALL, 4, rngs=nnx.Rngs(0))


# What `model.summary()` of the Keras example prints as trainable and other parameters.
@pytest.mark.parametrize(
    ("blocks", "trained", "other"),
    [(2, 570_602, 3_488), (3, 843_786, 5_216), (6, 1_663_338, 10_400)],
)
def test_parameters_are_as_many_as_in_the_keras_example(blocks, trained, other):
    assert counts(SmallResNetConfig(blocks=blocks), 10) == (trained, other)


def test_five_blocks_and_five_stages_are_two_networks():
    assert counts(SmallResNetConfig(), 20) == (1_392_724, 8_672)
    assert counts(SmallResNetConfig(stages=5, blocks=1), 20) == (4_913_620, 7_904)


def test_empty_rows_change_neither_logits_nor_statistics():
    full, padded = make(), make()
    images = pictures(3)
    noise = np.concatenate([images, pictures(2, seed=1)])
    expected = full(images, is_real=np.ones(3, bool), is_training=True)
    found = padded(noise, is_real=np.arange(5) < 3, is_training=True)
    np.testing.assert_allclose(found[:3], expected, atol=TOLERANCE, rtol=0)
    for one, other in zip(
        jax.tree.leaves(nnx.state(full, nnx.BatchStat)),
        jax.tree.leaves(nnx.state(padded, nnx.BatchStat)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=TOLERANCE, rtol=0)


def test_statistics_move_in_training_only():
    model, images = make(), pictures(3)
    before = np.array(model.stem_norm.mean[...])
    alone = model(images[:1])
    np.testing.assert_allclose(model(images)[:1], alone, atol=TOLERANCE, rtol=0)
    np.testing.assert_array_equal(model.stem_norm.mean[...], before)
    model(images, is_training=True)
    assert np.abs(model.stem_norm.mean[...] - before).max() > 0


def test_bfloat16_keeps_parameters_and_logits_in_float32():
    images = pictures(2)
    config = SmallResNetConfig(stages=2, blocks=1, compute_dtype="bfloat16")
    model = SmallResNetV2(config, 4, rngs=nnx.Rngs(0))
    logits = model(images)
    assert logits.dtype == np.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(nnx.state(model))} == {np.dtype(np.float32)}
    # Eight bits of mantissa, ten layers.
    np.testing.assert_allclose(logits, make()(images), atol=0.15, rtol=0)


@pytest.mark.parametrize("wrong", [{"stages": 0}, {"blocks": 0}, {"compute_dtype": "float16"}])
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match=f"network.{next(iter(wrong))}"):
        SmallResNetConfig(**wrong)
