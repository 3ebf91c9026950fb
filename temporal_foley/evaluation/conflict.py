"""Rank the classes on which two classifiers disagree, such as one by image and one by sound.

A conflict is a class that one of them finds much more often than the other (scenes baseline).
Classes are ranked by the difference of the two recalls, and listed with the classes that each
classifier takes them for.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.evaluation.confusion import Confusion, class_scores, row_shares

MOST_SENT = 3

Sent = tuple[tuple[str, float], ...]
"""Classes that the true class is taken for, and how often, largest first."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conflict:
    """A class, how often each classifier finds it, and what each takes it for otherwise."""

    name: str
    first_recall: float
    second_recall: float
    first_sends: Sent = ()
    second_sends: Sent = ()

    @property
    def difference(self) -> float:
        """How much more often the second classifier finds it; below 0, how much less."""
        return self.second_recall - self.first_recall


def rank_conflicts(
    names: Sequence[str],
    first_recall: Float[np.ndarray, " classes"],
    second_recall: Float[np.ndarray, " classes"],
) -> list[Conflict]:
    """Rank classes by the difference of two recalls; undefined ones are left out."""
    first, second = np.asarray(first_recall, float), np.asarray(second_recall, float)
    if not len(names) == len(first) == len(second):
        raise ValueError(
            f"recalls must be one a class, got {len(first)} and {len(second)} for {len(names)}"
        )
    conflicts = [
        Conflict(name=name, first_recall=float(a), second_recall=float(b))
        for name, a, b in zip(names, first, second, strict=True)
        if np.isfinite(a) and np.isfinite(b)
    ]
    # Rounded, so that equal differences keep the order of the classes.
    return sorted(conflicts, key=lambda conflict: -round(abs(conflict.difference), 9))


def evaluate(names: Sequence[str], first: Confusion, second: Confusion) -> list[Conflict]:
    """Rank classes, with what each classifier takes them for."""
    ranked = rank_conflicts(names, class_scores(first).recall, class_scores(second).recall)
    return [
        dataclasses.replace(
            conflict,
            first_sends=where_sent(names, first, conflict.name),
            second_sends=where_sent(names, second, conflict.name),
        )
        for conflict in ranked
    ]


def where_sent(
    names: Sequence[str], confusion: Confusion, name: str, most: int = MOST_SENT
) -> Sent:
    """Return the classes that a class is taken for most often, other than itself."""
    row = list(names).index(name)
    shares = row_shares(confusion)[row]
    order = [int(place) for place in np.argsort(-shares, kind="stable") if place != row]
    return tuple(
        (names[place], float(shares[place])) for place in order[:most] if shares[place] > 0
    )
