"""Cut streams of sound into blocks of one length."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import Float

Block = Float[np.ndarray, "_ 2"]
"""A part of a stream, of any length."""


def rechunk(blocks: Iterable[Block], samples: int) -> Iterator[Block]:
    """Yield a stream in blocks of `samples` samples; the last may be shorter."""
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    waiting: list[Block] = []
    held = 0
    for block in blocks:
        while held + len(block) >= samples:
            taken = samples - held
            yield np.concatenate([*waiting, block[:taken]])
            waiting, held, block = [], 0, block[taken:]
        if len(block):
            waiting.append(block)
            held += len(block)
    if held:
        yield np.concatenate(waiting)


class Replayed:
    """A stream that is read several times; if it is short, what the first reading gave is held."""

    def __init__(self, read: Callable[[], Iterator[Block]], most_bytes: int):
        """Take what reads the stream, and the size up to which it is held."""
        self._read = read
        self._most_bytes = most_bytes
        self._held: list[Block] | None = None

    def __call__(self) -> Iterator[Block]:
        """Return the stream from its beginning; its blocks are read-only."""
        if self._held is not None:
            yield from self._held
            return
        blocks: list[Block] = []
        size = 0
        for block in self._read():
            block.setflags(write=False)
            size += block.nbytes
            if size <= self._most_bytes:
                blocks.append(block)
            else:
                blocks.clear()
            yield block
        if size <= self._most_bytes:
            self._held = blocks


def fit(blocks: Iterable[Block], samples: int, block_samples: int) -> Iterator[Block]:
    """Cut a stream, or pad it with silence, to `samples` in blocks of `block_samples`."""

    def filled() -> Iterator[Block]:
        left = samples
        for block in blocks:
            if left == 0:
                return
            yield block[:left]
            left -= min(left, len(block))
        while left:
            silence = np.zeros((min(left, block_samples), 2), np.float32)
            yield silence
            left -= len(silence)

    return rechunk(filled(), block_samples)
