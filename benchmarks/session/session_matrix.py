"""Reopen every session format with another library; print a table of how exact clips are.

    python -m benchmarks.session.session_matrix [--cues 2000] [--only otio ...] [--crowded 25 ...]

A cell is the largest distance, in samples, between where a take sounds by the cue list and where it
sounds by the reopened file, over all cue lists; `-` where cues were missing. The other columns are
how far, at most, level (dB) and pan (0 to 2) are off at the points of their curves, and fades (ms);
`lost` where the format has nothing of it.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from benchmarks.session.session_lists import RATES, cue_lists, session_of
from benchmarks.session.session_reopen import WAYS, Placed, wanted
from temporal_foley.session.curves import shifted, value_at
from temporal_foley.session.session_model import Session
from temporal_foley.timeline import Curve


def worst(found: Sequence[Placed], session: Session) -> Fraction | None:
    """Return the largest distance of a take from its place; None if a clip is missing or extra."""
    expected = wanted(session)
    own = {placed.name: placed for placed in found if placed.name != "2-pop"}
    if own.keys() != expected.keys() or len(own) != len(found):
        return None
    distances = [abs(own[name].origin - place.origin) for name, place in expected.items()]
    return max(distances, default=Fraction(0))


def losses(found: Sequence[Placed], session: Session) -> dict[str, float]:
    """Return how far level (dB), pan and fades (ms) are off, by name; what is lost is not in it."""
    expected = wanted(session)
    off: dict[str, float] = {}
    for placed in found:
        for name, value in _off(expected[placed.name], placed):
            off[name] = max(off.get(name, 0.0), value)
    return off


def _off(wish: Placed, placed: Placed) -> Iterator[tuple[str, float]]:
    assert wish.level is not None
    assert wish.pan is not None
    assert wish.fades is not None
    # A clip that begins at the frame before counts from there.
    late = round(wish.start - placed.start)
    if placed.level is not None:
        yield "level", _apart(wish.level, shifted(placed.level, late))
    if placed.pan is not None:
        yield "pan", _apart(wish.pan, shifted(placed.pan, late))
    if placed.fades is not None:
        pairs = zip(wish.fades, placed.fades, strict=True)
        yield "fades", max(abs(a - b) for a, b in pairs) / 48.0


def _apart(wish: Curve, found: Curve) -> float:
    """Return how far a curve is off at the points of another, but for one offset of them all.

    Some formats put the track's level into each clip.
    """
    gaps = [value_at(found, at) - value for at, value in wish]
    middle = gaps[0] if len(gaps) == 1 else sorted(gaps)[len(gaps) // 2]
    return max(abs(gap - middle) for gap in gaps)


def main() -> None:
    """Print the matrix as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cues", type=int, default=2_000, help="of the longest list")
    parser.add_argument(
        "--crowded",
        nargs="*",
        choices=list(RATES),
        default=list(RATES),
        metavar="RATE",
        help="the rates at which the longest list is reopened",
    )
    parser.add_argument("--only", nargs="*", choices=list(WAYS), default=list(WAYS))
    words = parser.parse_args()
    lists = cue_lists(words.cues)
    print("| reopened | " + " | ".join(RATES) + " | cues found | level | pan | fades |")
    print("|---" * (len(RATES) + 5) + "|")
    for way in words.only:
        began = time.perf_counter()
        cells: list[str] = []
        off: dict[str, float] = {}
        count = asked = 0
        for rate in RATES:
            most: Fraction | None = Fraction(0)
            for name, timeline in lists.items():
                if name.endswith(" cues") and rate not in words.crowded:
                    continue
                session = session_of(timeline, rate)
                with tempfile.TemporaryDirectory() as folder:
                    found = WAYS[way](timeline, session, Path(folder))
                count += len(found)
                asked += len(timeline.cues)
                far = worst(found, session)
                most = None if most is None or far is None else max(most, far)
                for name, value in losses(found, session).items():
                    off[name] = max(off.get(name, 0.0), value)
            digits = 2 if most is None or most < 10 else 4
            cells.append("-" if most is None else f"{float(most):.{digits}g}")
        units = (("level", " dB"), ("pan", ""), ("fades", " ms"))
        cells += [f"{count:,} of {asked:,}"]
        cells += [f"{off[name]:.2g}{unit}" if name in off else "lost" for name, unit in units]
        print(f"| {way} | " + " | ".join(cells) + " |", flush=True)
        print(f"{way}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
