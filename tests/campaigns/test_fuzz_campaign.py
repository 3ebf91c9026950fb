"""Damaged input of every parser is refused in one line, or read."""

from tests.campaigns.fuzz import TARGETS, came_of, run, seeds


def test_whole_seeds_are_read(tmp_path):
    # That of Keras lacks most layers, and is told so.
    assert not [t for t in TARGETS for seed in seeds()[t] if came_of(t, seed, tmp_path)]


def test_damaged_seeds_are_refused_or_read(tmp_path):
    assert not run(range(16 * len(TARGETS)), 0, tmp_path).failures
