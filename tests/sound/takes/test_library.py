"""Test sound libraries: what a good manifest gives, and how bad or hostile ones are refused."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import LibraryError
from temporal_foley.sound.levels import MixLevels
from temporal_foley.sound.signal.landmarks import find_anchor, find_body
from temporal_foley.sound.signal.loops import find_loop
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import LONGEST_TAKE_S, Library, LibraryTake, load_library
from temporal_foley.timeline import Asset

RATE = 48_000

GOOD = """\
name = "my dogs"

[[take]]
effect = "dog_barking"
file = "dogs/rex 1.wav"
licence = "CC-BY-4.0"
credit = "R. Recordist"
gain_db = -3
anchor_s = 0.25

[[take]]
effect = "river"
kind = "loop"
file = "river.wav"
licence = "CC0-1.0"
loop_start_s = 0.25
loop_end_s = 1
"""


def write_wav(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, subtype="FLOAT")


def make_library(folder: Path, manifest: str = GOOD) -> Path:
    rng = np.random.default_rng(0)
    write_wav(folder / "dogs/rex 1.wav", rng.normal(0, 0.1, (RATE, 1)))
    write_wav(folder / "river.wav", rng.normal(0, 0.1, (2 * RATE, 2)))
    (folder / "library.toml").write_text(manifest)
    return folder


def edited(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_a_folder_gives_its_takes(tmp_path: Path) -> None:
    library = load_library(make_library(tmp_path))
    (bark,) = library.takes("dog_barking")
    digest = hashlib.sha256((tmp_path / "dogs/rex 1.wav").read_bytes()).hexdigest()
    assert library.name == "my dogs"
    assert bark.asset == Asset(kind="file", name="dogs/rex 1.wav", sha256=digest)
    assert (bark.licence, bark.credit, bark.gain_db) == ("CC-BY-4.0", "R. Recordist", -3.0)
    take = library.read(bark.asset)
    assert take.samples.shape == (RATE, 1)
    assert (take.anchor, take.loop) == (RATE // 4, None)
    (river,) = library.takes("river")
    assert river.kind == "loop"
    take = library.read(river.asset)
    assert take.samples.shape == (2 * RATE, 2)
    assert take.loop is not None
    assert (take.loop.start, take.loop.end) == (RATE // 4, RATE)
    assert take.loop.crossfade > 0


def test_the_manifest_itself_may_be_named(tmp_path: Path) -> None:
    folder = make_library(tmp_path)
    assert load_library(folder / "library.toml").sha256 == load_library(folder).sha256


def test_what_a_folder_lacks_is_built_in(tmp_path: Path) -> None:
    library = load_library(make_library(tmp_path))
    assert {take.asset.kind for take in library.takes("dog_barking")} == {"file"}
    drops = library.takes("water_drop")
    assert {take.asset.kind for take in drops} == {"recipe"}
    assert library.read(drops[0].asset).samples.size
    assert library.licences() == {
        "CC-BY-4.0": ("R. Recordist",),
        "CC0-1.0": ("temporal-foley",),
    }


def test_the_built_in_library_knows_every_recipe() -> None:
    library = load_library()
    assert set(load_vocabulary().names) < set(library.effects)
    assert len(library.takes("typing")) == 24  # Three keyboards.
    assert len(library.takes("river")) == 8
    assert library.takes("no_such_effect") == ()
    assert library.sha256 == load_library().sha256


def test_reading_a_recipe_twice_gives_the_same_sound() -> None:
    (first, second, *_) = load_library().takes("water_drop")
    one, other = load_library(), load_library()
    np.testing.assert_array_equal(one.read(first.asset).samples, other.read(first.asset).samples)
    assert not np.array_equal(one.read(first.asset).samples, one.read(second.asset).samples)


def test_the_hash_follows_the_manifest_and_the_files(tmp_path: Path) -> None:
    folder = make_library(tmp_path)
    before = load_library(folder).sha256
    assert load_library(folder).sha256 == before
    (folder / "library.toml").write_text(GOOD + "# more\n")
    manifest_changed = load_library(folder).sha256
    write_wav(folder / "river.wav", np.zeros((2 * RATE, 2)))
    assert len({before, manifest_changed, load_library(folder).sha256}) == 3


def test_a_file_changed_since_it_was_chosen_is_refused(tmp_path: Path) -> None:
    library = load_library(make_library(tmp_path))
    (river,) = library.takes("river")
    write_wav(tmp_path / "river.wav", np.zeros((2 * RATE, 2)))
    with pytest.raises(LibraryError, match=r"river\.wav.*has changed"):
        library.read(river.asset)


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "unlisted.wav"])
def test_only_listed_files_are_read(tmp_path: Path, name: str) -> None:
    library = load_library(make_library(tmp_path))
    with pytest.raises(LibraryError, match="lists no file"):
        library.read(Asset(kind="file", name=name))
    with pytest.raises(LibraryError, match="built-in"):
        load_library().read(Asset(kind="file", name=name))


HOSTILE = {
    "absolute path": ('file = "river.wav"', 'file = "/etc/passwd"', r"line 14: file"),
    "way out": ('file = "river.wav"', 'file = "../river.wav"', r"line 14: file"),
    "hidden way out": ('file = "river.wav"', 'file = "a/../../b.wav"', r"line 14: file"),
    "drive": ('file = "river.wav"', 'file = "C:/river.wav"', r"line 14: file"),
    "backslash": ('file = "river.wav"', "file = 'dogs\\rex 1.wav'", r"line 14: file"),
    "control character": ('file = "river.wav"', r'file = "a\nb.wav"', r"line 14: file"),
    "missing": ('file = "river.wav"', 'file = "rivers.wav"', r"line 14: file.*does not exist"),
    "folder": ('file = "river.wav"', 'file = "dogs"', r"line 14: file.*regular"),
    "empty": ('file = "river.wav"', 'file = ""', r"line 14: file must be given"),
    "number for a file": ('file = "river.wav"', "file = 3", r"line 14: file must be text"),
    "no licence": ('licence = "CC0-1.0"\n', "", r"line 11: licence is missing"),
    "not a number": ("gain_db = -3", "gain_db = nan", r"line 8: gain_db.*finite"),
    "infinite": ("anchor_s = 0.25", "anchor_s = inf", r"line 9: anchor_s.*finite"),
    "true": ("anchor_s = 0.25", "anchor_s = true", r"line 9: anchor_s must be a number"),
    "loud": ("gain_db = -3", "gain_db = 90", r"line 8: gain_db must be in"),
    "before the file": ("anchor_s = 0.25", "anchor_s = -1", r"line 9: anchor_s"),
    "half a loop": ("loop_end_s = 1\n", "", r"line 16: loop_start_s and loop_end_s"),
    "backward loop": ("loop_end_s = 1", "loop_end_s = 0.1", r"line 17: loop_end_s"),
    "unknown kind": ('kind = "loop"', 'kind = "lop"', r"line 13: kind.*one_shot"),
    "unknown key": ("gain_db = -3", "gain = -3", r"line 8: gain is unknown.*gain_db"),
    "unknown table": ('name = "my dogs"', 'title = "x"', r"unknown key 'title'"),
    "odd effect": ('effect = "river"', 'effect = "../river"', r"line 12: effect"),
    "name of two lines": ('"my dogs"', r'"my\ndogs"', r"name must be text"),
    "broken": ("[[take]]", "[[take]", r"line 3"),
}


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_a_wrong_manifest_names_file_and_line(tmp_path: Path, case: str) -> None:
    old, new, message = HOSTILE[case]
    folder = make_library(tmp_path, edited(old, new))
    with pytest.raises(LibraryError, match=message) as caught:
        load_library(folder)
    assert str(folder / "library.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_link_out_of_the_library_is_refused(tmp_path: Path) -> None:
    folder = make_library(tmp_path / "library")
    write_wav(tmp_path / "secret.wav", np.zeros((10, 1)))
    (folder / "river.wav").unlink()
    os.symlink(tmp_path / "secret.wav", folder / "river.wav")
    with pytest.raises(LibraryError, match=r"line 14: file.*leads out"):
        load_library(folder)


def test_a_link_inside_the_library_is_followed(tmp_path: Path) -> None:
    folder = make_library(tmp_path)
    (folder / "river.wav").rename(folder / "dogs" / "water.wav")
    os.symlink("dogs/water.wav", folder / "river.wav")
    assert load_library(folder).takes("river")


def test_a_file_listed_twice_is_refused(tmp_path: Path) -> None:
    again = '[[take]]\neffect = "river"\nfile = "river.wav"\nlicence = "CC0-1.0"\n'
    with pytest.raises(LibraryError, match=r"line 2\d: file 'river.wav' is listed twice.*line 11"):
        load_library(make_library(tmp_path, GOOD + "\n\n" + again))


@pytest.mark.parametrize("text", ["", "name = 'x'", "take = 3", "take = []"])
def test_a_manifest_without_takes_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(LibraryError, match="holds no"):
        load_library(make_library(tmp_path, text))


def test_a_folder_without_a_manifest_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"library\.toml: no such file"):
        load_library(tmp_path)


@pytest.mark.parametrize(
    ("effect", "old", "new"),
    [
        ("dog_barking", "anchor_s = 0.25", "anchor_s = 1.0"),
        ("river", "loop_end_s = 1", "loop_end_s = 2.01"),
    ],
)
def test_places_outside_the_file_are_refused(tmp_path: Path, effect, old: str, new: str) -> None:
    library = load_library(make_library(tmp_path, edited(old, new)))
    (take,) = library.takes(effect)
    with pytest.raises(LibraryError, match=r"library\.toml, take .*: \w+ must be within the file"):
        library.read(take.asset)


@pytest.mark.parametrize("samples", [np.full((10, 1), np.nan), np.zeros((10, 3))])
def test_odd_sounds_are_refused(tmp_path: Path, samples: np.ndarray) -> None:
    library_folder = make_library(tmp_path)
    write_wav(tmp_path / "river.wav", samples)
    library = load_library(library_folder)
    with pytest.raises(LibraryError, match=r"take 'river\.wav'"):
        library.read(library.takes("river")[0].asset)


def test_long_recordings_are_used_up_to_a_bound(tmp_path: Path) -> None:
    folder = make_library(tmp_path)
    write_wav(folder / "river.wav", np.full(((LONGEST_TAKE_S + 5) * RATE, 1), 0.1))
    library = load_library(folder)
    take = library.read(library.takes("river")[0].asset)
    assert len(take.samples) == LONGEST_TAKE_S * RATE


def test_a_take_is_loaded_once_however_many_are_used() -> None:
    loads: list[int] = []

    def load(asset: Asset) -> Take:
        loads.append(asset.seed or 0)
        return Take(samples=np.full((250, 1), asset.seed, np.float32))

    assets = [Asset(kind="recipe", name="x", seed=seed) for seed in range(4)]
    takes = [LibraryTake(effect="x", asset=asset, licence="") for asset in assets]
    library = Library(name="x", sha256="", takes=takes, load=load, most_in_memory=2000)
    for seed in (0, 1, 2, 3, 0, 1, 2, 3):
        assert library.read(assets[seed]).samples[0] == seed
    library.read_ahead(assets)
    assert loads == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        library.read(assets[0]).samples[0] = 1.0


def test_the_anchor_is_found_at_the_blow() -> None:
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 0.001, (RATE, 1))
    blow = 20_000
    sound[blow:, 0] += 0.5 * rng.normal(size=RATE - blow) * np.exp(-np.arange(RATE - blow) / 4000)
    assert find_anchor(sound) == pytest.approx(blow, abs=48)


def test_the_anchor_is_the_first_of_two_like_blows() -> None:
    sound = np.zeros((RATE, 2))
    for blow, level in ((10_000, 0.6), (30_000, 0.8)):
        sound[blow : blow + 2000] += level * np.exp(-np.arange(2000) / 300)[:, None]
    assert find_anchor(sound) == pytest.approx(10_000, abs=2)
    assert find_anchor(np.zeros((100, 1))) == 0


def test_the_loop_leaves_silent_ends_out() -> None:
    sound = np.zeros((5 * RATE, 1))
    sound[RATE : 4 * RATE] = np.random.default_rng(2).normal(0, 0.1, (3 * RATE, 1))
    assert find_body(sound) == (RATE, 4 * RATE)
    loop = find_loop(sound)
    assert loop is not None
    assert loop.start - loop.crossfade >= RATE
    assert loop.end <= 4 * RATE
    assert find_loop(sound[RATE : RATE + RATE // 4]) is None


def test_a_levels_file_changes_levels_and_the_hash(tmp_path: Path) -> None:
    (tmp_path / "levels.toml").write_text("foley_db = -3.0\n")
    library = load_library(tmp_path)
    assert library.levels == MixLevels(foley_db=-3.0)
    assert library.sha256 != load_library().sha256
    assert library.takes("typing")[0].asset.kind == "recipe"
    (tmp_path / "levels.toml").write_text("foley_db = 90\n")
    with pytest.raises(LibraryError, match=r"levels\.toml: foley_db must be in"):
        load_library(tmp_path)
    (tmp_path / "levels.toml").write_text("folly_db = -3\n")
    with pytest.raises(LibraryError, match="folly_db is unknown"):
        load_library(tmp_path)


def test_a_table_written_by_hand_needs_three_columns(tmp_path: Path) -> None:
    write_wav(tmp_path / "rex.wav", np.full((RATE, 1), 0.1))
    (tmp_path / "library.tsv").write_text("file\teffect\tlicence\nrex.wav\tdog_barking\tCC0-1.0\n")
    (take,) = load_library(tmp_path).takes("dog_barking")
    assert take.asset.name == "rex.wav"


def test_a_manifest_may_say_where_a_take_comes_from(tmp_path):
    said = edited("gain_db = -3", 'gain_db = -3\ndigital_source = "trainedAlgorithmicMedia"')
    library = load_library(make_library(tmp_path, said))
    assert library.takes("dog_barking")[0].asset.digital_source == "generated"
    assert library.takes("river")[0].asset.digital_source == "recorded"
    assert library.takes("fire")[0].asset.digital_source == "synthesised"


def test_a_misspelt_source_is_named_with_its_line(tmp_path):
    said = edited("gain_db = -3", 'gain_db = -3\ndigital_source = "recoded"')
    with pytest.raises(LibraryError, match=r"line 9: digital_source .*did you mean recorded\?"):
        load_library(make_library(tmp_path, said))
