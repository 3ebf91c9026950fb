"""Test that packages and sound sets are unpacked, and that unsafe ones are refused."""

import io
import struct
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from temporal_foley.errors import LibraryError
from temporal_foley.library.packages import unpack_package
from temporal_foley.library.sidecars import Papers

COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2001 A. Maker
License: LGPL-2.1+

Files: mods/doors/sounds/*
Copyright: 2012 B. Recorder
License: CC-BY-3.0

Files: mods/doors/sounds/glass.ogg
 mods/other.ogg
Copyright: C. Giver
License: CC0-1.0
"""


def deb(path: Path, members: dict[str, bytes], *, kind: str = "xz") -> Path:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{kind}") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    out = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n"), (f"data.tar.{kind}", packed.getvalue())):
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    path.write_bytes(out)
    return path


def sound_set(*entries: tuple[str, bytes]) -> bytes:
    at = 8 * len(entries)
    table, body = b"", b""
    for text, sound in entries:
        table += struct.pack("<II", at + len(body), len(sound))
        body += bytes([len(text) + 1]) + text.encode() + b"\0" + sound
    return table + body


@pytest.mark.parametrize("kind", ["xz", "gz"])
def test_a_package_gives_its_sounds_with_their_licences(tmp_path: Path, kind: str) -> None:
    path = deb(
        tmp_path / "a.deb",
        {
            "./usr/share/x/mods/doors/sounds/open.ogg": b"a",
            "./usr/share/x/mods/doors/sounds/glass.ogg": b"b",
            "./usr/share/x/bell.ogg": b"c",
            "./usr/bin/program": b"d",
            "./usr/share/doc/x/copyright": COPYRIGHT.encode(),
        },
        kind=kind,
    )
    folder = tmp_path / "out"
    assert unpack_package(path, folder) == 4
    assert not (folder / "usr/bin").exists()
    papers = Papers(folder)
    found = {
        name: papers.find(PurePosixPath("usr/share/x") / name)
        for name in ("mods/doors/sounds/open.ogg", "mods/doors/sounds/glass.ogg", "bell.ogg")
    }
    licences = [paper.licence for paper in found.values()]
    assert licences[:2] == ["CC-BY-3.0", "CC0-1.0"]
    assert licences[2].startswith("LGPL-2")
    assert found["mods/doors/sounds/open.ogg"].credit == "B. Recorder"


def test_a_sound_set_gives_wav_files_and_a_table(tmp_path: Path) -> None:
    text = '"Splat (docks)". By J. Doe. License: Creative Commons Zero'
    path = tmp_path / "opensfx.cat"
    path.write_bytes(sound_set((text, b"RIFF1234"), ("no sound", b"????")))
    assert unpack_package(path, tmp_path / "out") == 1
    (sound,) = (tmp_path / "out").glob("*.wav")
    assert sound.read_bytes() == b"RIFF1234"
    paper = Papers(tmp_path / "out").find(PurePosixPath(sound.name))
    assert (paper.licence, paper.credit) == ("CC0-1.0", "J. Doe")


@pytest.mark.parametrize(
    "name", ["../out.wav", "/etc/a.wav", "a/../../b.wav", "con.wav", "a\\b.wav"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LibraryError, match="not a package"):
        unpack_package(deb(tmp_path / "bad.deb", {name: b"x"}), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.deb"]


@pytest.mark.parametrize("content", [b"", b"!<arch>\n", b"!<arch>\n" + b"x" * 70, b"junk" * 50])
@pytest.mark.parametrize("suffix", [".deb", ".cat"])
def test_damaged_packages_are_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=path.name):
        unpack_package(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
