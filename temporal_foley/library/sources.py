"""Find the sound files of a folder or ZIP file, and give them names that every system accepts.

Links and hidden files are skipped.
"""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from temporal_foley.errors import LibraryError, UsageError, one_line
from temporal_foley.library.archive import is_archive, unpack
from temporal_foley.library.packages import is_package, unpack_package

SOUND_SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".m4a"),
)
_MOST_FILES = 1_000_000
_MOST_NAME_BYTES, _MOST_SUFFIX_BYTES = 240, 10
"""File systems allow 255 bytes; a part of a file that is written, or a second take, needs more."""
_OTHER_SOUNDS = (
    ".m4b", ".aac", ".caf", ".wma", ".ac3", ".amr", ".ape", ".wv", ".mka", ".au", ".snd",
    ".voc", ".dts", ".dsf", ".tta", ".spx", ".rf64", ".bwf", ".w64", ".sd2", ".rx2", ".wem", ".xwm",
)  # fmt: skip


@contextlib.contextmanager
def opened_source(source: Path) -> Iterator[tuple[Path, str]]:
    """Yield the folder of a source and its name; of a sound file, the folder that it is in.

    Archives and packages are unpacked temporarily.

    Raises:
        LibraryError: The archive is refused.
        UsageError: The source is of none of these kinds.
    """
    if source.is_dir():
        yield source, source.resolve().name
        return
    if is_sound_file(source):
        yield source.parent, source.resolve().parent.name
        return
    if not (is_archive(source) or is_package(source)):
        raise UsageError(
            "neither a folder nor a sound file nor a ZIP file",
            path=source,
            remedy="unpack other archives first",
        )
    with tempfile.TemporaryDirectory(prefix="temporal-foley-") as scratch:
        folder = Path(scratch) / "unpacked"
        (unpack if is_archive(source) else unpack_package)(source, folder)
        yield folder, source.stem.lower() or "archive"


def is_sound_file(path: Path) -> bool:
    """Return whether a path is a sound file by its suffix."""
    return path.is_file() and path.suffix.lower() in SOUND_SUFFIXES


def sound_files(folder: Path, library: Path, *, in_place: bool) -> Iterator[Path]:
    """Yield the sound files of a folder in order, without those of a library inside it."""
    found = 0
    for path in _plain_files(folder, library, in_place=in_place):
        if path.suffix.lower() in SOUND_SUFFIXES and path.is_file():
            found += 1
            if found > _MOST_FILES:
                raise LibraryError(f"{folder}: holds more than {_MOST_FILES} sounds; add its parts")
            yield path


def passed_over(folder: Path, library: Path, *, in_place: bool) -> Iterator[tuple[str, str]]:
    """Yield the sound files of a folder that are not read, by their path in it, and why."""
    for path in _plain_files(folder, library, in_place=in_place):
        suffix = path.suffix.lower()
        if suffix in _OTHER_SOUNDS:
            why = f"{suffix} is not read: convert it to WAV or FLAC"
            yield path.relative_to(folder).as_posix(), why


def _plain_files(folder: Path, library: Path, *, in_place: bool) -> Iterator[Path]:
    """Yield the files of a folder in order, without hidden ones, links and the library itself."""
    own = library.resolve()
    for here, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if not in_place:
            folders[:] = [name for name in folders if (Path(here) / name).resolve() != own]
        for name in sorted(files):
            path = Path(here) / name
            if not name.startswith(".") and not path.is_symlink():
                yield path


def copy_into(path: Path, target: Path) -> None:
    """Copy a file; its target appears only when it is complete.

    Raises:
        LibraryError: It cannot be written.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, part)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LibraryError(f"{target}: cannot be written ({error.strerror})") from None


def safe_name(name: str) -> str:
    """Return a file name without characters that a system or spreadsheet treats specially."""
    plain = re.sub(r'[\x00-\x1f\x7f-\x9f\u2028\u2029<>:"|?*\\]', "_", one_line(name))
    plain = plain.encode("utf-8", "replace").decode("utf-8").rstrip(" .")
    if len(plain.encode()) > _MOST_NAME_BYTES:
        stem, suffix = os.path.splitext(plain)
        suffix = suffix if len(suffix.encode()) <= _MOST_SUFFIX_BYTES else ""
        mark = f"-{hashlib.sha256(plain.encode()).hexdigest()[:8]}{suffix}"
        plain = stem.encode()[: _MOST_NAME_BYTES - len(mark.encode())].decode("utf-8", "ignore")
        plain += mark
    return f"_{plain}" if not plain or plain[0] in "=+@-." else plain
