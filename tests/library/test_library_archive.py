"""Archives of sounds: good ones unpack whole, hostile ones are refused and leave nothing."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from temporal_foley.errors import LibraryError
from temporal_foley.library.archive import ArchiveLimits, is_archive, unpack


def zipped(path: Path, *names: str, data: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def refused(archive: Path, tmp_path: Path, why: str, limits: ArchiveLimits | None = None) -> None:
    out = tmp_path / "out"
    with pytest.raises(LibraryError, match=why) as caught:
        unpack(archive, out, limits)
    assert archive.name in str(caught.value)
    assert not out.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [archive.name]


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_a_good_archive_unpacks_whole(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "in"
    (source / "dogs").mkdir(parents=True)
    (source / "dogs/é 1.wav").write_bytes(b"bark")
    (source / "LICENSE").write_bytes(b"CC0")
    archive = tmp_path / f"pack{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for path in source.rglob("*"):
                file.write(path, path.relative_to(source))
    else:
        with tarfile.open(archive, "w:gz" if suffix.endswith("gz") else "w") as file:
            file.add(source / "dogs", "dogs")
            file.add(source / "LICENSE", "LICENSE")
    assert is_archive(archive)
    assert unpack(archive, tmp_path / "out") == 2
    assert (tmp_path / "out/dogs/é 1.wav").read_bytes() == b"bark"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["../a.wav"], "leads out"),
        (["a/../../b.wav"], "leads out"),
        (["/etc/a.wav"], "absolute"),
        (["C:/a.wav"], "absolute"),
        (["a\\..\\b.wav"], "no plain path"),
        (["a.wav", "A.WAV"], "case"),
        (["dogs/a.wav", "Dogs/b.wav"], "case"),
        (["caf\u00e9.wav", "cafe\u0301.wav"], "case or accents"),
        (["a", "a/b.wav"], "both a file and a folder"),
        (["con.wav"], "none on every system"),
        (["a./b.wav"], "none on every system"),
        (["a\n.wav"], "characters"),
        (["x" * 300 + ".wav"], "too long"),
        (["/".join("a" * 40) + ".wav"], "too deep"),
    ],
)
def test_bad_names_are_refused(tmp_path: Path, names: list[str], why: str) -> None:
    refused(zipped(tmp_path / "bad.zip", *names), tmp_path, why)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    refused(zipped(tmp_path / "bad.zip", "a.wav", "a.wav"), tmp_path, "twice")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("a.wav")
    info.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(tmp_path / "bad.zip", tmp_path, "link or device")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("a.wav")
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.addfile(info)
    refused(tmp_path / "bad.tar", tmp_path, "link or device")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bad.zip", "a.wav")
    blob = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        blob[blob.index(mark) + at] |= 1
    path.write_bytes(blob)
    refused(path, tmp_path, "encrypted")


def test_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(1 << 20))
    refused(path, tmp_path, "times its size", ArchiveLimits(ratio_from_bytes=1 << 16))
    refused(path, tmp_path, "larger than", ArchiveLimits(file_bytes=1000))
    refused(path, tmp_path, "unpacks to more", ArchiveLimits(total_bytes=1000))
    many = zipped(tmp_path / "many.zip", *(f"{i}.wav" for i in range(20)))
    path.unlink()
    refused(many, tmp_path, "20 members", ArchiveLimits(members=10))


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", b"0123456789" * 1000)
    blob = path.read_bytes().replace((10_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(blob)
    refused(path, tmp_path, "longer than|cannot be read|not an archive")


@pytest.mark.parametrize("keep", [0, 10, 60, 100])
def test_damaged_archives_are_refused(tmp_path: Path, keep: int) -> None:
    path = zipped(tmp_path / "bad.zip", "a.wav", "b.wav", data=bytes(100))
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, tmp_path, "not an archive")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_header_that_wants_much_memory_is_refused(tmp_path: Path, kind: bytes, suffix: str):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, 2 << 20
    path = tmp_path / f"bad{suffix}"
    with tarfile.open(path, f"w:{suffix[5:]}") as archive:
        archive.addfile(info, io.BytesIO(b"d" * info.size))
    refused(path, tmp_path, "a header of 2 MiB")


def test_headers_that_add_up_and_sizes_below_zero_are_refused(tmp_path: Path) -> None:
    many = tmp_path / "many.tar.gz"
    with tarfile.open(many, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(10):
            info = tarfile.TarInfo(f"{number}.wav")
            info.pax_headers = {"comment": "c" * 9000}
            archive.addfile(info)
    refused(many, tmp_path, "more headers than files", ArchiveLimits(members=20))
    many.unlink()
    header = bytearray(tarfile.TarInfo("a.wav").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 12
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\x00 " % sum(header)
    (tmp_path / "negative.tar").write_bytes(bytes(header) + bytes(1024))
    refused(tmp_path / "negative.tar", tmp_path, "below zero")


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.wav", b"x")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    with pytest.raises(LibraryError):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert (tmp_path / "out/mine.txt").read_text() == "mine"
