"""Download the weights of the audio network, a pinned file, on request only.

`python -m temporal_foley.models.audio` downloads it to the user's cache folder. The file
is an asset of EfficientAT's release v0.0.1 (MIT, (c) 2022 Florian Schmid), and its SHA-256 is
checked before it is used.
"""

import http.client
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from temporal_foley.errors import WeightsError
from temporal_foley.models.weights import check_sha256, sha256_of

FILE = "mn04_as_mAP_432.pt"
URL = f"https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/{FILE}"
SHA256 = "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c"
BYTES = 4_066_513
COMMAND = "python -m temporal_foley.models.audio"

_TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 16


def cache_folder() -> Path:
    """Return the folder for downloads: `TEMPORAL_FOLEY_CACHE`, or the platform's cache folder."""
    if own := os.environ.get("TEMPORAL_FOLEY_CACHE"):
        return Path(own)
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "temporal-foley"


def cached_weights(folder: Path | None = None) -> Path:
    """Return the downloaded file; an error names the command that downloads it."""
    path = (folder or cache_folder()) / FILE
    if not path.is_file():
        raise WeightsError(
            "the audio network's weights are missing",
            path=path,
            remedy=f"run `{COMMAND}` once, or give the path of a copy",
        )
    return path


def download_weights(
    folder: Path | None = None, *, url: str = URL, sha256: str = SHA256, size_bytes: int = BYTES
) -> Path:
    """Download the weights, unless they exist already, and return their path.

    The file appears under its name only when it is whole and its hash is right.
    """
    folder = folder or cache_folder()
    path = folder / FILE
    if path.is_file() and sha256_of(path) == sha256:
        return path
    # One name per process: two may download at once.
    part = folder / f"{FILE}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"cannot be made ({error.strerror})", path=folder) from error
    try:
        _fetch(url, part, size_bytes)
        check_sha256(part, sha256_of(part), sha256)
        os.replace(part, path)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        if isinstance(error, urllib.error.HTTPError):
            # It is an answer of its own, with a connection.
            error.close()
        raise WeightsError(
            f"cannot be downloaded ({getattr(error, 'reason', None) or error})",
            path=url,
            remedy=f"fetch it with another machine and give its path, or put it at {path}",
        ) from error
    except OSError as error:
        raise WeightsError(f"cannot be written ({error.strerror or error})", path=part) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _fetch(url: str, part: Path, size_bytes: int) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, part.open("wb") as file:
        received = 0
        # Read no more than the file's size, whatever the server sends.
        while received <= size_bytes and (chunk := answer.read(_CHUNK_BYTES)):
            received += len(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if received != size_bytes:
        amount = "more" if received > size_bytes else f"{received} bytes"
        raise WeightsError(
            f"{amount} received where {size_bytes} were expected", path=url, remedy="try again"
        )
