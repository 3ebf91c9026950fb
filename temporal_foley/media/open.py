"""Open a media file in the one safe way.

FFmpeg follows addresses, playlists and scripts if it is allowed to. Here it is given one regular
file under its absolute name, may use no protocol but `file`, and may guess none but container
formats that hold their media themselves.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import av.container
import av.error

from temporal_foley.errors import MediaError, meant_file

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mxf,flv,asf,dv,wav,mp3,flac,ogg,aiff"
)
MAX_PIXELS = 8192 * 8192
TIMEOUT_S = 60.0

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# What PyAV raises for a damaged file: its own family, and, where a stream vanished or a name is
# not text, the builtins behind it.
DAMAGE = (av.error.FFmpegError, OSError, IndexError, ValueError)


def open_media(
    path: Path, demuxing: Mapping[str, str] | None = None
) -> av.container.InputContainer:
    """Open a media file for reading; the caller closes it.

    Args:
        path: The file.
        demuxing: Options of FFmpeg's demuxer.

    Raises:
        MediaError: The path is no readable regular file, or holds no known media format.
    """
    source = regular_file(path)
    try:
        return av.open(
            str(source),
            "r",
            # Read by the demuxer.
            container_options={
                **(demuxing or {}),
                "protocol_whitelist": "file",
                "format_whitelist": FORMATS,
            },
            # Read by the decoders that look for stream parameters.
            options={"max_pixels": str(MAX_PIXELS)},
            metadata_errors="replace",
            timeout=TIMEOUT_S,
        )
    except DAMAGE as error:
        raise MediaError(
            f"not a media file that can be read ({cause(error)})",
            path=shown(path),
            remedy="use an mp4, mov, mkv, webm, avi or ts file that plays elsewhere",
        ) from None


def regular_file(path: Path) -> Path:
    """Return the absolute, resolved name of a regular file that may be read.

    A symbolic link to one is fine. Devices, pipes and sockets are turned away before anything
    opens them, so that none can block or be drained.
    """
    if _ADDRESS.match(str(path)):
        raise MediaError("an address, not a file", path=shown(path), remedy="download it first")
    try:
        source = Path(path).resolve(strict=True)
        mode = source.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError("no such file", path=shown(path), remedy=meant_file(path)) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise MediaError(
            f"cannot be reached ({cause(error)})", path=shown(path), remedy="check the name"
        ) from None
    if stat.S_ISDIR(mode):
        raise MediaError("a folder, not a file", path=shown(path), remedy="name a file in it")
    if not stat.S_ISREG(mode):
        raise MediaError(
            "a device or pipe, not a file", path=shown(path), remedy="copy it to a file first"
        )
    if not os.access(source, os.R_OK):
        raise MediaError("may not be read", path=shown(path), remedy="check its permissions")
    return source


def native(path: Path) -> Any:
    """Return a path as libsndfile's wrapper takes it, which refuses names that are not UTF-8.

    It takes bytes, which its annotations leave out.
    """
    return str(path) if os.name == "nt" else os.fsencode(path)


def shown(path: Path) -> str:
    """Return a path as one line of printable text, for messages."""
    text = str(path).encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("?", text)


def cause(error: BaseException) -> str:
    """Return what went wrong in a few words, without path or error number."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _CONTROL.sub(" ", text).strip()
