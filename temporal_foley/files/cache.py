"""Keep what can be computed again in the user's cache folder: checked by hash, bounded in size.

An entry is a file that repeats its key and states the hash of its content. One that is damaged,
half-written or of another key counts as missing. Nothing here raises: without a folder to write to,
everything is merely computed again.
"""

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from temporal_foley.files.reading import read_whole

CACHE_VARIABLE = "TEMPORAL_FOLEY_CACHE"
_MAGIC = b"temporal-foley/cache/1\n"
_HASH_BYTES = 32
_SUFFIX = ".entry"
_MOST_ENTRY_BYTES = 1 << 30
_STALE_S = 3600
"""Parts of files older than this are of runs that were killed."""


def cache_folder() -> Path:
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
        folder = (root or cache_folder()) / name
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


class Cache:
    """Entries of one kind, by key; the ones that were used longest ago go first."""

    def __init__(self, name: str, most_bytes: int, root: Path | None = None):
        """Take the name of the cache's folder, its largest size, and where it is."""
        self._name = name
        self._most_bytes = most_bytes
        self._root = root

    def read(self, key: str) -> bytes | None:
        """Return an entry, or None if there is none that is whole."""
        path = self._path(key)
        if path is None:
            return None
        try:
            stored = read_whole(path, _MOST_ENTRY_BYTES)
            os.utime(path)
        except OSError:
            return None
        head = len(_MAGIC) + 2 * _HASH_BYTES
        content = memoryview(stored)[head:]
        if stored[:head] != _MAGIC + _digest(key.encode()) + _digest(content):
            return None
        return bytes(content)

    def write(self, key: str, content: bytes) -> None:
        """Store an entry in one step, then remove old ones if they are too many."""
        path = self._path(key)
        if path is None or len(content) > min(self._most_bytes, _MOST_ENTRY_BYTES // 2):
            return
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                file.write(_MAGIC + _digest(key.encode()) + _digest(content))
                file.write(content)
            os.replace(part, path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return
        keep_newest(path.parent, self._most_bytes)

    def read_arrays(self, key: str) -> dict[str, np.ndarray] | None:
        """Return an entry that `write_arrays` stored, or None if there is none that is whole."""
        stored = self.read(key)
        if stored is None:
            return None
        try:
            return safetensors.numpy.load(stored)
        except (safetensors.SafetensorError, ValueError):
            return None

    def write_arrays(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store arrays by name."""
        whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        self.write(key, safetensors.numpy.save(whole))

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


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.sha256(content).digest()
