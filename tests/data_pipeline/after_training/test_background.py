"""The bank of other images: learnt where there is enough, the shipped calibration where not."""

import numpy as np
import pytest

from data_pipeline.after_training.background import Pictures, learn_background, shipped_lines
from temporal_foley.errors import UsageError
from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.models.by_name import BEST, SHIPPED
from tests.factories import make_bundle

FEATURES, EFFECTS = 12, 2
USUAL = [(1, 1.5, -4.0), (4, 2.0, -5.0)]


def pictures(count, sources):
    """Draw images of which each third shows an effect, each third another, and the rest none."""
    rng = np.random.default_rng(0)
    kinds = np.arange(count) % 3
    features = rng.exponential(size=(count, FEATURES))
    features[np.arange(count), kinds] += 3.0
    present = kinds[:, None] == np.arange(EFFECTS)
    names = np.array([f"{n % sources}" for n in range(count)])
    return Pictures(features.astype(np.float16), present, ~present, names)


def test_of_a_small_set_half_is_kept_to_learn_from():
    background = learn_background(pictures(180, 180), count=512, usual=USUAL)
    assert len(background.codes) == 90
    assert [int(line[0]) for line in background.lines] == [1, 2, 4, 8]


def test_too_few_sources_get_the_shipped_calibration_and_the_whole_bank(capsys):
    background = learn_background(pictures(60, 6), count=512, usual=USUAL)
    np.testing.assert_allclose(background.lines, USUAL)
    assert len(background.codes) == 60
    assert "shipped" in capsys.readouterr().out


def test_without_a_calibration_it_is_refused():
    with pytest.raises(UsageError, match="no effect has images of 16 sources"):
        learn_background(pictures(60, 6))
    with pytest.raises(UsageError, match="9 images are too few"):
        learn_background(pictures(9, 9), usual=USUAL)


def test_the_shipped_calibration_is_for_its_own_backbone():
    lines = shipped_lines(load_bundle(SHIPPED / BEST))
    assert all(slope > 0 for _, slope, _ in lines)
    assert len(lines) >= 2
    assert shipped_lines(make_bundle()) == ()
