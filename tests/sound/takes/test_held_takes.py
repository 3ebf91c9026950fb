"""Test that takes come back from memory and from the file as they were, or not at all."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.held_takes import HeldTakes
from temporal_foley.timeline import Asset, Loop


def _asset(seed: int) -> Asset:
    return Asset(kind="recipe", name="x", seed=seed)


def _take(seed: int, samples: int = 100, channels: int = 2) -> Take:
    sound = np.random.default_rng(seed).normal(size=(samples, channels)).astype(np.float32)
    return Take(samples=sound, anchor=seed, loop=Loop(start=20, end=80, crossfade=5, alike=0.5))


def test_takes_come_back_whole_after_they_left_memory() -> None:
    held = HeldTakes(2000)
    takes = {seed: _take(seed, 50 + 10 * seed + 40, 1 + seed % 2) for seed in range(12)}
    for seed, take in takes.items():
        held.put(_asset(seed), take)
    for seed in (0, 11, 5, 0, 3, 8, 1):
        found = held.get(_asset(seed))
        assert found is not None
        np.testing.assert_array_equal(found.samples, takes[seed].samples)
        assert (found.anchor, found.loop) == (seed, takes[seed].loop)
        assert not found.samples.flags.writeable
    assert _asset(7) in held
    assert _asset(12) not in held
    assert held.get(_asset(12)) is None


def test_the_last_take_stays_though_it_is_larger_than_memory_may_hold() -> None:
    held = HeldTakes(100, most_on_disk=0)
    take = held.put(_asset(1), _take(1))
    assert held.get(_asset(1)) is take
    held.put(_asset(2), _take(2))
    assert held.get(_asset(1)) is None


def test_a_take_put_twice_counts_once() -> None:
    held = HeldTakes(1700, most_on_disk=0)
    held.put(_asset(1), _take(1))
    for _ in range(3):
        held.put(_asset(2), _take(2))
    assert _asset(1) in held


def test_without_room_for_the_file_takes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    held = HeldTakes(1000)
    held.put(_asset(1), _take(1))
    held.put(_asset(2), _take(2))
    assert held.get(_asset(1)) is None
    assert held.get(_asset(2)) is not None


def test_a_file_that_cannot_be_read_again_holds_nothing(tmp_path: Path) -> None:
    held = HeldTakes(1000)
    held.put(_asset(1), _take(1))
    held.put(_asset(2), _take(2))
    assert held._file is not None
    held._file.truncate(10)
    assert held.get(_asset(1)) is None
    assert _asset(1) not in held
