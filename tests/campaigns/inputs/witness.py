"""Observe what a program does: opened files, connections, and changes of a tree."""

import contextlib
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_IN_ACCESS, _IN_OPEN = 0x1, 0x20
_HEAD = struct.Struct("iIII")


class Watch:
    """Records which files of some folders were opened, by C code too (Linux inotify)."""

    def __init__(self, *folders: Path):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._queue = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for folder in folders:
            mask = _IN_ACCESS | _IN_OPEN
            if self._libc.inotify_add_watch(self._queue, os.fsencode(folder), mask) < 0:
                raise OSError(ctypes.get_errno(), "cannot be watched", str(folder))

    def opened(self) -> list[str]:
        """Return the names since the last call."""
        names = set()
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._queue, 1 << 16):
                while data:
                    length = _HEAD.unpack_from(data)[3]
                    names.add(data[_HEAD.size : _HEAD.size + length].rstrip(b"\0").decode())
                    data = data[_HEAD.size + length :]
        return sorted(names - {""})

    def close(self) -> None:
        os.close(self._queue)


class Port:
    """An open port of this machine, which records whether anybody connected."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.number: int = self._socket.getsockname()[1]

    def called(self) -> bool:
        """Return whether there was a connection since the last call."""
        try:
            connection, _ = self._socket.accept()
        except BlockingIOError:
            return False
        connection.close()
        return True

    def close(self) -> None:
        self._socket.close()


def tree(*folders: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of all that is in folders."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            state = path.lstat()
            # The time of a folder changes with what is in it, which is listed anyway.
            found[str(path)] = (0, 0) if path.is_dir() else (state.st_size, state.st_mtime_ns)
    return found


_DEVICES: list[str] = []


def _note(event: str, words: tuple) -> None:
    if event == "open" and isinstance(words[0], str) and words[0].startswith("/dev/"):
        _DEVICES.append(words[0])


@contextlib.contextmanager
def devices_opened() -> Iterator[list[str]]:
    """Offer a list of the devices that Python opens."""
    if not hasattr(sys, "_foley_witness"):
        sys.addaudithook(_note)
        sys._foley_witness = True
    _DEVICES.clear()
    yield _DEVICES
