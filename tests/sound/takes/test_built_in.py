"""Built-in takes are the same from the cache as made anew, and are made again where it fails."""

import numpy as np
import pytest

from temporal_foley.errors import LibraryError
from temporal_foley.files.cache import Cache
from temporal_foley.sound import synth
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes import built_in
from temporal_foley.sound.takes.built_in import built_in_take
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import Asset


@pytest.fixture
def cache(tmp_path):
    return Cache("takes", 1 << 26, tmp_path)


def same(one: Take, other: Take) -> bool:
    return (
        np.array_equal(one.samples, other.samples)
        and one.samples.dtype == other.samples.dtype
        and (one.anchor, one.loop) == (other.anchor, other.loop)
    )


@pytest.mark.parametrize("name", ["water_drop", "stars_shining"])
def test_a_kept_take_is_the_one_that_was_made(name, cache, monkeypatch):
    made = built_in_take(name, 3, cache)
    assert same(made, synth.synthesize(name, 3))
    monkeypatch.setattr(built_in, "synthesize", lambda *_: pytest.fail("was made again"))
    assert same(built_in_take(name, 3, cache), made)


def test_each_seed_and_each_version_of_the_recipes_has_its_own(cache, monkeypatch):
    first = built_in_take("water_drop", 3, cache)
    assert not same(built_in_take("water_drop", 4, cache), first)
    monkeypatch.setattr(built_in, "_made_with", lambda: "others")
    other = Take(samples=np.ones((5, 1), np.float32))
    monkeypatch.setattr(built_in, "synthesize", lambda *_: other)
    assert same(built_in_take("water_drop", 3, cache), other)


@pytest.mark.parametrize("left", [0, 20, 100, 5_000])
def test_a_damaged_take_is_made_again(left, cache, tmp_path):
    made = built_in_take("water_drop", 3, cache)
    (path,) = (tmp_path / "takes").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:left] + b"?" + whole[left + 1 :])
    assert same(built_in_take("water_drop", 3, cache), made)
    path.write_bytes(whole[:left])
    assert same(built_in_take("water_drop", 3, cache), made)


def test_places_that_do_not_fit_are_no_take(cache):
    key = f"{built_in._made_with()} water_drop 3"
    made = synth.synthesize("water_drop", 3)
    for places in ([], [10**9], [0, 5], [0, 9, 5, 0]):
        arrays = {"samples": made.samples, "places": np.array(places, np.int64)}
        cache.write_arrays(key, arrays | {"alike": np.zeros(1)})
        assert same(built_in_take("water_drop", 3, cache), made)


def test_an_unknown_recipe_is_an_error(cache):
    with pytest.raises(LibraryError, match="no built-in recipe 'moo'"):
        built_in_take("moo", 0, cache)


def test_takes_read_ahead_are_those_that_are_read():
    library, other = load_library(), load_library()
    assets = [
        Asset(kind="recipe", name="water_drop", seed=n, cents=c) for n in (1, 2) for c in (0, 50)
    ]
    library.read_ahead(assets)
    for asset in assets:
        assert same(library.read(asset), other.read(asset))
        assert not library.read(asset).samples.flags.writeable


def test_an_error_of_a_take_read_ahead_is_that_of_reading_it():
    with pytest.raises(LibraryError, match="give its folder"):
        load_library().read_ahead([Asset(kind="file", name="bark.wav")])
