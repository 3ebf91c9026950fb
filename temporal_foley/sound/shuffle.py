"""Draw takes so that they vary as an editor would have them: takes in; which one is next out.

A run of steps keeps one shoe, and no step of it is the one before.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from temporal_foley.sound.synth import TAKES_A_SET
from temporal_foley.timeline import Asset

AVOIDED = 3
"""What was drawn last does not come again within so many draws, where there are twice as many."""

SMALLEST_SET = 3
"""Fewer takes than this do not make a set: their run would repeat itself at once."""

LOOKED_AT = 3
"""Takes of the bag among which the one that fits best is chosen."""

_NUMBER = re.compile(r"[\s_.\-(]*\d+\)?$")


class ShuffleBag:
    """Numbers in random order: all of them come before one returns, and not soon after."""

    def __init__(self, numbers: Sequence[int], rng: np.random.Generator):
        self._numbers = list(numbers)
        self._rng = rng
        self._left: list[int] = []
        avoided = min(AVOIDED, len(self._numbers) // 2)
        self._recent: deque[int] = deque(maxlen=avoided)
        self._before = self._recent

    def draw(self, misfit: Callable[[int], float] | None = None) -> int:
        """Take the next number out of the bag, or the best fitting of the next few."""
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
        """Take back the last draw, which is not heard after all."""
        self._left.insert(0, number)
        self._recent = self._before


def set_of(asset: Asset) -> str:
    """Return which takes belong together, as those of one shoe or one keyboard.

    Files do whose names differ by a number at the end only; recipes say how many they make alike.
    """
    if asset.kind == "recipe":
        return f"{asset.name} {(asset.seed or 0) // TAKES_A_SET.get(asset.name, 1)}"
    folder, _, name = asset.name.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return f"{folder}/{_NUMBER.sub('', stem).lower()}"


def sets_of(assets: Sequence[Asset]) -> list[list[int]]:
    """Return the takes, by number, in sets of at least `SMALLEST_SET`; the rest is one set."""
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
