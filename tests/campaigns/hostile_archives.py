"""Archives that mean harm, or are broken: a folder in, one archive of each kind out.

Names, links, devices, bombs, lies about sizes, and headers that ask for more memory than there is,
as ZIP and as TAR, plain and packed.
"""

import bz2
import dataclasses
import gzip
import io
import lzma
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

_SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt "
_ZEROS = bytes(1 << 20)
BOMB_MIB = 256
MANY = 100_001


@dataclasses.dataclass(frozen=True)
class Hostile:
    """An archive by name; `write` puts it at a path.

    `is_slow`: it takes seconds to make; `is_harmless`: it may be taken in.
    """

    name: str
    suffix: str
    write: Callable[[Path], None]
    is_slow: bool = False
    is_harmless: bool = False


BAD_NAMES: dict[str, Sequence[str]] = {
    "leads out": ["../outside.wav"],
    "leads out later": ["sounds/../../outside.wav"],
    "leads out with backslashes": ["..\\outside.wav"],
    "absolute": ["/tmp/foley-outside.wav"],
    "absolute on Windows": ["C:\\outside.wav"],
    "drive": ["C:outside.wav"],
    "network": ["//host/share/outside.wav"],
    "stream of a file": ["door.wav:hidden"],
    "twice": ["door.wav", "door.wav"],
    "case": ["door.wav", "DOOR.wav"],
    "case of folders": ["doors/a.wav", "Doors/b.wav"],
    "accents": ["caf\u00e9.wav", "cafe\u0301.wav"],
    "file and folder": ["door", "door/a.wav"],
    "line break": ["door\nknock.wav"],
    "escape": ["door\x1b[2J.wav"],
    "device name": ["con.wav"],
    "dot at the end": ["doors./a.wav"],
    "empty part": ["doors//a.wav"],
    "dot": ["./door.wav"],
    "long": ["d" * 300 + ".wav"],
    "deep": ["/".join("d" * 60) + "/a.wav"],
}
_LINKS = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "pipe": tarfile.FIFOTYPE,
}


def all_archives() -> list[Hostile]:
    """Return every kind, in a fixed order."""
    found = []
    for kind, names in BAD_NAMES.items():
        found.append(Hostile(f"zip, {kind}", ".zip", _zip_of(names)))
        found.append(Hostile(f"tar, {kind}", ".tar", _tar_of(names)))
    found.append(Hostile("tar, null in a name", ".tar", _tar_of(["door\x00.wav"], pax=True)))
    found.append(Hostile("tar, no text", ".tar", _tar_of(["door\udcff.wav"], pax=False)))
    found.append(Hostile("zip, null in a name", ".zip", _null_in_zip))
    for kind, code in _LINKS.items():
        found.append(Hostile(f"tar, {kind}", ".tar", _tar_link(code)))
    for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
        found.append(Hostile(f"zip, mode {kind:o}", ".zip", _zip_link(kind)))
    found += [
        Hostile("tar, link to a folder, then a file in it", ".tar", _tar_through_link),
        Hostile("zip, encrypted", ".zip", _encrypted),
        Hostile("zip, deflated zeros", ".zip", _zip_bomb(zipfile.ZIP_DEFLATED), True),
        Hostile("zip, bzip2 zeros", ".zip", _zip_bomb(zipfile.ZIP_BZIP2), True),
        Hostile("zip, lzma zeros", ".zip", _zip_bomb(zipfile.ZIP_LZMA), True),
        Hostile("zip, one member a thousand times", ".zip", _overlapping),
        Hostile("zip, longer than it says", ".zip", _lying_zip),
        Hostile("zip, says exabytes", ".zip", _exabytes),
        Hostile("zip, wrong checksum", ".zip", _wrong_checksum),
        Hostile("zip, members beyond its end", ".zip", _beyond),
        Hostile("zip, too many members", ".zip", _zip_of([f"{i}.wav" for i in range(MANY)]), True),
        Hostile("zip, a million names and nothing else", ".zip", _names_alone, True),
        Hostile("zip of no sounds", ".zip", _zip_of(["readme.txt"])),
        Hostile("tar, too many members", ".tar", _tar_of([f"{i}.wav" for i in range(MANY)]), True),
        Hostile("tar, sparse terabyte", ".tar", _sparse),
        Hostile("tar, negative size", ".tar", _tar_size(b"\xff" * 12)),
        Hostile("tar, exabytes", ".tar", _tar_size(b"\x80" + b"\x7f" * 11)),
        Hostile("tar, size in extended header", ".tar", _pax_size),
        Hostile("empty zip", ".zip", lambda path: zipfile.ZipFile(path, "w").close()),
        Hostile("empty file", ".zip", lambda path: path.write_bytes(b"")),
        Hostile("empty tar", ".tar", lambda path: path.write_bytes(bytes(1024))),
        Hostile("noise", ".tar.xz", lambda path: path.write_bytes(bytes(range(256)) * 40)),
        Hostile("zip, cut off", ".zip", _cut_off),
        Hostile("tar.gz, cut off", ".tar.gz", _cut_off_gz),
    ]
    for suffix, pack in ((".tar.gz", gzip.compress), (".tar.bz2", bz2.compress), (".tar.xz", _xz)):
        many = _packed(_many_pax, pack)
        found += [
            Hostile(f"{suffix}, a header of 900 KiB for each file", suffix, many, True),
            Hostile(f"{suffix}, zeros", suffix, _packed(_tar_zeros, pack), True),
            Hostile(f"{suffix}, name of {BOMB_MIB} MiB", suffix, _packed(_long_name, pack), True),
            Hostile(f"{suffix}, extended header", suffix, _packed(_long_pax, pack), True),
            Hostile(f"{suffix}, leads out", suffix, _packed(_plain_tar(["../x.wav"]), pack)),
        ]
    name = ".tar.xz, dictionary of 4 GiB"
    found.append(Hostile(name, ".tar.xz", _xz_dictionary, is_harmless=True))
    return found


