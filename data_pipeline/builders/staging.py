"""Make many examples in several processes, resumable after a kill.

Examples are made in chunks, and each finished chunk is a file. The content of a chunk does not
depend on the number of processes. A digest of the settings and all items identifies the chunks.
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
    """Items, and `make(item)`, which returns an example or raises FoleyError or ValueError.

    `make` and the items are sent to other processes, so they are top-level functions (or partials
    of them) and plain data whose `repr` is complete.
    """

    name: str
    items: Sequence[Any]
    make: Callable[[Any], Example]
    settings: str = ""


def digest(work: Work) -> str:
    """Return a digest that identifies this work."""
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
    """Yield the example or rejection of each item, in order; finished chunks are only read."""
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
    """Return whether any item is usable; chunks are made until one is found."""
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
