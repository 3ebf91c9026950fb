"""The regressions on pictures that ship are whole, and give log likelihood ratios."""

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import WeightsError
from temporal_foley.models.image import sights as module
from temporal_foley.models.image.sights import Sights, load_sights


def test_ratios_are_linear_in_the_features():
    kernel = np.array([[1.0, 0.0], [0.0, -2.0]], np.float32)
    bias = np.array([0.5, 1.0], np.float32)
    sights = Sights(effects=("a", "b"), kernel=kernel, bias=bias, backbone_sha256="")
    found = sights.ratios(np.array([[1.0, 1.0], [0.0, 3.0]], np.float16))
    np.testing.assert_allclose(found, [[1.5, -1.0], [0.5, -5.0]])


def test_those_that_ship_are_of_everyday_and_of_the_installed_backbone():
    sights = load_sights()
    assert set(sights.effects) <= set(load_vocabulary("everyday").names)
    assert not set(sights.effects) & set(load_vocabulary("foley20").names)
    assert sights.kernel.shape == (1280, len(sights.effects)) == (1280, len(sights.bias))
    assert np.isfinite(sights.kernel).all()
    assert len(sights.backbone_sha256) == 64


def test_a_changed_file_is_one_line(monkeypatch):
    load_sights.cache_clear()
    monkeypatch.setattr(module, "SHA256", "0" * 64)
    with pytest.raises(WeightsError, match=r"sights\.safetensors"):
        load_sights()
    load_sights.cache_clear()
