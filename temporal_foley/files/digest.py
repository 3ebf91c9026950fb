"""Compute the SHA-256 of files."""

import hashlib
from pathlib import Path

from temporal_foley.errors import MediaError
from temporal_foley.files.reading import open_regular


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal digits.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(f"cannot be read ({error.strerror})", path=path) from None
