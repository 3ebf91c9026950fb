"""What is no regular file is not opened, and nobody says how large a file may be but the caller."""

import os
import socket

import pytest

from temporal_foley.cue_list import read_timeline
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import read_run
from temporal_foley.files.reading import read_whole
from temporal_foley.models.bundle.bundle_files import open_bundle
from temporal_foley.sound.takes.catalogue import read_catalogue
from temporal_foley.sound.takes.library import load_library
from temporal_foley.spotting.tables import read_events


def test_a_file_is_read_whole_and_through_a_link(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"words")
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert read_whole(tmp_path / "b.txt", 5) == b"words"
    with pytest.raises(OSError, match="larger than"):
        read_whole(tmp_path / "a.txt", 4)


def test_devices_pipes_and_sockets_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s")[-100:])
        for name in ("pipe", "zero", "s"):
            with pytest.raises(OSError, match="device or pipe"):
                read_whole(tmp_path / name)
    with pytest.raises(IsADirectoryError):
        read_whole(tmp_path)


def test_places_that_take_a_file_turn_a_pipe_away(tmp_path):
    names = ("library.toml", "library.tsv", "manifest.json", "cues.json", "events.tsv", "v.toml")
    for name in names:
        os.mkfifo(tmp_path / name)
    for read, path in (
        (load_library, tmp_path),
        (read_catalogue, tmp_path / "library.tsv"),
        (open_bundle, tmp_path),
        (read_timeline, tmp_path / "cues.json"),
        (read_events, tmp_path / "events.tsv"),
        (file_sha256, tmp_path / "cues.json"),
        (load_vocabulary, str(tmp_path / "v.toml")),
    ):
        with pytest.raises(FoleyError, match=r"pipe|no such"):
            read(path)


def test_a_run_that_is_a_pipe_or_nested_too_deeply_is_no_run(tmp_path):
    os.mkfifo(tmp_path / "run.json")
    assert read_run(tmp_path) is None
    (tmp_path / "run.json").unlink()
    (tmp_path / "run.json").write_text("[" * 100_000)
    assert read_run(tmp_path) is None


def test_a_vocabulary_nested_too_deeply_is_refused(tmp_path):
    (tmp_path / "v.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(FoleyError, match=r"v\.toml"):
        load_vocabulary(str(tmp_path / "v.toml"))
