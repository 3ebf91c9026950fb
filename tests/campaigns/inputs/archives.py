"""Send hostile archives through `library add`: refused in one line, nothing written anywhere.

Names, links, devices, bombs, wrong sizes, and headers that ask for more memory than there is.
"""

import dataclasses
import io
import os
import stat
import struct
import tarfile
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.campaigns.command_run import run_command
from tests.campaigns.driver import Campaign, Trial

_SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt "
_ZEROS = bytes(1 << 20)
BOMB_MIB = 256
MANY = 100_001
MOST_BYTES = 700 << 20
"""Memory that no archive may take, the program's own included."""


@dataclasses.dataclass(frozen=True)
class Hostile:
    """An archive by name; `write` puts it at a path, which may take seconds."""

    name: str
    write: Callable[[Path], object]
    is_slow: bool = False
    suffix: str = ".zip"


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


def all_archives() -> list[Hostile]:
    """Return every kind, in a fixed order."""
    kinds = (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)
    return [
        *(Hostile(kind, _zip_of(names)) for kind, names in BAD_NAMES.items()),
        *(Hostile(f"mode {kind:o}", _zip_link(kind)) for kind in kinds),
        Hostile("null in a name", _null_in_zip),
        Hostile("encrypted", _encrypted),
        Hostile("deflated zeros", _zip_bomb(zipfile.ZIP_DEFLATED), True),
        Hostile("bzip2 zeros", _zip_bomb(zipfile.ZIP_BZIP2), True),
        Hostile("lzma zeros", _zip_bomb(zipfile.ZIP_LZMA), True),
        Hostile("one member a thousand times", _overlapping),
        Hostile("longer than it says", _lying_zip),
        Hostile("says exabytes", _exabytes),
        Hostile("wrong checksum", _wrong_checksum),
        Hostile("members beyond its end", _beyond),
        Hostile("too many members", _zip_of([f"{i}.wav" for i in range(MANY)]), True),
        Hostile("a million names and nothing else", _names_alone, True),
        Hostile("no sounds", _zip_of(["readme.txt"])),
        Hostile("empty archive", lambda path: zipfile.ZipFile(path, "w").close()),
        Hostile("empty file", lambda path: path.write_bytes(b"")),
        Hostile("noise", lambda path: path.write_bytes(bytes(range(256)) * 40)),
        Hostile("cut off", _cut_off),
        Hostile("a TAR whose member leads out", _tar_outside, suffix=".tar"),
    ]


def attempt(trial: Trial) -> None:
    """Make an archive, in a process of its own, for that takes memory; then add it."""
    kind = all_archives()[trial.number]
    trial.what = kind.name
    scratch, library = trial.folder / "scratch", trial.folder / "library"
    scratch.mkdir()
    archive = trial.folder / f"pack{kind.suffix}"
    child = os.fork()
    if child == 0:
        kind.write(archive)
        os._exit(0)
    trial.expect("exit code of making it", 0, os.waitpid(child, 0)[1])
    tempfile.tempdir = str(scratch)
    began = time.process_time()
    run = run_command(["library", "add", str(archive), "--to", str(library), "--no-listen"])
    trial.most["seconds of processor"] = time.process_time() - began
    tempfile.tempdir = None
    left = sorted(str(path.relative_to(trial.folder)) for path in trial.folder.rglob("*"))
    trial.faults += [run.fault] if run.fault else []
    trial.expect("exit code", 2 if kind.suffix == ".tar" else 3, run.code)
    if archive.name not in run.err:
        trial.faults.append(f"does not name the archive: {(run.out + run.err).strip()[-300:]}")
    trial.expect("files left", [archive.name, "scratch"], left)
    if os.path.lexists(trial.root / "outside.wav"):
        trial.faults.append("wrote outside")


def _zip_of(names: Sequence[str]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore")  # of names that are there twice
            for name in names:
                info = zipfile.ZipInfo("x")
                info.filename = name
                archive.writestr(info, _SOUND)

    return write


def _null_in_zip(path: Path) -> None:
    _zip_of(["doorXknock.wav"])(path)
    path.write_bytes(path.read_bytes().replace(b"doorXknock", b"door\x00knock"))


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


def _cut_off(path: Path) -> None:
    _zip_of([f"{number}.wav" for number in range(40)])(path)
    path.write_bytes(path.read_bytes()[:-700])


def _tar_outside(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("../outside.wav")
        info.size = len(_SOUND)
        archive.addfile(info, io.BytesIO(_SOUND))


_KINDS = all_archives()
# Most of the time goes into making the archives.
CAMPAIGN = Campaign(
    attempt=attempt,
    full=len(_KINDS),
    is_list=True,
    short=[number for number, kind in enumerate(_KINDS) if not kind.is_slow],
    long=[number for number, kind in enumerate(_KINDS) if kind.is_slow],
    watched=True,
    limit_s=120.0,
    limit_bytes=MOST_BYTES,
)
