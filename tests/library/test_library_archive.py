"""Test unpacking ZIP files, and that unsafe ones are refused and leave nothing behind."""

import io
import stat
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


def test_a_zip_file_is_unpacked_completely(tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "dogs").mkdir(parents=True)
    (source / "dogs/é 1.wav").write_bytes(b"bark")
    (source / "LICENSE").write_bytes(b"CC0")
    archive = tmp_path / "pack.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in source.rglob("*"):
            file.write(path, path.relative_to(source))
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
        (["a\\..\\b.wav"], "not a plain path"),
        (["a.wav", "A.WAV"], "case"),
        (["dogs/a.wav", "Dogs/b.wav"], "case"),
        (["caf\u00e9.wav", "cafe\u0301.wav"], "case or accents"),
        (["a", "a/b.wav"], "both a file and a folder"),
        (["con.wav"], "not allowed on every system"),
        (["a./b.wav"], "not allowed on every system"),
        (["a\n.wav"], "characters"),
        (["x" * 300 + ".wav"], "too long"),
        (["/".join("a" * 40) + ".wav"], "too deep"),
    ],
)
def test_bad_names_are_refused(tmp_path: Path, names: list[str], why: str) -> None:
    refused(zipped(tmp_path / "bad.zip", *names), tmp_path, why)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    refused(zipped(tmp_path / "bad.zip", "a.wav", "a.wav"), tmp_path, "listed twice")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("a.wav")
    info.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(tmp_path / "bad.zip", tmp_path, "link or device")


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
    refused(path, tmp_path, "longer than|cannot be read|not a ZIP")


@pytest.mark.parametrize("keep", [0, 10, 60, 100])
def test_damaged_archives_are_refused(tmp_path: Path, keep: int) -> None:
    path = zipped(tmp_path / "bad.zip", "a.wav", "b.wav", data=bytes(100))
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, tmp_path, "not a ZIP file")


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
