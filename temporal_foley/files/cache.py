"""Keep what can be computed again in the user's cache folder: checked by hash, bounded in size.

An entry is a file that repeats its key and states the hash of its content. One that is damaged,
half-written or of another key counts as missing. Nothing here raises: without a folder to write to,
everything is merely computed again.
"""

import contextlib
import hashlib
import itertools
import json
import math
import os
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from temporal_foley.files.reading import open_regular

CACHE_VARIABLE = "TEMPORAL_FOLEY_CACHE"
Content = bytes | bytearray | memoryview
Stored = Shaped[np.ndarray, "..."]
_MAGIC = b"temporal-foley/cache/1\n"
_HEAD_BYTES = len(_MAGIC) + 2 * 32
_SUFFIX = ".entry"
_MOST_ENTRY_BYTES = 1 << 30
_STALE_S = 3600
"""Parts of files older than this are of runs that were killed."""


def user_cache_folder() -> Path:
    """Return the folder of all caches: that of a variable, or the user's cache folder.

    The variable is `TEMPORAL_FOLEY_CACHE`; the user's cache folder is that of the XDG base
    directory specification.

    Raises:
        RuntimeError: The user has no home folder.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    # The specification says to ignore a relative path.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "temporal-foley"


def private_folder(name: str, root: Path | None = None) -> Path | None:
    """Return a folder of the cache that only the user can write to; None if there can be none."""
    try:
        folder = (root or user_cache_folder()) / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = os.stat(folder)
    except (OSError, RuntimeError):  # RuntimeError: a user without a home folder
        return None
    # What others can write is not to be trusted: entries may be programs.
    if hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0):
        return None
    if os.name == "posix" and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


class Memory:
    """Arrays about one video that the next run need not compute; without a cache it is empty."""

    def __init__(self, cache: "Cache | None" = None, about: str = ""):
        """Take the cache, and text that names the video and all that its analysis depends on."""
        self._cache = cache
        self._about = about

    def recall(self, *what: object) -> dict[str, Stored] | None:
        """Return what was kept under a name, or None."""
        return None if self._cache is None else self._cache.read_arrays(self._key(what))

    def keep(self, arrays: Mapping[str, Stored], *what: object) -> None:
        """Keep arrays under a name."""
        if self._cache is not None:
            self._cache.write_arrays(self._key(what), arrays)

    def _key(self, what: Sequence[object]) -> str:
        return f"{self._about} {what!r}"


class Cache:
    """Entries of one kind, by key; the ones that were used longest ago go first."""

    def __init__(self, name: str, most_bytes: int, root: Path | None = None):
        """Take the name of the cache's folder, its largest size, and where it is."""
        self._name = name
        self._most_bytes = most_bytes
        self._root = root

    def read(self, key: str) -> bytearray | None:
        """Return an entry, or None if there is none that is whole."""
        path = self._path(key)
        if path is None:
            return None
        try:
            with open_regular(path) as file:
                size = os.fstat(file.fileno()).st_size - _HEAD_BYTES
                head = file.read(_HEAD_BYTES)
                if not 0 <= size <= _MOST_ENTRY_BYTES:
                    return None
                content = bytearray(size)
                is_whole = file.readinto(content) == size
            os.utime(path)
        except (OSError, MemoryError):
            return None
        return content if is_whole and head == _head(key, [content]) else None

    def write(self, key: str, content: Content) -> None:
        """Store an entry in one step, then remove old ones if they are too many."""
        self._write(key, [content])

    def read_arrays(self, key: str) -> dict[str, Stored] | None:
        """Return the arrays that `write_arrays` stored, or None if they are not whole."""
        stored = self.read(key)
        if stored is None:
            return None
        try:
            start = 8 + int.from_bytes(stored[:8], "little")
            found: dict[str, Stored] = {}
            for name, dtype, shape, place in json.loads(stored[8:start]):
                count = math.prod(shape)
                flat = np.frombuffer(stored, np.dtype(dtype), count, start + place)
                found[name] = flat.reshape(shape)
        except (ValueError, TypeError):
            return None
        return found

    def write_arrays(self, key: str, arrays: Mapping[str, Stored]) -> None:
        """Store arrays by name; none of them is copied."""
        whole = [np.asarray(array, order="C") for array in arrays.values()]
        places = [0, *itertools.accumulate(-(-array.nbytes // 8) * 8 for array in whole)]
        described = [
            (name, array.dtype.str, array.shape, place)
            for name, array, place in zip(arrays, whole, places, strict=False)
        ]
        head = json.dumps(described).encode()
        head += b" " * (-len(head) % 8)
        parts: list[Content] = [len(head).to_bytes(8, "little"), head]
        for array in whole:
            parts += [array.reshape(-1).view(np.uint8).data, bytes(-array.nbytes % 8)]
        self._write(key, parts)

    def _write(self, key: str, parts: Sequence[Content]) -> None:
        path = self._path(key)
        size = sum(len(part) for part in parts)
        if path is None or size > min(self._most_bytes, _MOST_ENTRY_BYTES):
            return
        part_path = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part_path.open("wb") as file:
                file.write(_head(key, parts))
                for part in parts:
                    file.write(part)
            os.replace(part_path, path)
        except OSError:
            with contextlib.suppress(OSError):
                part_path.unlink(missing_ok=True)
            return
        keep_newest(path.parent, self._most_bytes)

    def _path(self, key: str) -> Path | None:
        folder = private_folder(self._name, self._root)
        if folder is None:
            return None
        return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}{_SUFFIX}"


def keep_newest(folder: Path, most_bytes: int) -> None:
    """Remove the files of a cache that were used longest ago, until the others fit."""
    files: list[tuple[float, int, Path]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(OSError):
                if entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    files.append((status.st_mtime, status.st_size, Path(entry.path)))
    total = sum(size for _, size, _ in files)
    for used, size, path in sorted(files):
        is_stale = path.suffix == ".part" and time.time() - used > _STALE_S
        if total <= most_bytes and not is_stale:
            continue
        if path.suffix == ".part" and not is_stale:
            continue
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


def _head(key: str, parts: Sequence[Content]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return _MAGIC + hashlib.sha256(key.encode()).digest() + digest.digest()
