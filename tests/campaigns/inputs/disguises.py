"""Make paths and files that are not what they seem.

A path may be an address, a device, a pipe, a link; a file may look like a film and be a list of
other files. Each leads to a canary, a file that nobody named as an input, or to a port.
"""

import dataclasses
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lure:
    """Where disguises lead: files that must stay closed, and a port that must stay silent."""

    folder: Path
    port: int

    @property
    def video(self) -> Path:
        return self.folder / "canary.mp4"

    @property
    def sound(self) -> Path:
        return self.folder / "canary.wav"

    @property
    def text(self) -> Path:
        return self.folder / "canary.json"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/canary.mp4"


Make = Callable[[Path, Lure], "str | Path"]
"""Makes what is needed at a free path; returns what is handed to the program."""


def _said(template: str) -> Make:
    def make(path: Path, lure: Lure) -> str:
        return template.format(port=lure.port, video=lure.video, sound=lure.sound, name=path.name)

    return make


def _written(template: str) -> Make:
    def make(path: Path, lure: Lure) -> Path:
        path.write_text(template.format(address=lure.address, video=lure.video, port=lure.port))
        return path

    return make


def _linked(target: str) -> Make:
    def make(path: Path, lure: Lure) -> Path:
        path.symlink_to(target.format(name=path.name))
        return path

    return make


def _pipe(path: Path, lure: Lure) -> Path:
    os.mkfifo(path)
    return path


def _socket(path: Path, lure: Lure) -> Path:
    before = Path.cwd()
    os.chdir(path.parent)  # A socket's name must be short.
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)
    return path


def _folder(path: Path, lure: Lure) -> Path:
    path.mkdir()
    return path


def _large(path: Path, lure: Lure) -> Path:
    with path.open("wb") as file:
        file.truncate(1 << 40)
    return path


def _reference_movie(path: Path, lure: Lure) -> Path:
    """Write a QuickTime file whose samples are in another file (`url `)."""

    def box(kind: bytes, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return struct.pack(">L4s", len(body) + 8, kind) + body

    url = os.fsencode(lure.video.as_uri()) + b"\0"
    dref = box(b"dref", struct.pack(">LL", 0, 1), box(b"url ", struct.pack(">L", 0), url))
    # Bars of 16x16 raw pixels would be there.
    entry = struct.pack(">6xH16xHH", 1, 16, 16) + struct.pack(
        ">LLLH32xHh", *[72 << 16] * 2, 0, 1, 24, -1
    )
    stbl = box(
        b"stbl",
        box(b"stsd", struct.pack(">LL", 0, 1), box(b"raw ", entry)),
        box(b"stts", struct.pack(">LLLL", 0, 1, 1, 1000)),
        box(b"stsc", struct.pack(">LLLLL", 0, 1, 1, 1, 1)),
        box(b"stsz", struct.pack(">LLL", 0, 768, 1)),
        box(b"stco", struct.pack(">LLL", 0, 1, 0)),
    )
    hdlr = box(b"hdlr", struct.pack(">L4s4s12x", 0, b"mhlr", b"vide"), b"\0")
    minf = box(b"minf", box(b"vmhd", bytes(12)), box(b"dinf", dref), stbl)
    mdhd = box(b"mdhd", struct.pack(">LLLLLHH", 0, 0, 0, 1000, 1000, 0, 0))
    tkhd = box(
        b"tkhd",
        struct.pack(">LLLLLL60x", 1, 0, 0, 1, 0, 1000),
        struct.pack(">LL", 16 << 16, 16 << 16),
    )
    mvhd = box(b"mvhd", struct.pack(">LLLLL80x", 0, 0, 0, 1000, 1000))
    moov = box(b"moov", mvhd, box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, minf)))
    path.write_bytes(box(b"ftyp", b"qt  ", bytes(4), b"qt  ") + moov)
    return path


PATHS: dict[str, Make] = {
    "http address": _said("http://127.0.0.1:{port}/{name}"),
    "tcp address": _said("tcp://127.0.0.1:{port}"),
    "file address": _said("file://{video}"),
    "concat address": _said("concat:{video}|{video}"),
    "subfile address": _said("subfile,,start,0,end,0,,:{video}"),
    "crypto address": _said("crypto:{video}"),
    "pipe address": _said("pipe:0"),
    "data address": _said("data:video/mp4;base64,AAAA"),
    "device": _said("/dev/zero"),
    "standard input": _said("/dev/stdin"),
    "memory": _said("/proc/self/mem"),
    "an option": _said("-{name}"),
    "pipe": _pipe,
    "socket": _socket,
    "folder": _folder,
    "a terabyte of nothing": _large,
    "link to a device": _linked("/dev/zero"),
    "link to itself": _linked("{name}"),
    "link to nothing": _linked("/nowhere/{name}"),
}
"""What may be given where a path is expected."""

SCRIPTS: dict[str, Make] = {
    "playlist": _written(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXTINF:1,\n{video}\n"
        "#EXT-X-ENDLIST\n"
    ),
    "concat script": _written("ffconcat version 1.0\nfile '{video}'\nfile {address}\n"),
    "session description": _written(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video {port} RTP/AVP/TCP 96\na=rtpmap:96 H264/90000\n"
    ),
    "DASH manifest": _written(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
        '<Representation id="1" bandwidth="1"><BaseURL>{address}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    ),
    "entities": _written(
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file://{video}">'
        '<!ENTITY h SYSTEM "{address}">]><x>&e;&h;</x>'
    ),
    "real text": _written("rtsp://127.0.0.1:{port}/x\n"),
    "redirection": _written("[Reference]\nRef1={address}\nRef2=file://{video}\n"),
    "filter script": _written("movie={video},scale=10:10[out]\n"),
    "QuickTime reference": _reference_movie,
}
"""What may be in a file that looks like a film or a sound by its name."""
