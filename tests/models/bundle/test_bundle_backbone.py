"""A bundle with a backbone of its own: it comes back, looks with it, and nothing else fits it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from temporal_foley.errors import UsageError
from temporal_foley.models.bundle.bundle import BundleError, load_bundle, save_bundle
from temporal_foley.models.bundle.bundle_files import open_bundle
from temporal_foley.models.bundle_detector import BundleDetector, load_bundle_detector
from tests.tiny_backbone import SIZE_PX, add_tiny, tiny_bundle, tiny_network


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    add_tiny(monkeypatch)


def pictures(count=3):
    return np.random.default_rng(2).integers(0, 255, (count, SIZE_PX, SIZE_PX, 3), np.uint8)


def test_it_comes_back_and_the_detector_looks_with_it(tmp_path):
    bundle = tiny_bundle()
    save_bundle(tmp_path / "b", bundle)
    assert open_bundle(tmp_path / "b").has_backbone
    found = load_bundle(tmp_path / "b")
    for one, other in zip(
        *(jax.tree.leaves(b.backbone.params) for b in (found, bundle)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    network = nnx.merge(found.backbone.graphdef, jax.tree.map(jnp.asarray, found.backbone.params))
    wanted = network(pictures())[0]
    assert np.abs(wanted).max() > 0
    detector = load_bundle_detector(tmp_path / "b")
    np.testing.assert_allclose(detector.look(list(pictures())), wanted, rtol=1e-3, atol=1e-3)


def test_another_backbone_than_the_one_it_was_trained_with_is_refused(tmp_path):
    save_bundle(tmp_path / "b", dataclasses.replace(tiny_bundle(), backbone=tiny_network(1)))
    with pytest.raises(BundleError, match="backbone is not the one"):
        load_bundle(tmp_path / "b")


def test_a_backbone_of_another_shape_is_refused(tmp_path):
    bundle = tiny_bundle()
    params = {k: v for k, v in bundle.backbone.params.items() if k != "readout"}
    part = dataclasses.replace(bundle.backbone, params=params)
    save_bundle(tmp_path / "b", dataclasses.replace(bundle, backbone=part))
    with pytest.raises(BundleError, match="readout"):
        load_bundle(tmp_path / "b")


def test_a_flipped_bit_of_its_weights_is_noticed(tmp_path):
    save_bundle(tmp_path / "b", tiny_bundle())
    path = tmp_path / "b" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)
    with pytest.raises(BundleError, match="has changed"):
        load_bundle_detector(tmp_path / "b")


def test_weights_of_the_user_do_not_fit_it(tmp_path):
    with pytest.raises(UsageError, match="--weights"):
        BundleDetector(tiny_bundle(), weights=tmp_path / "resnet.h5")


def test_a_bundle_without_one_is_written_as_ever(tmp_path):
    plain = tiny_bundle(backbone=None)
    save_bundle(tmp_path / "a", plain)
    assert not open_bundle(tmp_path / "a").has_backbone
    names = (tmp_path / "a" / "weights.safetensors").read_bytes()[:4000]
    assert b"backbone" not in names
    assert load_bundle(tmp_path / "a").backbone is None
