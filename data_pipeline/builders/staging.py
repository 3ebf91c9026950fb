"""Making many examples: items and a way to make one in, examples and rejected items out.

Examples are made in chunks by several processes, and each finished chunk is a file of its own, so
that whoever is killed goes on where they were. The chunks' content does not depend on the number of
processes. Which chunks fit is told by a digest of the settings and of all items.
"""

import dataclasses
import hashlib
import json
import multiprocessing
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

from data_pipeline.schema import Example, features, from_example, to_example
from temporal_foley.errors import FoleyError

CHUNK_ITEMS = 32
_LENGTH = struct.Struct("<Q")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rejected:
    """An item that could not be used, and why."""

    item: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What to make: `make(item)` gives an example or raises FoleyError or ValueError.

    `make` and the items are sent to other processes, so they are top-level functions (or partials
    of them) and plain data whose `repr` tells all there is to them.
    """

    name: str
    items: Sequence[Any]
    make: Callable[[Any], Example]
    settings: str = ""


def digest(work: Work) -> str:
    """Return what tells this work from any other."""
    digest = hashlib.sha256(f"{work.name}\0{work.settings}".encode())
    for item in work.items:
        digest.update(repr(item).encode() + b"\0")
    return digest.hexdigest()


def make_examples(
    work: Work,
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Example | Rejected]:
    """Yield what becomes of each item, in their order; finished chunks are read, not made again."""
    place = folder / f"{work.name}-{digest(work)[:16]}"
    place.mkdir(parents=True, exist_ok=True)
    chunks = [
        (place / f"{number:06d}.chunk", work.items[first : first + CHUNK_ITEMS])
        for number, first in enumerate(range(0, len(work.items), CHUNK_ITEMS))
    ]
    for number, path in enumerate(_made(chunks, work.make, workers)):
        yield from _read_chunk(path)
        if progress is not None:
            progress((number + 1) / len(chunks))


def has_examples(work: Work, folder: Path) -> bool:
    """Tell whether any item can be used; chunks are made until one is found."""
    made = make_examples(work, folder)
    return any(isinstance(one, Example) for one in made)


def forget(folder: Path) -> None:
    """Remove all chunks."""
    shutil.rmtree(folder, ignore_errors=True)


def _made(
    chunks: Sequence[tuple[Path, Sequence[Any]]], make: Callable[[Any], Example], workers: int
) -> Iterator[Path]:
    missing = [chunk for chunk in chunks if not chunk[0].exists()]
    if workers <= 1 or len(missing) <= 1:
        for path, items in chunks:
            if not path.exists():
                _make_chunk(path, items, make)
            yield path
        return
    # Not forked: threads of JAX and OpenCV do not survive it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running: dict[Path, Future[None]] = {
            path: pool.submit(_make_chunk, path, items, make) for path, items in missing
        }
        try:
            for path, _ in chunks:
                if path in running:
                    running.pop(path).result()
                yield path
        finally:
            for future in running.values():
                future.cancel()


def _make_chunk(path: Path, items: Sequence[Any], make: Callable[[Any], Example]) -> None:
    schema = features()
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        for item in items:
            try:
                example = make(item)
            except (FoleyError, ValueError) as error:
                text = json.dumps([str(getattr(item, "id", item)), str(error)]).encode()
                file.write(b"R" + _LENGTH.pack(len(text)) + text)
            else:
                record = schema.serialize_example(to_example(example))
                file.write(b"E" + _LENGTH.pack(len(record)) + record)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _read_chunk(path: Path) -> Iterator[Example | Rejected]:
    schema = features()
    with path.open("rb") as file:
        while kind := file.read(1):
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            content = file.read(length)
            if kind == b"R":
                item, reason = json.loads(content)
                yield Rejected(item=item, reason=reason)
            else:
                yield from_example(schema.deserialize_example_np(content))
