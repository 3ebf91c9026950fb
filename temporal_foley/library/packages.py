"""Unpack the sounds of Debian packages and of OpenTTD sound sets.

A `.deb` is an `ar` archive (deb(5)) around a TAR file, of which only sounds and documents are
written, each to a name below the folder. A `.cat` holds WAV files, each after a text that names it
with its author and licence (OpenTTD's sound.cpp).
"""

import gzip
import lzma
import re
import shutil
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from temporal_foley.errors import LibraryError, one_line
from temporal_foley.files.reading import open_regular
from temporal_foley.library.archive import ArchiveLimits, checked_parts

PACKAGE_SUFFIXES = (".deb", ".cat")
_WANTED = re.compile(
    r"(\.(wav|flac|ogg|oga|opus|mp3|m4a|aiff?|aifc|cat|csv|tsv|md|license)|/(copyright|licen[cs]e[^/]*))$",
    re.I,
)
_LARGEST_HEADER = 1 << 20
_LARGEST_CAT = 256 << 20
_CHUNK = 1 << 16
_DAMAGE = (tarfile.TarError, lzma.LZMAError, EOFError, OSError, ValueError, struct.error)


def unpack_package(path: Path, folder: Path, limits: ArchiveLimits | None = None) -> int:
    """Write the sounds and documents of a package into a new folder; return their number.

    Raises:
        LibraryError: The package is damaged, unsafe or too large; no folder is left behind.
    """
    limits = limits or ArchiveLimits()
    folder.mkdir(parents=True)
    try:
        with open_regular(path) as file:
            if path.suffix.lower() == ".cat":
                return _unpack_sound_set(file.read(_LARGEST_CAT), folder)
            found = _unpack_deb(file, folder, limits)
        for sound_set in sorted(folder.rglob("*.cat")):
            found += _unpack_sound_set(sound_set.read_bytes(), sound_set.parent)
            sound_set.unlink()
        return found
    except _DAMAGE as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise LibraryError(
            f"{one_line(path.name)}: not a package that can be read ({one_line(error)}); unpack it "
            "yourself and add the folder"
        ) from None


def _unpack_deb(file: IO[bytes], folder: Path, limits: ArchiveLimits) -> int:
    if file.read(8) != b"!<arch>\n":
        raise ValueError("no ar archive")
    while header := file.read(60):
        name = header[:16].decode("ascii", "replace").strip().rstrip("/")
        size = int(header[48:58])
        if name == "data.tar.xz":
            with lzma.open(file) as stream:
                return _unpack_tar(_Bounded(stream, limits), folder, limits)
        if name == "data.tar.gz":
            with gzip.open(file) as stream:
                return _unpack_tar(_Bounded(cast("IO[bytes]", stream), limits), folder, limits)
        file.seek(size + size % 2, 1)
    raise ValueError("no data.tar.xz or data.tar.gz in it")


class _Bounded:
    """A stream that refuses large headers, which `tarfile` would read into memory."""

    def __init__(self, stream: IO[bytes], limits: ArchiveLimits):
        self._stream, self._left = stream, limits.total_bytes

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        if size > _LARGEST_HEADER:
            raise ValueError("a header is too large")
        self._left -= size
        if self._left < 0:
            raise ValueError("it unpacks to too much")
        return self._stream.read(size)


def _unpack_tar(stream: _Bounded, folder: Path, limits: ArchiveLimits) -> int:
    found = 0
    with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
        for count, info in enumerate(archive):
            if count > limits.members or info.size > limits.file_bytes or info.size < 0:
                raise ValueError("too many or too large members")
            name = info.name.removeprefix("./")
            if not info.isreg() or not _WANTED.search(f"/{name}"):
                continue
            target = folder.joinpath(*checked_parts(name, limits))
            target.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(info)
            if source is None:
                raise ValueError("a member cannot be read")
            with target.open("xb") as file:
                while chunk := source.read(_CHUNK):
                    file.write(chunk)
            found += 1
    return found


def _unpack_sound_set(content: bytes, folder: Path) -> int:
    """Write the WAV files of a `.cat`, and a table of their titles, authors and licences."""
    rows = ["file\ttitle\tauthor\tlicence"]
    for number, (text, sound) in enumerate(_entries(content)):
        title = re.match(r'"([^"]*)"', text)
        name = re.sub(r"[^\w -]+", " ", title[1] if title else "").strip()[:60]
        file = f"{number:02d} {name}".strip() + ".wav"
        author = re.search(r"\b[Bb]y (.{2,80}?)\.(?:\s|$)", text)
        licence = re.search(r"[Ll]icense:?\s*(.{2,80})", text)
        (folder / file).write_bytes(sound)
        cells = [file, name, *(one_line(found[1]) if found else "" for found in (author, licence))]
        rows.append("\t".join(cells))
    (folder / "sound_set.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    return len(rows) - 1


def _entries(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the text and the WAV file of each entry."""
    first, _ = struct.unpack_from("<II", content)
    for at in range(0, first & 0x7FFFFFFF, 8):
        place, size = struct.unpack_from("<II", content, at)
        place &= 0x7FFFFFFF
        length = content[place] if place < len(content) else 0
        text = content[place + 1 : place + 1 + length].rstrip(b"\0").decode("latin-1")
        start = place + 1 + length
        if content[start : start + 4] == b"RIFF":
            yield one_line(text), content[start : start + min(size, len(content))]


def is_package(path: Path) -> bool:
    """Return whether a file has the name of a package or sound set."""
    return PurePosixPath(path.name).suffix.lower() in PACKAGE_SUFFIXES
