"""Names: one line, composed, short, and nothing that a format or a file system trips over."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from temporal_foley.session.names import clean_name, file_name, ucs_name, unique_names


def test_hostile_names_become_plain_ones():
    assert clean_name("a\tb\nc\x00\u2028d") == "a b c d"
    assert clean_name("\u202egnp.exe") == "gnp.exe"
    assert clean_name("\ud800") == "untitled"
    assert clean_name("e\u0301") == "é"
    assert file_name("../../etc/passwd") == "_-..-etc-passwd"
    assert file_name("CON") == "_CON"
    assert file_name("-rf") == "_-rf"
    assert file_name(" . ") == "untitled"


def test_letters_of_all_scripts_and_emoji_stay():
    for text in ("naïve Ω 日本語", "\U0001f415\u200d\U0001f9ba", "نام", "ชื่อ"):
        assert clean_name(text) == unicodedata.normalize("NFC", text)


@given(st.text(max_size=300))
def test_a_name_is_short_and_on_one_line_and_cleaning_it_again_changes_nothing(text):
    name = clean_name(text)
    assert 1 <= len(name) <= 80
    forbidden = {"Cc", "Cs", "Zl", "Zp"}
    assert not forbidden & {unicodedata.category(letter) for letter in name}
    assert clean_name(name) == name
    assert len(file_name(text).encode()) <= 160
    assert not set(file_name(text)) & set('<>:"/\\|?*\0')


@given(st.lists(st.sampled_from(["a", "A", "a (2)", "x" * 90, "x" * 95, ""]), max_size=12))
def test_no_two_names_are_alike_even_in_small_letters(texts):
    names = unique_names(texts)
    assert len({name.casefold() for name in names}) == len(texts)
    assert all(len(name) <= 80 for name in names)


def test_a_file_is_named_by_the_universal_category_system():
    assert ucs_name("ANMLDog", "dog_barking", "take 3", "my_film") == (
        "ANMLDog_dog barking take 3_TFOLEY_my film"
    )
    assert ucs_name("", "zap", "", "a/b").split("_")[0] == "zap"
