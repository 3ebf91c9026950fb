"""Unpack an archive of sounds: a ZIP or TAR file in, its files in a new folder out, or a refusal.

Everything is checked before anything is written, and what unpacks to more than it said is stopped.
The dangers are those of the archive formats themselves: CWE-22 (path traversal), CWE-59 (links),
CWE-409 (decompression bombs), CWE-178 (names that differ in case only).
"""

import bz2
import dataclasses
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from temporal_foley.errors import LibraryError, MediaError, one_line
from temporal_foley.media.open import regular_file

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_CHUNK = 1 << 16
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$", re.I)
_CONTROL = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029<>:"|?*]')
_ENCRYPTED = 0x1
_HEADER = 2048
"""What the header of a member takes in a TAR file, with its long name."""
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """How much an archive may hold."""

    members: int = 100_000
    file_bytes: int = 2 << 30
    total_bytes: int = 64 << 30
    ratio: float = 200.0
    """Of what is unpacked to what is packed; above `ratio_from_bytes`. Silence packs well."""
    ratio_from_bytes: int = 32 << 20
    header_bytes: int = 1 << 20
    """Of one header of a TAR file, long names and comments with it."""
    name_bytes: int = 240
    depth: int = 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Member:
    name: str
    size: int
    is_folder: bool
    open: Callable[[], IO[bytes]]