def _zip_of(names: Sequence[str]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore")  # of names that are there twice
            for name in names:
                info = zipfile.ZipInfo("x")
                info.filename = name
                archive.writestr(info, _SOUND)

    return write


def _tar_of(names: Sequence[str], *, pax: bool = True) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(_plain_tar(names, pax=pax)())

    return write


def _plain_tar(names: Sequence[str], *, pax: bool = True) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        form = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = len(_SOUND)
                archive.addfile(info, io.BytesIO(_SOUND))
        return buffer.getvalue()

    return make


def _null_in_zip(path: Path) -> None:
    _zip_of(["doorXknock.wav"])(path)
    path.write_bytes(path.read_bytes().replace(b"doorXknock", b"door\x00knock"))


def _tar_link(code: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        info = tarfile.TarInfo("door.wav")
        info.type, info.linkname = code, "/etc/passwd"
        with tarfile.open(path, "w") as archive:
            archive.addfile(info)

    return write


def _tar_through_link(path: Path) -> None:
    link, file = tarfile.TarInfo("sounds"), tarfile.TarInfo("sounds/door.wav")
    link.type, link.linkname, file.size = tarfile.SYMTYPE, "..", len(_SOUND)
    with tarfile.open(path, "w") as archive:
        archive.addfile(link)
        archive.addfile(file, io.BytesIO(_SOUND))


def _zip_link(kind: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        info = zipfile.ZipInfo("door.wav")
        info.external_attr = (kind | 0o644) << 16
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(info, "/etc/passwd")

    return write


def _encrypted(path: Path) -> None:
    _zip_of(["door.wav"])(path)
    blob = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        blob[blob.index(mark) + at] |= 1
    path.write_bytes(blob)


def _zip_bomb(method: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with (
            zipfile.ZipFile(path, "w", method) as archive,
            archive.open("door.wav", "w") as member,
        ):
            for _ in range(BOMB_MIB):
                member.write(_ZEROS)

    return write


def _overlapping(path: Path) -> None:
    """Let a thousand names share the data of one member (Fifield 2019, without the quoting)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0000.wav", bytes(8 << 20))
    blob = buffer.getvalue()
    at = blob.index(b"PK\x01\x02")
    entry = blob[at : blob.index(b"PK\x05\x06")]
    entries = [entry.replace(b"0000.wav", b"%04d.wav" % number) for number in range(1000)]
    size = sum(map(len, entries))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, size, at, 0)
    path.write_bytes(blob[:at] + b"".join(entries) + end)


def _lying_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("door.wav", bytes(100_000))
    blob = path.read_bytes()
    path.write_bytes(blob.replace(struct.pack("<L", 100_000), struct.pack("<L", 10)))


def _exabytes(path: Path) -> None:
    _zip_of(["door.wav"])(path)
    blob = bytearray(path.read_bytes())
    at = blob.index(b"PK\x01\x02")
    blob[at + 20 : at + 28] = b"\xff" * 8
    extra = struct.pack("<HHQQ", 1, 16, 1 << 60, 1 << 60)
    blob[at + 30 : at + 32] = struct.pack("<H", len(extra))
    blob[at + 46 + 8 : at + 46 + 8] = extra
    end = blob.index(b"PK\x05\x06")
    blob[end + 12 : end + 16] = struct.pack("<L", end - at)
    path.write_bytes(blob)


def _wrong_checksum(path: Path) -> None:
    _zip_of(["door.wav"])(path)
    blob = path.read_bytes()
    path.write_bytes(blob.replace(struct.pack("<L", zlib.crc32(_SOUND)), b"\x01\x02\x03\x04"))


def _beyond(path: Path) -> None:
    _zip_of(["door.wav"])(path)
    blob = bytearray(path.read_bytes())
    at = blob.index(b"PK\x01\x02")
    blob[at + 42 : at + 46] = struct.pack("<L", 1 << 30)
    path.write_bytes(blob)


def _names_alone(path: Path) -> None:
    """Write a table of contents with a million entries and no data at all."""
    count = 1_000_000
    head = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 4, *[0] * 6)
    entries = b"".join(head + struct.pack("<L", number) for number in range(count))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(entries), 0, 0)
    path.write_bytes(entries + end)


def _sparse(path: Path) -> None:
    info = tarfile.TarInfo("door.wav")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"00000000000\x0000000000000\x00"
    header[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    path.write_bytes(_with_sum(header) + bytes(1024))


def _tar_size(field: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        header = bytearray(tarfile.TarInfo("door.wav").tobuf(tarfile.GNU_FORMAT))
        header[124:136] = field
        path.write_bytes(_with_sum(header) + _SOUND.ljust(512, b"\x00") + bytes(1024))

    return write


def _pax_size(path: Path) -> None:
    info = tarfile.TarInfo("door.wav")
    info.pax_headers = {"size": str(1 << 50)}
    path.write_bytes(info.tobuf(tarfile.PAX_FORMAT) + bytes(2048))


def _with_sum(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\x00 " % sum(header)
    return bytes(header)


def _tar_zeros() -> bytes:
    info = tarfile.TarInfo("door.wav")
    info.size = BOMB_MIB << 20
    return info.tobuf() + _ZEROS * BOMB_MIB + bytes(1024)


def _long_name() -> bytes:
    """Make a name that is a bomb: a reader that takes it in whole has all of it in memory."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, BOMB_MIB << 20
    return info.tobuf(tarfile.GNU_FORMAT) + b"d" * (BOMB_MIB << 20) + _plain_tar(["a.wav"])()


def _long_pax() -> bytes:
    return _pax_of(BOMB_MIB << 20)


def _pax_of(size: int) -> bytes:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, size
    text = b"%d comment=" % info.size
    body = text + b"d" * (info.size - len(text) - 1) + b"\n"
    file = tarfile.TarInfo("a.wav")
    return info.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-size % 512) + file.tobuf()


def _many_pax() -> bytes:
    """Make long comments that add up, on files that are small."""
    return b"".join(_pax_of(900 << 10) for _ in range(BOMB_MIB))


def _packed(make: Callable[[], bytes], pack: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(pack(make()))

    return write


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


def _xz_dictionary(path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0}]
    blob = bytearray(lzma.compress(_plain_tar(["door.wav"])(), filters=filters))
    at = blob.index(b"\x21\x01", 12) + 2
    blob[at] = 40  # 4 GiB less a byte
    size = (blob[12] + 1) * 4
    blob[12 + size - 4 : 12 + size] = struct.pack("<L", zlib.crc32(blob[12 : 12 + size - 4]))
    path.write_bytes(blob)


def _cut_off(path: Path) -> None:
    _zip_of([f"{number}.wav" for number in range(40)])(path)
    path.write_bytes(path.read_bytes()[:-700])


def _cut_off_gz(path: Path) -> None:
    data = gzip.compress(_plain_tar([f"{number}.wav" for number in range(40)])())
    path.write_bytes(data[: len(data) // 2])
