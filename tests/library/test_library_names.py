"""Names of sounds: what the category system, folders and words say of them."""

from pathlib import PurePosixPath

import pytest

from temporal_foley.effects import load_vocabulary, parse_vocabulary
from temporal_foley.library.effect_names import name_rules, recognise_name, split_words
from temporal_foley.library.ucs import parse_ucs_name, ucs_categories

RULES = name_rules(load_vocabulary())


def recognised(name: str, *texts: str):
    return recognise_name(PurePosixPath(name), RULES, texts)


def test_every_effect_goes_by_its_own_category() -> None:
    for effect in load_vocabulary().effects:
        assert effect.ucs in ucs_categories()
        found = recognised(f"{effect.ucs}_Something_AB_LIB.wav")
        assert found is not None
        assert found.by == "UCS name"
        assert found.effect == effect.name


def test_all_blocks_of_a_name_are_read() -> None:
    name = parse_ucs_name("GUNAuto-INT_UZI 9mm-Rapid Fire_TN_DORY_Wide_Stereo")
    assert name is not None
    assert (name.cat_id, name.user_category) == ("GUNAuto", "INT")
    assert (name.fx_name, name.creator, name.source) == ("UZI 9mm-Rapid Fire", "TN", "DORY")
    assert name.user_data == "Wide_Stereo"


@pytest.mark.parametrize("stem", ["ice_cubes", "THUN", "storm_2", "hail_01", "doorwood", "x_a_b_c"])
def test_plain_words_are_no_category(stem: str) -> None:
    assert parse_ucs_name(stem) is None


def test_a_category_without_an_effect_is_settled() -> None:
    found = recognised("dogs/GUNAuto_Uzi_TN_DORY.wav")
    assert found is not None
    assert (found.effect, found.confidence) == ("", 0.95)


@pytest.mark.parametrize(
    ("file", "effect", "by"),
    [
        ("pack/001 - Dog bark/1-2-A.ogg", "dog_barking", "folder name"),
        ("pack/sounds_chalk_write_03.ogg", "writing", "file name"),
        ("pack/BarkingDogs7.wav", "dog_barking", "file name"),
        ("open_door/door_wood/a.ogg", "door_opening", "folder name"),
        ("HELICOPTER_027.wav", "helicopter", "file name"),
        ("glass/shattering 2.wav", "glass_breaking", "file name"),
    ],
)
def test_words_speak_for_effects(file: str, effect: str, by: str) -> None:
    found = recognised(file)
    assert found is not None
    assert (found.effect, found.by) == (effect, by)
    assert found.confidence >= 0.5


@pytest.mark.parametrize(
    "file",
    [
        "fire_gun/rifles/a.ogg",
        "car_door_close.wav",
        "carpet.wav",
        "sea_lion.ogg",
        "square_wave.wav",
        "hotdog.wav",
        "close_door.wav",
        "001.wav",
        "penguin_02.ogg",
        "firewall.wav",
    ],
)
def test_other_things_are_not_taken_for_effects(file: str) -> None:
    found = recognised(file)
    assert found is None or found.confidence < 0.5


def test_metadata_counts_for_less_than_the_name() -> None:
    by_text = recognised("0001.wav", "A dog barks in the yard")
    by_name = recognised("dog bark.wav", "Thunder")
    assert by_text is not None
    assert by_name is not None
    assert (by_text.effect, by_text.by) == ("dog_barking", "metadata")
    assert by_name.effect == "dog_barking"
    assert by_text.confidence < by_name.confidence


def test_another_vocabulary_goes_by_its_own_words() -> None:
    text = """
    [[effect]]
    name = "guitar_strumming"
    kind = "loop"
    bus = "foley"
    ucs = "MUSCPluck"
    audioset = ["Strum"]
    """
    rules = name_rules(parse_vocabulary(text, "own"))
    for name in ("Guitar strums 1.wav", "STRUM.wav"):
        found = recognise_name(PurePosixPath(name), rules)
        assert found is not None
        assert found.effect == "guitar_strumming"
    assert recognise_name(PurePosixPath("dog bark.wav"), rules) is None


def test_endings_do_not_tell_words_apart() -> None:
    assert split_words("Dogs barking, dripped") == split_words("dog bark drip")
    assert split_words("TraficHigh1") == {"trafic", "high"}
