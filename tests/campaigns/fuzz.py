"""Damaged text and bytes for everything that the program parses: a FoleyError, or it is read.

Case `k` changes a seed of one parser, in turn, in a few places; any other exception, a crash, a
hang or too much memory is a failure. `guided` fuzzes the same parsers by what they run through.
"""

import random
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from temporal_foley.errors import FoleyError
from tests.campaigns import Failure, Result
from tests.campaigns.parsers import TARGETS, seeds
from tests.campaigns.watchdog import answers

FULL = 20_000
AT_ONCE = 40
"""Cases in one task: a process that dies takes so many with it."""

_EXTREMES = (
    *(b"0", b"-1", b"1e308", b"1e999", b"NaN", b"Infinity", b"99999999999999999999", b"1/0"),
    *(
        b"null",
        b"true",
        b'""',
        b"[]",
        b"{}",
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
    ),
    *(b'"', b"'", b"`", b"\t", b"\r", b"\n\n", b"<", b">", b"[[", b"]]", b"=", b"..", b"/"),
    *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"0" * 400, b"[" * 2000),
)


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Parse damaged seeds; report what is no FoleyError."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(cases)
    tasks = [
        (tuple(chosen[first : first + AT_ONCE]), seed, str(folder))
        for first in range(0, len(chosen), AT_ONCE)
    ]
    failures: list[Failure] = []
    counts: dict[str, int] = {}
    for (numbers, *_), answer in answers(parse_some, tasks, warm_up=seeds, workers=2):
        if answer.fault:
            what = f"one of the cases {numbers[0]} to {numbers[-1]}"
            failures.append(Failure(case=numbers[0], what=what, came=answer.fault))
            continue
        for case, target, came in answer.value:
            counts[target] = counts.get(target, 0) + 1
            if came:
                failures.append(Failure(case=case, what=target, came=came))
    return Result(count=len(chosen), failures=failures, figures={"parsed": counts})


def parse_some(task: tuple[Sequence[int], int, str]) -> list[tuple[int, str, str]]:
    """Parse the damaged seeds of some cases; tell the target and what came of each."""
    cases, seed, folder = task
    told = []
    for case in cases:
        rng = random.Random(f"{seed} {case}")
        target = list(TARGETS)[case % len(TARGETS)]
        content = damaged(rng.choice(seeds()[target]), rng) if case >= len(TARGETS) else b""
        told.append((case, target, came_of(target, content, Path(folder))))
    return told


def came_of(target: str, content: bytes, folder: Path) -> str:
    """Parse; return what is wrong with how it ended, empty if nothing is."""
    try:
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            TARGETS[target](content, Path(aside))
    except FoleyError as error:
        return "" if str(error) and "\n" not in str(error) else f"told as {error!r}"
    except Exception as error:  # which is what is looked for
        frame = error.__traceback__
        while frame and frame.tb_next:
            frame = frame.tb_next
        where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
        return f"{type(error).__name__}: {error!s:.200} ({where})"
    return ""


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Change a seed in one to six places."""
    whole = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        rng.choice(CHANGES)(whole, rng)
    return bytes(whole)


def _place(whole: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(whole)) if whole else 0


def _flip(whole: bytearray, rng: random.Random) -> None:
    if whole:
        whole[_place(whole, rng)] ^= 1 << rng.randrange(8)


def _insert(whole: bytearray, rng: random.Random) -> None:
    place = _place(whole, rng)
    whole[place:place] = rng.choice(_EXTREMES)


def _replace_number(whole: bytearray, rng: random.Random) -> None:
    numbers = list(re.finditer(rb"-?\d[\d.e+-]*", whole))
    if numbers:
        found = rng.choice(numbers)
        whole[found.start() : found.end()] = rng.choice(_EXTREMES)


def _replace_value(whole: bytearray, rng: random.Random) -> None:
    values = list(re.finditer(rb'"[^"\n]*"|[^\t\n ,]+', whole))
    if values:
        found = rng.choice(values)
        whole[found.start() : found.end()] = rng.choice(_EXTREMES)


def _repeat(whole: bytearray, rng: random.Random) -> None:
    start = _place(whole, rng)
    part = bytes(whole[start : start + rng.randint(1, 200)])
    place = _place(whole, rng)
    whole[place:place] = part


def _cut(whole: bytearray, rng: random.Random) -> None:
    start = _place(whole, rng)
    del whole[start : start + rng.choice((1, 4, 30, len(whole)))]


CHANGES = (_flip, _flip, _insert, _replace_number, _replace_value, _repeat, _cut)
