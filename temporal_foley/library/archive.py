"""Unpack a ZIP file of sounds, or refuse it.

Everything is checked before anything is written, and a file that unpacks to more than it declares
is stopped. The dangers are those of the format itself: CWE-22 (path traversal), CWE-59 (links),
CWE-409 (decompression bombs), CWE-178 (names that differ in case only).
"""

import dataclasses
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from temporal_foley.errors import LibraryError, MediaError, one_line
from temporal_foley.media.open import regular_file

_CHUNK = 1 << 16
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$", re.I)
_CONTROL = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029<>:"|?*]')
_ENCRYPTED = 0x1
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """Limits on the contents of an archive."""

    members: int = 100_000
    file_bytes: int = 2 << 30
    total_bytes: int = 64 << 30
    ratio: float = 200.0
    """Of unpacked to packed size, above `ratio_from_bytes`: silence compresses well."""
    ratio_from_bytes: int = 32 << 20
    name_bytes: int = 240
    depth: int = 24


def is_archive(path: Path) -> bool:
    """Return whether a file has the name of an archive that can be unpacked."""
    return path.suffix.lower() in (".zip", ".whl")


def unpack(path: Path, folder: Path, limits: ArchiveLimits | None = None) -> int:
    """Unpack a ZIP file into a new folder; return the number of files.

    Raises:
        LibraryError: The archive is damaged or unsafe; no folder is left behind.
    """
    limits = limits or ArchiveLimits()
    where = one_line(path.name)
    try:
        source = regular_file(path)
    except MediaError as error:
        raise LibraryError(str(error)) from None
    packed, is_made = source.stat().st_size, False
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
            _check_members(members, limits)
            _check_names(members, limits)
            _check_total(sum(member.file_size for member in members), packed, limits)
            folder.mkdir(parents=True)
            is_made = True
            return _write(archive, members, folder, packed, limits)
    except (Refusal, *_DAMAGE) as error:
        if is_made:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, Refusal):
            raise LibraryError(f"{where}: {error}; nothing was unpacked") from None
        raise LibraryError(
            f"{where}: not a ZIP file that can be read ({one_line(error)}); pack it again"
        ) from None


class Refusal(ValueError):
    """The reason why an archive is not unpacked."""


def _check_members(members: Sequence[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    if len(members) > limits.members:
        raise Refusal(f"holds {len(members)} members; the limit is {limits.members}")
    seen: set[str] = set()
    for info in members:
        name = _shown(info.filename)
        if info.flag_bits & _ENCRYPTED:
            raise Refusal(f"{name} is encrypted; unpack it yourself and add the folder")
        # Archives made on Unix store the kind of file in the upper half.
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise Refusal(f"{name} is a link or device, not a file")
        # Python changes names to suit the platform: check the original one.
        if info.orig_filename != info.filename or "\\" in info.orig_filename:
            raise Refusal(f"{name} is not a plain path")
        if info.file_size > limits.file_bytes:
            raise Refusal(f"{name} is larger than {limits.file_bytes >> 20} MiB")
        if not info.is_dir() and info.filename in seen:
            raise Refusal(f"{name} is listed twice")
        seen.add(info.filename)


def _check_names(members: Sequence[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    kinds: dict[tuple[str, ...], tuple[str, bool]] = {}
    for info in members:
        shown = _shown(info.filename)
        parts = checked_parts(info.filename, limits)
        for depth in range(1, len(parts) + 1):
            is_folder = depth < len(parts) or info.is_dir()
            here = "/".join(parts[:depth])
            # Some file systems ignore case, or treat two encodings of é as one name.
            key = tuple(unicodedata.normalize("NFC", part).casefold() for part in parts[:depth])
            known = kinds.setdefault(key, (here, is_folder))
            if known[0] != here:
                raise Refusal(f"{shown} and {_shown(known[0])} differ in case or accents only")
            if known[1] != is_folder:
                raise Refusal(f"{shown} is both a file and a folder")


def checked_parts(name: str, limits: ArchiveLimits) -> list[str]:
    """Return the parts of a member's path.

    Raises:
        Refusal: The path is absolute, leads out, or is not allowed on every system.
    """
    shown = _shown(name)
    plain = name.removesuffix("/")
    parts = plain.split("/")
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain):
        raise Refusal(f"{shown} is an absolute path")
    if ".." in parts:
        raise Refusal(f"{shown} leads out of the archive")
    if "\\" in name or _CONTROL.search(name):
        raise Refusal(f"{shown} has characters that are not allowed in file names on every system")
    if len(parts) > limits.depth or any(
        len(part.encode("utf-8", "replace")) > limits.name_bytes for part in parts
    ):
        raise Refusal(f"{shown} is too long or too deep a path")
    for part in parts:
        if part in ("", ".") or part != part.rstrip(" .") or _RESERVED.match(part):
            raise Refusal(f"{shown} has a name that is not allowed on every system")
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in part):
            raise Refusal(f"{shown} has a name that is not valid text")
    return parts


def _check_total(total: int, packed: int, limits: ArchiveLimits) -> None:
    if total > limits.total_bytes:
        raise Refusal(f"unpacks to more than {limits.total_bytes >> 30} GiB")
    if total > limits.ratio_from_bytes and total > limits.ratio * max(packed, 1):
        raise Refusal(f"unpacks to more than {limits.ratio:g} times its size")


def _write(
    archive: zipfile.ZipFile,
    members: Sequence[zipfile.ZipInfo],
    folder: Path,
    packed: int,
    limits: ArchiveLimits,
) -> int:
    written = files = 0
    for info in members:
        target = folder / info.filename
        if info.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, target.open("xb") as file:
            left = info.file_size
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                written += len(chunk)
                if left < 0:
                    raise Refusal(f"{_shown(info.filename)} is longer than the archive declares")
                _check_total(written, packed, limits)
                file.write(chunk)
        files += 1
    return files


def _shown(name: str) -> str:
    return repr(one_line(name.encode("utf-8", "replace").decode("utf-8")))[:100]
