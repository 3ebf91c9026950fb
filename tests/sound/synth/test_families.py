"""Test the families of recipes: every effect gives a clean take."""

import numpy as np
import pytest

from temporal_foley.sound.synth import RECIPES, TAKES_A_SET, synthesize
from temporal_foley.sound.synth.family_names import FAMILIES

QUICK = ("animals", "blasts", "objects", "ringing", "steps")
HITS = [name for family in QUICK for name in FAMILIES[family]]
OTHERS = [name for family, names in FAMILIES.items() if family not in QUICK for name in names]


def check(name: str, seed: int) -> None:
    take = synthesize(name, seed)
    samples = take.samples
    assert samples.dtype == np.float32
    assert np.all(np.isfinite(samples))
    peak_db = 20 * np.log10(np.abs(samples).max())
    assert -16.0 < peak_db < -3.0
    assert np.abs(samples[0]).max() < 2e-3
    if take.loop is None:
        assert take.anchor < 0.1 * 48_000
        assert np.abs(samples[-48:]).max() < 10 ** (-50 / 20)
    else:
        assert take.loop.end == len(samples)


@pytest.mark.parametrize("name", HITS)
def test_a_hit_or_call_is_clean(name: str) -> None:
    check(name, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_a_lasting_or_longer_sound_is_clean(name: str) -> None:
    check(name, 1)


def test_every_effect_of_a_family_is_a_recipe_of_its_own() -> None:
    names = [name for names in FAMILIES.values() for name in names]
    assert len(names) == len(set(names))
    assert set(names) <= set(RECIPES)
    assert set(FAMILIES["steps"]) <= set(TAKES_A_SET)


def test_two_seeds_of_a_family_differ() -> None:
    one, other = (synthesize("church_bell", seed).samples for seed in (1, 2))
    length = min(len(one), len(other))
    assert not np.array_equal(one[:length], other[:length])
