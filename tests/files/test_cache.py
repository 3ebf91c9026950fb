"""Caches keep whole entries only, stay within their size, and never stop a run."""

import os
import time

import numpy as np
import pytest

from temporal_foley.files.cache import Cache, keep_newest, private_folder, user_cache_folder


@pytest.fixture
def cache(tmp_path):
    return Cache("things", 1 << 20, tmp_path)


def only_file(tmp_path):
    (path,) = (tmp_path / "things").iterdir()
    return path


def test_the_folder_follows_the_variables(monkeypatch, tmp_path):
    monkeypatch.delenv("TEMPORAL_FOLEY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_folder() == tmp_path / "temporal-foley"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache_folder() == tmp_path / ".cache" / "temporal-foley"
    monkeypatch.setenv("TEMPORAL_FOLEY_CACHE", str(tmp_path / "mine"))
    assert user_cache_folder() == tmp_path / "mine"


def test_what_was_written_is_read_under_its_own_key_only(cache):
    cache.write("a", b"one")
    cache.write("b", b"")
    assert (cache.read("a"), cache.read("b"), cache.read("c")) == (b"one", b"", None)
    cache.write("a", b"two")
    assert cache.read("a") == b"two"


def test_arrays_come_back_to_the_bit(cache):
    arrays = {
        "half": np.arange(6, dtype=np.float16).reshape(2, 3),
        "double": np.array([0.1, -np.inf, np.nan]),
        "turned": np.arange(6, dtype=np.uint8).reshape(2, 3).T,
        "none": np.zeros((0, 4), np.float32),
        "one": np.array(7, np.int64),
    }
    cache.write_arrays("a", arrays)
    found = cache.read_arrays("a")
    assert found is not None
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()
    cache.write("a", b"no arrays")
    assert cache.read_arrays("a") is None


def test_damaged_and_half_written_entries_count_as_missing(cache, tmp_path):
    cache.write("a", b"content" * 5)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert cache.read("a") is None
    for place in range(0, len(whole), 5):
        flipped = bytearray(whole)
        flipped[place] ^= 4
        path.write_bytes(flipped)
        assert cache.read("a") is None
    path.write_bytes(whole + b"x")
    assert cache.read("a") is None
    path.write_bytes(whole)
    assert cache.read("a") == b"content" * 5


def test_an_entry_under_the_name_of_another_counts_as_missing(cache, tmp_path):
    cache.write("a", b"one")
    stolen = only_file(tmp_path)
    cache.write("b", b"two")
    (other,) = set((tmp_path / "things").iterdir()) - {stolen}
    os.replace(stolen, other)
    assert cache.read("b") is None


def test_the_oldest_entries_go_first_and_reading_keeps_one_young(tmp_path):
    cache = Cache("things", 3500, tmp_path)
    for number in range(3):
        cache.write(str(number), bytes(1000))
        for path in (tmp_path / "things").iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 100))
    assert cache.read("0") is not None
    cache.write("3", bytes(1000))
    assert [cache.read(str(n)) is not None for n in range(4)] == [True, False, True, True]
    cache.write("too large", bytes(4000))
    assert cache.read("too large") is None
    assert cache.read("3") is not None


def test_parts_of_killed_runs_go_after_an_hour(cache, tmp_path):
    cache.write("a", b"one")
    old, new = (tmp_path / "things" / name for name in (".x.1.part", ".y.2.part"))
    for path, age_s in ((old, 4000), (new, 10)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_s,) * 2)
    cache.write("b", b"two")
    assert (old.exists(), new.exists()) == (False, True)


def test_links_and_folders_are_left_alone(tmp_path):
    kept = tmp_path / "elsewhere"
    kept.write_bytes(bytes(100))
    folder = tmp_path / "things"
    (folder / "inner").mkdir(parents=True)
    (folder / "link").symlink_to(kept)
    keep_newest(folder, 0)
    assert kept.exists()
    assert {path.name for path in folder.iterdir()} == {"inner", "link"}


def test_without_a_folder_nothing_is_kept_and_nothing_raised(tmp_path):
    (tmp_path / "things").write_text("in the way")
    cache = Cache("things", 1 << 20, tmp_path)
    cache.write("a", b"one")
    assert cache.read("a") is None


@pytest.mark.skipif(os.name != "posix", reason="permissions are of POSIX")
def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path):
    cache = Cache("things", 1 << 20, tmp_path)
    cache.write("a", b"one")
    folder = tmp_path / "things"
    assert folder.stat().st_mode & 0o077 == 0
    for mode in (0o770, 0o707, 0o777):
        folder.chmod(mode)
        assert private_folder("things", tmp_path) is None
        assert cache.read("a") is None
    folder.chmod(0o755)
    assert cache.read("a") == b"one"


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "mkfifo"), reason="needs a pipe")
def test_a_pipe_in_the_place_of_an_entry_does_not_block(cache, tmp_path):
    cache.write("a", b"one")
    path = only_file(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert cache.read("a") is None
