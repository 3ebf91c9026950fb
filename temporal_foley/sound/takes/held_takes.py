"""Hold the takes that were read: in memory up to a limit, the others in an unnamed file."""

import contextlib
import tempfile
import weakref
from collections import OrderedDict
from typing import BinaryIO, NamedTuple

import numpy as np

from temporal_foley.files.cache import private_folder
from temporal_foley.sound.take import Take
from temporal_foley.timeline import Asset, Loop

MOST_ON_DISK = 1 << 30
"""Bytes of the takes of a long film with fifty effects."""


class _Place(NamedTuple):
    """Where the samples of a take are in the file, and the rest of the take."""

    offset: int
    shape: tuple[int, int]
    dtype: np.dtype
    anchor: int
    loop: Loop | None


class HeldTakes:
    """Takes by asset; those that were used longest ago are moved from memory to the file.

    A long film uses its takes in turn, so that each would be made again for nearly every cue if
    only memory held them. The file has no name and is gone with the process. Without room for it,
    takes are merely forgotten.
    """

    def __init__(self, most_in_memory: int, most_on_disk: int = MOST_ON_DISK):
        """Take the largest sizes in bytes."""
        self._most_in_memory = most_in_memory
        self._most_on_disk = most_on_disk
        self._takes: OrderedDict[Asset, Take] = OrderedDict()
        self._in_memory = 0
        self._file: BinaryIO | None = None
        self._on_disk = 0
        self._places: dict[Asset, _Place] = {}

    def __contains__(self, asset: Asset) -> bool:
        """Tell whether a take is held."""
        return asset in self._takes or asset in self._places

    def get(self, asset: Asset) -> Take | None:
        """Return a take, or None if it is not held."""
        take = self._takes.get(asset)
        if take is not None:
            self._takes.move_to_end(asset)
            return take
        take = self._read(asset)
        return None if take is None else self.put(asset, take)

    def put(self, asset: Asset, take: Take) -> Take:
        """Hold a take and return it; its samples become read-only."""
        take.samples.setflags(write=False)
        before = self._takes.pop(asset, None)
        self._in_memory += take.samples.nbytes - (before.samples.nbytes if before else 0)
        self._takes[asset] = take
        while self._in_memory > self._most_in_memory and len(self._takes) > 1:
            oldest, moved = self._takes.popitem(last=False)
            self._in_memory -= moved.samples.nbytes
            self._write(oldest, moved)
        return take

    def _write(self, asset: Asset, take: Take) -> None:
        samples = np.ascontiguousarray(take.samples)
        if asset in self._places or self._on_disk + samples.nbytes > self._most_on_disk:
            return
        with contextlib.suppress(OSError):
            if self._file is None:
                # Temporary folders are in memory on many systems.
                self._file = tempfile.TemporaryFile(dir=private_folder("takes"))  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            self._file.seek(self._on_disk)
            self._file.write(samples.data)
            self._places[asset] = _Place(
                self._on_disk, samples.shape, samples.dtype, take.anchor, take.loop
            )
            self._on_disk += samples.nbytes

    def _read(self, asset: Asset) -> Take | None:
        place = self._places.get(asset)
        if place is None or self._file is None:
            return None
        samples = np.empty(place.shape, place.dtype)
        try:
            self._file.seek(place.offset)
            is_whole = self._file.readinto(samples.data) == samples.nbytes  # pyright: ignore
        except OSError:
            is_whole = False
        if not is_whole:
            del self._places[asset]
            return None
        return Take(samples=samples, anchor=place.anchor, loop=place.loop)
