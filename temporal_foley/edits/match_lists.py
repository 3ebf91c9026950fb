"""Find the parts of a new cut that are also in the old one, by their cut lists."""

from collections.abc import Sequence
from fractions import Fraction

from temporal_foley.edits.cut_lists import CutEvent
from temporal_foley.edits.recut import CommonPart

Span = tuple[Fraction, Fraction]


def match_lists(
    old: Sequence[CutEvent], new: Sequence[CutEvent]
) -> tuple[list[CommonPart], list[Span]]:
    """Match two cuts by what they show of which source.

    Where the old cut shows the same pictures several times, the part that goes on from the one
    before is taken, else the longest.

    Returns:
        The common parts in order, and the spans of the new cut that the lists leave open.
    """
    by_source: dict[str, list[CutEvent]] = {}
    for event in old:
        by_source.setdefault(event.source, []).append(event)
    parts: list[CommonPart] = []
    left: list[Span] = []
    for event in sorted(new, key=lambda one: one.start):
        shows = event.source_in - event.start
        waiting: list[Span] = [(event.start, event.end)]
        while waiting:
            start, end = waiting.pop(0)
            before = parts[-1].shift if parts and parts[-1].end == start else None
            best: CommonPart | None = None
            for other in by_source.get(event.source, ()):
                # The new cut's time, plus this, is the old cut's time of the same picture.
                shift = shows - (other.source_in - other.start)
                first, last = max(start, other.start - shift), min(end, other.end - shift)
                if last <= first:
                    continue
                one = CommonPart(start=first, end=last, shift=shift, difference=0.0)
                if best is None or _rank(one, before) > _rank(best, before):
                    best = one
            if best is None:
                left.append((start, end))
                continue
            parts.append(best)
            parts.sort(key=lambda part: part.start)
            rest = [(start, best.start), (best.end, end)]
            waiting = [*(span for span in rest if span[1] > span[0]), *waiting]
    return _joined(parts), sorted(left)


def with_pictures(
    parts: Sequence[CommonPart], left: Sequence[Span], seen: Sequence[CommonPart]
) -> list[CommonPart]:
    """Fill what the lists leave open with the parts that the pictures have in common."""
    more: list[CommonPart] = []
    for start, end in left:
        for part in seen:
            first, last = max(start, part.start), min(end, part.end)
            if last > first:
                more.append(
                    CommonPart(start=first, end=last, shift=part.shift, difference=part.difference)
                )
    return _joined([*parts, *more])


def _rank(part: CommonPart, shift_before: Fraction | None) -> tuple[bool, Fraction, Fraction]:
    return part.shift == shift_before, part.end - part.start, -(part.start + part.shift)


def _joined(parts: Sequence[CommonPart]) -> list[CommonPart]:
    """Join parts that go on from each other in both cuts."""
    joined: list[CommonPart] = []
    for part in sorted(parts, key=lambda one: one.start):
        before = joined[-1] if joined else None
        if before is not None and before.end == part.start and before.shift == part.shift:
            joined[-1] = CommonPart(
                start=before.start,
                end=part.end,
                shift=part.shift,
                difference=max(before.difference, part.difference),
            )
        else:
            joined.append(part)
    return joined
