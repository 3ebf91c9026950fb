"""Assign sources to splits, balanced by class.

A source (a video, a series of photos, a recording) is never in two splits. Sources are assigned so
that each class comes near the wanted parts, rarest class first (Sechidis, Tsoumakas and Vlahavas,
On the stratification of multi-label data, ECML 2011, here over sources instead of examples).
"""

import dataclasses
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from temporal_foley.errors import FoleyError

TRAIN, VALIDATION, TEST = "train", "validation", "test"


class SplitError(FoleyError):
    """A source in two splits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """Named parts of the splits, which sum up to 1."""

    name: str
    parts: Mapping[str, float]

    def __post_init__(self) -> None:
        total = math.fsum(self.parts.values())
        if not self.parts or min(self.parts.values()) <= 0 or abs(total - 1.0) > 1e-9:
            raise ValueError(f"parts must be above 0 and sum up to 1, got {dict(self.parts)}")


PARTS = {
    "80_10_10": Parts(name="80_10_10", parts={TRAIN: 0.8, VALIDATION: 0.1, TEST: 0.1}),
    # For small sets: 80_10_10 gives validation nothing of a class with fewer than 8 sources.
    "60_20_20": Parts(name="60_20_20", parts={TRAIN: 0.6, VALIDATION: 0.2, TEST: 0.2}),
    "50_25_25": Parts(name="50_25_25", parts={TRAIN: 0.5, VALIDATION: 0.25, TEST: 0.25}),
    # The stills baseline holds out 20 % once, and validates and tests on the same.
    "stills_baseline": Parts(name="stills_baseline", parts={TRAIN: 0.8, TEST: 0.2}),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """One item to put into a split: its source, its classes, and its split if given."""

    source: str
    classes: tuple[str, ...] = ()
    split: str | None = None


def assign_splits(members: Iterable[Member], parts: Parts, seed: int = 0) -> dict[str, str]:
    """Return the split of each source; the order of the members does not matter.

    A class with a single source is in train only. With two or more, the smallest is in test,
    however large. Given splits stay; with only two parts, a given validation set becomes test.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    split_of: dict[str, str] = {}
    for member in members:
        counts[member.source].update(member.classes or ("",))
        if member.split is not None:
            given = member.split if member.split in parts.parts else TEST
            if split_of.setdefault(member.source, given) != given:
                raise SplitError(
                    f"is given to {split_of[member.source]}, {given}", path=member.source
                )
    wanted = _wanted(counts, parts)
    for source, split in split_of.items():
        _take(wanted[split], counts[source])
    free = sorted(set(counts) - set(split_of), key=lambda source: _draw(source, seed))
    sources_of: dict[str, list[str]] = defaultdict(list)
    for source in free:
        for name in counts[source]:
            sources_of[name].append(source)
    # Rarest by sources: a class with two goes before one with a hundred.
    for name in sorted(sources_of, key=lambda name: (len(sources_of[name]), name)):
        waiting = [source for source in sources_of[name] if source not in split_of]
        waiting.sort(key=lambda source: -counts[source][name])
        is_tested = any(split_of.get(source) == TEST for source in sources_of[name])
        for source in waiting:
            is_last = source == waiting[-1] and len(sources_of[name]) > 1
            if is_last and not is_tested and TEST in wanted:
                split_of[source] = TEST
                _take(wanted[TEST], counts[source])
                continue
            # Among equals test before validation: a class with two sources can be measured then.
            split = max(parts.parts, key=lambda split: (wanted[split][name], split != VALIDATION))
            split_of[source] = split
            is_tested |= split == TEST
            _take(wanted[split], counts[source])
    return split_of


def audit_splits(sources: Mapping[str, Iterable[str]]) -> int:
    """Check that no source is in two splits; return the number of sources.

    Raises:
        SplitError: A source is in two splits.
    """
    seen: dict[str, str] = {}
    for split, names in sources.items():
        for name in set(names):
            if seen.setdefault(name, split) != split:
                raise SplitError(
                    f"is in {seen[name]} and in {split}", path=name, remedy="build again"
                )
    return len(seen)


def _wanted(counts: Mapping[str, Counter[str]], parts: Parts) -> dict[str, dict[str, float]]:
    total: Counter[str] = Counter()
    for source_counts in counts.values():
        total.update(source_counts)
    return {
        split: defaultdict(float, {name: count * part for name, count in total.items()})
        for split, part in parts.parts.items()
    }


def _take(wanted: dict[str, float], taken: Counter[str]) -> None:
    for name, count in taken.items():
        wanted[name] -= count


def _draw(source: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{source}".encode()).hexdigest()
