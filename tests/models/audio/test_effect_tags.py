"""Tags of a long sound are those of the same sound in one piece."""

import numpy as np
import pytest

from temporal_foley.models.audio import effect_tags
from temporal_foley.models.audio.effect_tags import likeness, tagged_probabilities

EFFECTS = (("dog_barking", ("Bark", "Dog")), ("unknown", ("Rain",)), ("nothing", ()))


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 350])
def test_blocks_change_no_tag(monkeypatch, count):
    columns = np.random.default_rng(0).normal(size=(count, 384)).astype(np.float32)
    whole = tagged_probabilities(columns, EFFECTS), likeness(columns, ["dog_barking", "unknown"])
    monkeypatch.setattr(effect_tags, "_AT_ONCE", 100)
    parts = tagged_probabilities(columns, EFFECTS), likeness(columns, ["dog_barking", "unknown"])
    for one, other in zip(parts, whole, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-5)
