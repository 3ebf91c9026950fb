import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from baselines.stills.classifier import (
    apply_top,
    class_accuracy,
    class_loss,
    make_classifier,
)
from baselines.stills.losses import make_fine_tuning_loss, top_loss
from temporal_foley.models.image.loaded import LoadedNetwork
from temporal_foley.training.step import init_state, make_train_step


class Colours(nnx.Module):
    """A backbone like all others, whose features are a map of the mean colour."""

    def __init__(self):
        self.filter = nnx.Param(jnp.eye(3))
        self.readout = nnx.Param(jnp.ones((3, 1000)))

    def __call__(self, images):
        maps = (images.astype(jnp.float32) / 255.0) @ self.filter[...]
        features = maps.mean(axis=(1, 2))
        return features, features @ self.readout[...], maps


@pytest.fixture
def classifier():
    graphdef, state = nnx.split(Colours())
    network = LoadedNetwork(
        graphdef=graphdef, params=nnx.to_pure_dict(state), sha256="", features=3, size_px=4
    )
    return make_classifier(network, 3, key=jax.random.key(0))


def batch():
    images = np.zeros((4, 4, 4, 3), np.uint8)
    for row in range(3):
        images[row, ..., row] = 255
    return {
        "images": images,
        "classes": np.array([0, 1, 2, 0], np.int32),
        "is_real": np.array([True, True, True, False]),
    }


def test_the_readout_to_imagenet_is_left_out_of_training(classifier):
    assert set(classifier.params["network"]) == {"filter"}
    assert set(classifier.idle["network"]) == {"readout"}
    assert classifier.params["top"]["kernel"].shape == (3, 3)


def test_the_top_on_features_is_the_whole_on_pictures(classifier):
    model = nnx.merge(classifier.graphdef, classifier.params, classifier.idle)
    images = batch()["images"]
    np.testing.assert_array_equal(
        apply_top(classifier.params["top"], model.features(images)), model(images)
    )


def test_equal_logits_cost_the_logarithm_of_the_classes_and_empty_rows_nothing():
    is_real = np.array([True, True, False])
    logits = jnp.zeros((3, 21)).at[2].set(1e3)
    classes = np.array([4, 20, 3])
    assert class_loss(logits, classes, is_real) == pytest.approx(np.log(21), abs=1e-6)
    assert class_loss(logits, classes, np.zeros(3, bool)) == 0.0
    assert class_accuracy(jnp.eye(3), np.array([0, 2, 2]), is_real) == 0.5


def test_fine_tuning_learns_top_and_network_and_leaves_the_readout(classifier):
    tx = optax.adam(0.05)
    loss_fn = make_fine_tuning_loss(classifier.graphdef, None)
    step = make_train_step(loss_fn, tx, jax.random.key(0))
    before = jax.tree.map(np.array, classifier)
    state = init_state(classifier.params, classifier.idle, tx)
    for _ in range(60):
        state, measured = step(state, batch())
    assert measured["accuracy"] == 1.0
    assert measured["loss"] < 0.2
    network, readout = state.params["network"], state.statistics["network"]["readout"]
    assert np.abs(network["filter"] - before.params["network"]["filter"]).max() > 0.1
    np.testing.assert_array_equal(readout, before.idle["network"]["readout"])


def test_the_top_alone_learns_from_features(classifier):
    tx = optax.adam(0.1)
    step = make_train_step(top_loss, tx, jax.random.key(0))
    state = init_state(classifier.params["top"], {}, tx)
    rows = {"features": np.eye(4, 3, dtype=np.float32), **batch()}
    for _ in range(60):
        state, measured = step(state, rows)
    assert measured["accuracy"] == 1.0


def test_a_top_of_one_class_is_refused(classifier):
    del classifier
    with pytest.raises(ValueError, match="classes must be at least 2, got 1"):
        make_classifier(None, 1, key=jax.random.key(0))  # type: ignore[arg-type]
