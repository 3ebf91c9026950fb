"""Fine-tuning: both networks learn, each at its rate, and what they say is the bundle's answer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from temporal_foley.models.image.fine_tuned import round_network
from temporal_foley.models.image.loaded import load_network
from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig
from temporal_foley.training.fine_tuning import (
    join_networks,
    make_joint_loss,
    make_joint_optimizer,
    picture_features,
    split_networks,
)
from temporal_foley.training.losses import LossConfig
from temporal_foley.training.step import init_state, make_train_step
from temporal_foley.training.tagging import DropoutConfig

FEATURES, EFFECTS, FRAMES, SIDE = 6, 3, 5, 4
NO_DROPOUT = DropoutConfig(picture=0.0, sound=0.0)


class Eye(nnx.Module):
    """A backbone that is one matrix."""

    def __init__(self):
        self.kernel = nnx.Param(jnp.zeros((SIDE * SIDE * 3, FEATURES)))
        self.readout = nnx.Param(jnp.zeros((FEATURES, 2)))

    def __call__(self, images):
        flat = images.reshape(len(images), -1).astype(jnp.float32) / 255.0
        features = jnp.tanh(flat @ self.kernel[...])
        return features, features @ self.readout[...], features[:, None, None]


@pytest.fixture(scope="module")
def networks():
    rng = np.random.default_rng(0)
    params = {
        "kernel": rng.normal(size=(SIDE * SIDE * 3, FEATURES)) * 0.3,
        "readout": rng.normal(size=(FEATURES, 2)),
    }
    network = load_network(Eye, params, sha256="0" * 64, features=FEATURES, size_px=SIDE)
    config = TaggerConfig(
        effects=EFFECTS,
        visual_features=FEATURES,
        audio_features=2,
        fusion=FusionConfig(width=8, dropout=0.0),
        recurrent=RecurrentConfig(cell="none", dropout=0.0),
    )
    structure, weights = nnx.split(Tagger(config, rngs=nnx.Rngs(params=1)))
    return network, structure, nnx.to_pure_dict(weights)


def batch(clips=3):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (clips, FRAMES, EFFECTS)).astype(np.float32)
    known = np.ones(labels.shape, bool)
    return {
        "images": rng.integers(0, 255, (clips, FRAMES, SIDE, SIDE, 3), np.uint8),
        "pictures": np.full(clips, FRAMES, np.int32),
        "shown": np.tile(np.arange(FRAMES, dtype=np.int32), (clips, 1)),
        "audio": np.zeros((clips, FRAMES, 2), np.float16),
        "has_picture": np.ones(clips, bool),
        "has_sound": np.zeros(clips, bool),
        "is_real": np.ones(clips, bool),
        "lengths": np.full(clips, FRAMES, np.int32),
        "mask": np.ones((clips, FRAMES), bool),
        "labels": labels,
        "known": known,
        "clip_labels": labels.max(axis=1),
        "clip_known": known.any(axis=1),
    }


@pytest.fixture(scope="module")
def trained(networks):
    split = split_networks(*networks)
    tx = make_joint_optimizer(optax.adam(1e-2), optax.adam(1e-2))
    step = make_train_step(make_joint_loss(split, LossConfig(), NO_DROPOUT), tx, jax.random.key(0))
    state = init_state(split.params, split.statistics, tx)
    losses = []
    for _ in range(150):
        state, measured = step(state, batch())
        losses.append(float(measured["loss"]))
    return losses, *join_networks(split, state.params, state.statistics)


def test_one_batch_is_learnt_by_both_networks(networks, trained):
    losses, backbone, weights = trained
    assert losses[-1] < 0.3 * losses[0]
    assert np.abs(backbone["kernel"] - networks[0].params["kernel"]).max() > 1e-2
    moved = jax.tree.map(lambda a, b: np.abs(a - np.asarray(b)).max(), weights, networks[2])
    assert max(jax.tree.leaves(moved)) > 1e-2


def test_the_readout_of_imagenet_stays_as_it_is(networks, trained):
    np.testing.assert_array_equal(trained[1]["readout"], networks[0].params["readout"])


def test_each_network_goes_by_its_own_rate(networks):
    params = split_networks(*networks).params
    tx = make_joint_optimizer(optax.sgd(0.5), optax.sgd(2.0))
    updates, _ = tx.update(jax.tree.map(jnp.ones_like, params), tx.init(params), params)
    for part, rate in (("backbone", 0.5), ("tagger", 2.0)):
        for update in jax.tree.leaves(updates[part]):
            np.testing.assert_array_equal(update, -rate)


def test_the_backbone_stays_frozen_for_the_first_steps(networks):
    params = split_networks(*networks).params
    tx = make_joint_optimizer(optax.adam(0.1), optax.adam(0.1), freeze_steps=2)
    state, gradients = tx.init(params), jax.tree.map(jnp.ones_like, params)
    for step in range(3):
        updates, state = tx.update(gradients, state, params)
        moved = np.abs(updates["backbone"]["kernel"]).max() > 0
        assert (moved, np.abs(jax.tree.leaves(updates["tagger"])[0]).max() > 0) == (step == 2, True)


def test_pictures_one_by_one_are_seen_as_all_at_once(networks):
    network, given = networks[0], batch()
    params = jax.tree.map(jnp.asarray, network.params)
    seen = picture_features(
        network.graphdef, params, given["images"], jnp.asarray(given["pictures"])
    )
    images = given["images"].reshape(-1, SIDE, SIDE, 3)
    whole = nnx.merge(network.graphdef, params)(images)[0]
    np.testing.assert_allclose(seen.reshape(-1, FEATURES), whole, atol=1e-6)


def test_a_picture_that_lasts_is_as_good_as_one_a_frame(networks):
    drawn = batch()
    drawn["images"] = np.repeat(drawn["images"][:, :1], FRAMES, axis=1)
    once = dict(drawn)
    once["images"] = drawn["images"].copy()
    # What lies behind the last picture is never looked at.
    once["images"][:, 1:] = 255
    once["pictures"] = np.ones(3, np.int32)
    once["shown"] = np.zeros((3, FRAMES), np.int32)
    split = split_networks(*networks)
    loss = jax.jit(make_joint_loss(split, LossConfig(), NO_DROPOUT))
    key = jax.random.key(0)
    values = [float(loss(split.params, split.statistics, given, key)[0]) for given in (drawn, once)]
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_weights_too_large_for_half_precision_are_refused(networks):
    network = networks[0]
    with pytest.raises(ValueError, match="kernel must be finite"):
        round_network(network, {**network.params, "kernel": np.full((48, 6), 1e6)})