def is_archive(path: Path) -> bool:
    """Tell by its name whether a file is an archive that can be unpacked."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def unpack(path: Path, folder: Path, limits: ArchiveLimits | None = None) -> int:
    """Unpack an archive into a folder that is not there yet; returns how many files it held.

    Raises:
        LibraryError: The archive is damaged or holds what it must not; no folder is left.
    """
    limits = limits or ArchiveLimits()
    where = one_line(path.name)
    try:
        source = regular_file(path)
    except MediaError as error:
        raise LibraryError(str(error)) from None
    packed, is_made = source.stat().st_size, False
    try:
        with ExitStack() as stack:
            members = list(_members(source, stack, limits))
            _check_names(members, limits)
            _check_total(sum(member.size for member in members), packed, limits)
            folder.mkdir(parents=True)
            is_made = True
            return _write(members, folder, packed, limits)
    except _Refusal as refusal:
        if is_made:
            shutil.rmtree(folder, ignore_errors=True)
        raise LibraryError(f"{where}: {refusal}; nothing was unpacked") from None
    except _DAMAGE as error:
        if is_made:
            shutil.rmtree(folder, ignore_errors=True)
        raise LibraryError(
            f"{where}: not an archive that can be read ({one_line(error)}); pack it again as ZIP"
        ) from None


class _Refusal(Exception):
    """Why an archive is not unpacked."""


def _members(path: Path, stack: ExitStack, limits: ArchiveLimits) -> Iterator[_Member]:
    if zipfile.is_zipfile(path):
        yield from _zip_members(stack.enter_context(zipfile.ZipFile(path)), limits)
    else:
        headers = _Headers(stack.enter_context(_unpacked(path)), limits)
        stream = cast(IO[bytes], headers)
        archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r:"))  # noqa: SIM115
        yield from _tar_members(archive, path, limits)
        headers.left = None


def _zip_members(archive: zipfile.ZipFile, limits: ArchiveLimits) -> Iterator[_Member]:
    infos = archive.infolist()
    if len(infos) > limits.members:
        raise _Refusal(f"holds {len(infos)} members; {limits.members} may be")
    for info in infos:
        name = _shown(info.filename)
        if info.flag_bits & _ENCRYPTED:
            raise _Refusal(f"{name} is encrypted; unpack it yourself and add the folder")
        # What made the archive on Unix left the kind of file in the upper half.
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _Refusal(f"{name} is a link or device, not a file")
        # Before Python turns the name into what the platform likes.
        if info.orig_filename != info.filename or "\\" in info.orig_filename:
            raise _Refusal(f"{name} has a name that is no plain path")
        yield _Member(
            name=info.filename,
            size=info.file_size,
            is_folder=info.is_dir(),
            open=lambda info=info: archive.open(info),
        )


def _unpacked(path: Path) -> IO[bytes]:
    """Open a TAR file as a stream of what is in it, whatever it is packed with."""
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path))
    if start.startswith(b"BZh"):
        return cast(IO[bytes], bz2.open(path))
    if start == b"\xfd7zXZ\x00":
        return cast(IO[bytes], lzma.open(path))
    return path.open("rb")


class _Headers:
    """A stream of which only so much is read while the members of an archive are listed.

    `tarfile` takes long names and comments into memory as long as they say they are.
    """

    def __init__(self, stream: IO[bytes], limits: ArchiveLimits):
        self._stream = stream
        self._most = limits.header_bytes
        self.left: int | None = limits.members * _HEADER

    def read(self, size: int) -> bytes:
        if size > self._most:
            raise _Refusal(f"has a header of {size >> 20} MiB")
        if self.left is not None:
            self.left -= size
            if self.left < 0:
                raise _Refusal("has more headers than files")
        return self._stream.read(size)

    def seek(self, place: int) -> int:
        return self._stream.seek(place)

    def tell(self) -> int:
        return self._stream.tell()


def _tar_members(archive: tarfile.TarFile, path: Path, limits: ArchiveLimits) -> Iterator[_Member]:
    packed, total = path.stat().st_size, 0
    # Listing reads through all of it, so a bomb must be seen while it is listed.
    for count, info in enumerate(archive, 1):
        name = _shown(info.name)
        if count > limits.members:
            raise _Refusal(f"holds more than {limits.members} members")
        if not (info.isreg() or info.isdir()):
            raise _Refusal(f"{name} is a link or device, not a file")
        if info.size < 0:
            raise _Refusal(f"{name} has a size below zero")
        total += info.size
        if info.size > limits.file_bytes:
            raise _Refusal(f"{name} is larger than {limits.file_bytes >> 20} MiB")
        _check_total(total, packed, limits)
        yield _Member(
            name=info.name + ("/" if info.isdir() else ""),
            size=info.size,
            is_folder=info.isdir(),
            open=lambda info=info: _tar_file(archive, info),
        )


def _tar_file(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    if file is None:
        raise _Refusal(f"{_shown(info.name)} cannot be read")
    return file


def _check_names(members: Iterable[_Member], limits: ArchiveLimits) -> None:
    kinds: dict[tuple[str, ...], tuple[str, bool]] = {}
    for member in members:
        shown = _shown(member.name)
        if member.size > limits.file_bytes:
            raise _Refusal(f"{shown} is larger than {limits.file_bytes >> 20} MiB")
        parts = _checked_parts(member.name, limits)
        for depth in range(1, len(parts) + 1):
            is_folder = depth < len(parts) or member.is_folder
            here = "/".join(parts[:depth])
            # Names that some file systems take for one: another case, another way to write é.
            key = tuple(unicodedata.normalize("NFC", part).casefold() for part in parts[:depth])
            known = kinds.setdefault(key, (here, is_folder))
            if known[0] != here:
                raise _Refusal(f"{shown} and {_shown(known[0])} differ in case or accents only")
            if known[1] != is_folder:
                raise _Refusal(f"{shown} is both a file and a folder")
    _check_twice(members)


def _check_twice(members: Iterable[_Member]) -> None:
    seen: set[str] = set()
    for member in members:
        if member.is_folder:
            continue
        if member.name in seen:
            raise _Refusal(f"{_shown(member.name)} is there twice")
        seen.add(member.name)


def _checked_parts(name: str, limits: ArchiveLimits) -> list[str]:
    shown = _shown(name)
    plain = name.removesuffix("/")
    parts = plain.split("/")
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain):
        raise _Refusal(f"{shown} is an absolute path")
    if ".." in parts:
        raise _Refusal(f"{shown} leads out of the archive")
    if "\\" in name or _CONTROL.search(name):
        raise _Refusal(f"{shown} has characters that no file name may have everywhere")
    if len(parts) > limits.depth or any(
        len(part.encode("utf-8", "replace")) > limits.name_bytes for part in parts
    ):
        raise _Refusal(f"{shown} is too long or too deep a path")
    for part in parts:
        if part in ("", ".") or part != part.rstrip(" .") or _RESERVED.match(part):
            raise _Refusal(f"{shown} has a name that is none on every system")
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in part):
            raise _Refusal(f"{shown} has a name that is no text")
    return parts


def _check_total(total: int, packed: int, limits: ArchiveLimits) -> None:
    if total > limits.total_bytes:
        raise _Refusal(f"unpacks to more than {limits.total_bytes >> 30} GiB")
    if total > limits.ratio_from_bytes and total > limits.ratio * max(packed, 1):
        raise _Refusal(f"unpacks to more than {limits.ratio:g} times its size")


def _write(members: Iterable[_Member], folder: Path, packed: int, limits: ArchiveLimits) -> int:
    written = files = 0
    for member in members:
        target = folder / member.name
        if member.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, target.open("xb") as file:
            left = member.size
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                written += len(chunk)
                if left < 0:
                    raise _Refusal(f"{_shown(member.name)} is longer than the archive says")
                _check_total(written, packed, limits)
                file.write(chunk)
        files += 1
    return files


def _shown(name: str) -> str:
    return repr(one_line(name.encode("utf-8", "replace").decode("utf-8")))[:100]
