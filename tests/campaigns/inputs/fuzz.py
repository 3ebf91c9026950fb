"""Feed damaged text and bytes to every parser: it raises a FoleyError, or it reads them.

Case `k` changes a seed of one parser, in turn, in a few places; any other exception, a crash, a
hang or too much memory is a failure. `guided` fuzzes the same parsers by coverage.
"""

import random
import re
import tempfile
import traceback
from pathlib import Path

from temporal_foley.errors import FoleyError
from tests.campaigns.driver import Campaign, Trial
from tests.campaigns.inputs.parsers import TARGETS, seeds

_EXTREMES = (
    *(b"0", b"-1", b"1e308", b"1e999", b"NaN", b"Infinity", b"99999999999999999999", b"1/0"),
    *(b"null", b"true", b'""', b"[]", b"{}"),
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xa8"),
    *(b'"', b"'", b"`", b"\t", b"\r", b"\n\n", b"<", b">", b"[[", b"]]", b"=", b"..", b"/"),
    *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"0" * 400, b"[" * 2000),
)


def attempt(trial: Trial) -> None:
    """Parse a damaged seed; the first cases parse nothing at all."""
    rng = random.Random(f"{trial.seed} {trial.number}")
    trial.what = target = list(TARGETS)[trial.number % len(TARGETS)]
    is_empty = trial.number < len(TARGETS)
    content = b"" if is_empty else damaged(rng.choice(seeds()[target]), rng)
    trial.counts[f"parsed by {target}"] += 1
    if came := came_of(target, content, trial.folder):
        trial.faults.append(came)


def came_of(target: str, content: bytes, folder: Path) -> str:
    """Parse; return what is wrong with how it ended, empty if nothing is."""
    try:
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            TARGETS[target](content, Path(aside))
    except FoleyError as error:
        return "" if str(error) and "\n" not in str(error) else f"not one line: {error!r}"
    except Exception as error:  # an unexpected exception is a finding
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error!s:.200} ({where.filename}:{where.lineno})"
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


CAMPAIGN = Campaign(
    attempt=attempt,
    full=20_000,
    short=range(16 * len(TARGETS)),
    long=range(2_000),
    watched=True,
    warm_up=lambda numbers: seeds(),
)
