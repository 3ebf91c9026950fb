"""Compute the SHA-256 of files and of the package's own code."""

import functools
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


@functools.cache
def code_sha256(*parts: str) -> str:
    """Return the SHA-256 of modules and folders of this package, named relative to it."""
    digest = hashlib.sha256()
    for part in parts:
        path = Path(__file__).parents[1] / part
        for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(module.read_bytes())
    return digest.hexdigest()
