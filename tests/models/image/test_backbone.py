import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from temporal_foley.errors import UsageError, WeightsError
from temporal_foley.models.image.backbone import BACKBONES, load_backbone
from temporal_foley.models.image.releases import RELEASES

GOLDEN = Path(__file__).parents[2] / "golden"
REFERENCE = Path(__file__).parents[3] / "../shared/weights/reference/efficientnet_lite.npz"
LOGIT_TOLERANCE = 1e-3

_spec = importlib.util.spec_from_file_location("backbone_inputs", GOLDEN / "backbone_inputs.py")
inputs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(inputs)


@pytest.fixture(scope="module")
def lite0():
    return load_backbone("efficientnet_lite0")


@pytest.fixture(scope="module")
def pictures():
    return inputs.lite_pictures(224)


def check_golden(backbone):
    golden = np.load(GOLDEN / "backbones.npz")
    outputs = backbone(inputs.lite_pictures(backbone.input_size_px))
    for part in ("features", "logits"):
        expected = golden[f"{backbone.name}.{part}"]
        found = getattr(outputs, part)[:, : expected.shape[1]]
        np.testing.assert_allclose(found, expected, atol=LOGIT_TOLERANCE, rtol=0)


def test_lite0_equals_pytorch(lite0):
    check_golden(lite0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite1", "efficientnet_lite2"])
def test_larger_networks_equal_pytorch(name):
    check_golden(load_backbone(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", RELEASES)
def test_networks_equal_the_published_package(name):
    if not REFERENCE.exists():
        pytest.skip("the reference outputs are not here")
    reference = np.load(REFERENCE)
    key = name.removeprefix("efficientnet_")
    logits = load_backbone(name)(reference[f"{key}.images"]).logits
    np.testing.assert_allclose(logits, reference[f"{key}.logits"], atol=LOGIT_TOLERANCE, rtol=0)


def test_a_cat_is_a_cat(lite0, pictures):
    cat_classes = range(281, 286)
    assert lite0(pictures).logits[1].argmax() in cat_classes


def test_what_is_seen_does_not_depend_on_the_batch(lite0, pictures):
    batch = np.concatenate([pictures, pictures[::-1], pictures, pictures[:1]])
    together = lite0(batch)
    alone = lite0(pictures[1:])
    assert together.logits.shape == (7, 1000)
    for part, single in zip(together, alone, strict=True):
        for index in (1, 2, 5):
            np.testing.assert_array_equal(part[index], single[0])


def test_features_are_the_mean_of_the_feature_map(lite0, pictures):
    outputs = lite0(pictures)
    assert outputs.feature_map.shape == (2, 7, 7, lite0.network.features)
    mean = outputs.feature_map.mean(axis=(1, 2))
    np.testing.assert_allclose(outputs.features, mean, atol=1e-5)


@pytest.mark.slow
def test_gradients_reach_the_first_and_the_last_layer(lite0):
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)

    @jax.jit
    @jax.grad
    def slope(params):
        _, logits, _ = nnx.merge(lite0.network.graphdef, params)(images)
        return jnp.sum(logits[:, 0])

    slopes = slope(lite0.network.params)
    assert float(jnp.abs(slopes["stem"]["kernel"]).max()) > 0
    assert float(jnp.abs(slopes["readout"]["bias"]).max()) == 1


def test_unknown_names_list_the_known():
    with pytest.raises(UsageError) as caught:
        load_backbone("vgg")
    assert all(name in str(caught.value) for name in BACKBONES)
    with pytest.raises(UsageError, match="native"):
        load_backbone(aspect="squash")


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"x" * 100)
    with pytest.raises(WeightsError, match=r"weights\.pth.*SHA-256"):
        _ = load_backbone(weights=path).network


@pytest.mark.parametrize(
    "images", [np.zeros((0, 224, 224, 3), np.uint8), np.zeros((224, 224, 3), np.uint8)]
)
def test_no_pictures_are_refused(lite0, images):
    with pytest.raises(ValueError, match="images must be uint8"):
        lite0(images)
