import os
import socket
from pathlib import Path

import pytest

from temporal_foley.errors import MediaError
from temporal_foley.media.open import open_media
from temporal_foley.media.video import probe_video


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert "\r" not in text
    return text


def test_missing_file_is_named(tmp_path):
    with pytest.raises(MediaError) as error:
        open_media(tmp_path / "absent.mp4")
    assert "absent.mp4: no such file" in one_line(error)


def test_folder_is_not_a_file(tmp_path):
    with pytest.raises(MediaError, match="a folder"):
        open_media(tmp_path)


@pytest.mark.parametrize("address", ["http://localhost/a.mp4", "file:///a.mp4", "concat:/a|/b"])
def test_address_is_not_followed(address):
    with pytest.raises(MediaError):
        open_media(Path(address))


def test_pipe_is_refused_without_opening_it(tmp_path):
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    with pytest.raises(MediaError, match="device or pipe"):
        open_media(pipe)


def test_device_and_socket_are_refused(tmp_path):
    with pytest.raises(MediaError, match="device or pipe"):
        open_media(Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.mp4")[-100:])
        with pytest.raises(MediaError, match="device or pipe"):
            open_media(tmp_path / "s.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_refused(tmp_path):
    file = tmp_path / "secret.mp4"
    file.write_bytes(b"x")
    file.chmod(0)
    with pytest.raises(MediaError, match="permissions"):
        open_media(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"This is a letter, not a film.\n" * 20,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile clip.mp4\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        b"\x89PNG\r\n\x1a\n" + bytes(64),
    ],
    ids=["empty", "text", "playlist", "concat script", "session description", "picture"],
)
def test_disguises_are_seen_through(tmp_path, make_clip, content):
    make_clip(tmp_path / "clip.mp4", seconds=0.2)
    disguised = tmp_path / "film.mp4"
    disguised.write_bytes(content)
    with pytest.raises(MediaError) as error:
        probe_video(disguised)
    assert "film.mp4: " in one_line(error)


def test_symbolic_link_to_a_file_is_followed(tmp_path, make_clip):
    make_clip(tmp_path / "clip.mp4", seconds=0.2)
    (tmp_path / "link.mp4").symlink_to("clip.mp4")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    assert probe_video(tmp_path / "link.mp4").frame_count == 5
    with pytest.raises(MediaError):
        open_media(tmp_path / "loop.mp4")


def test_odd_names_open_and_print_on_one_line(tmp_path, make_clip):
    for name in ("two words.mp4", "percent %d.mp4", "ümläut.mp4", "a:b|c.mp4", "line\nbreak.mp4"):
        made = make_clip(tmp_path / "clip.mp4", seconds=0.2)
        assert probe_video(made.rename(tmp_path / name)).frame_count == 5
    with pytest.raises(MediaError) as error:
        open_media(tmp_path / "no\nsuch\x1b[31m.mp4")
    assert "\x1b" not in one_line(error)
