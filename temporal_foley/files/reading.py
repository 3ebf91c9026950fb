"""Read regular files as a whole, with a limit on their size, and never a device or pipe."""

import errno
import io
import os
import stat
from pathlib import Path

USUAL_BYTES = 256 << 20
"""No text that a person or this program writes is nearly as large."""


def read_whole(path: Path, most_bytes: int = USUAL_BYTES) -> bytes:
    """Return the content of a file.

    A device or pipe is not opened, because reading it may never end; a link to a file is fine.

    Raises:
        OSError: It cannot be read, is not a regular file, or has more than `most_bytes`.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most_bytes:
            raise OSError(errno.EFBIG, f"larger than {most_bytes >> 20} MiB", str(path))
        return file.read()


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: It cannot be read, or is a device, pipe or socket.
    """
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "a device or pipe, not a file", str(path))
    return open(path, "rb")


def file_cause(error: OSError | UnicodeDecodeError) -> str:
    """Return briefly why a text could not be read; the caller names the file."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8 text"
    return error.strerror or str(error)
