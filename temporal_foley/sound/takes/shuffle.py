"""Choose takes in a varied order, as a sound editor would.

A run of steps keeps one shoe and never repeats a step back to back.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from temporal_foley.sound.synth import TAKES_A_SET
from temporal_foley.timeline import Asset

AVOIDED = 3
"""A take is not repeated within this many draws, if there are at least twice as many."""

SMALLEST_SET = 3
"""Fewer takes than this do not form a set, because a run of them would repeat at once."""

LOOKED_AT = 3
"""The best fitting take is chosen among this many of the bag."""

_NUMBER = re.compile(r"[\s_.\-(]*\d+\)?$")


class ShuffleBag:
    """Draws numbers in random order, all of them before any is repeated."""

    def __init__(self, numbers: Sequence[int], rng: np.random.Generator):
        self._numbers = list(numbers)
        self._rng = rng
        self._left: list[int] = []
        avoided = min(AVOIDED, len(self._numbers) // 2)
        self._recent: deque[int] = deque(maxlen=avoided)
        self._before = self._recent

    def draw(self, misfit: Callable[[int], float] | None = None) -> int:
        """Draw the next number, or the best fitting of the next few."""
        if not self._left:
            order = np.argsort(self._rng.random(len(self._numbers)))
            self._left = [self._numbers[place] for place in order]
        fresh = [number for number in self._left if number not in self._recent] or self._left
        looked_at = fresh[:LOOKED_AT]
        chosen = looked_at[0] if misfit is None else min(looked_at, key=misfit)
        self._left.remove(chosen)
        self._before = self._recent.copy()
        self._recent.append(chosen)
        return chosen

    def put_back(self, number: int) -> None:
        """Return the last draw to the bag because it was not used."""
        self._left.insert(0, number)
        self._recent = self._before


def set_of(asset: Asset) -> str:
    """Return the name of the set of a take, such as those of one shoe or one keyboard.

    Files whose names differ only by a final number form a set; recipes define the size of theirs.
    """
    if asset.kind == "recipe":
        return f"{asset.name} {(asset.seed or 0) // TAKES_A_SET.get(asset.name, 1)}"
    folder, _, name = asset.name.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return f"{folder}/{_NUMBER.sub('', stem).lower()}"


def sets_of(assets: Sequence[Asset]) -> list[list[int]]:
    """Return the numbers of takes in sets of at least `SMALLEST_SET`; the rest form one set."""
    by_name: dict[str, list[int]] = {}
    for number, asset in enumerate(assets):
        by_name.setdefault(set_of(asset), []).append(number)
    sets = [members for members in by_name.values() if len(members) >= SMALLEST_SET]
    rest = [
        number for members in by_name.values() if len(members) < SMALLEST_SET for number in members
    ]
    if len(rest) >= SMALLEST_SET or (rest and not sets):
        sets.append(rest)
    return sets
