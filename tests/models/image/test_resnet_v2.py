import importlib.util
from pathlib import Path

import numpy as np
import pytest

from temporal_foley.errors import WeightsError
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.image.releases import RESNET_DEPTHS
from temporal_foley.models.image.resnet_v2 import keras_layers

h5py = pytest.importorskip("h5py")

GOLDEN = Path(__file__).parents[2] / "golden"
# Relative to the largest logit, which is about 7.
TOLERANCE = 1e-4

_spec = importlib.util.spec_from_file_location("backbone_inputs", GOLDEN / "backbone_inputs.py")
inputs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(inputs)


def write_legacy(path, draws):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in draws]
        for layer, parts in draws.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{part}:0".encode() for part in parts]
            for part, values in parts.items():
                group[f"{layer}/{part}:0"] = values


def write_keras3(path, draws):
    with h5py.File(path, "w") as file:
        for number, (layer, parts) in enumerate(draws.items()):
            group = file.create_group(f"layers/layer_{number}/vars")
            group.attrs["name"] = layer
            for index, values in enumerate(parts.values()):
                group[str(index)] = values


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("resnet50v2", write_legacy),
        ("resnet50v2", write_keras3),
        ("resnet101v2", write_keras3),
        ("resnet152v2", write_legacy),
    ],
)
def test_networks_equal_keras(tmp_path, name, write):
    path = tmp_path / "random.h5"
    write(path, inputs.resnet_draws(keras_layers(RESNET_DEPTHS[name])))
    outputs = load_backbone(name, weights=path)(inputs.resnet_picture())
    golden = np.load(GOLDEN / "backbones.npz")
    for part in ("features", "logits"):
        expected = golden[f"{name}.{part}"]
        found = getattr(outputs, part)[:, : expected.shape[1]]
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, atol=TOLERANCE * scale, rtol=0)


@pytest.fixture(scope="module")
def draws():
    return inputs.resnet_draws(keras_layers(RESNET_DEPTHS["resnet50v2"]))


def test_a_file_without_top_loads(tmp_path, draws):
    path = tmp_path / "notop.h5"
    write_legacy(path, {name: parts for name, parts in draws.items() if name != "predictions"})
    backbone = load_backbone("resnet50v2", weights=path)
    assert not backbone.network.params["readout"]["kernel"].any()
    assert backbone.network.params["stem"]["kernel"].any()


@pytest.mark.parametrize("write", [write_legacy, write_keras3])
def test_weights_of_a_sibling_are_refused(tmp_path, draws, write):
    path = tmp_path / "weights.h5"
    write(path, draws)
    with pytest.raises(WeightsError, match=r"weights\.h5: not Keras weights of resnet101v2.*lacks"):
        _ = load_backbone("resnet101v2", weights=path).network


def test_damage_is_named(tmp_path, draws):
    path = tmp_path / "weights.h5"
    write_legacy(path, draws | {"post_bn": draws["post_bn"] | {"gamma": np.full(2048, np.nan)}})
    with pytest.raises(WeightsError, match="post_bn/gamma holds values that are not finite"):
        _ = load_backbone("resnet50v2", weights=path).network
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"weights\.h5"):
        _ = load_backbone("resnet50v2", weights=path).network


def test_the_user_is_asked_for_a_file():
    with pytest.raises(WeightsError, match=r"resnet152v2_weights.*\.h5"):
        load_backbone("resnet152v2")
