"""Flipped bits in bundles, libraries and features are noticed, named, and the remedy told."""

import dataclasses

import pytest

from temporal_foley.cli.main import main
from temporal_foley.errors import LibraryError
from temporal_foley.sound.takes.catalogue import CATALOGUE_NAME, read_catalogue, was_changed
from tests.campaigns.bits import make_library, run


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    assert not run(range(60), 0, tmp_path).failures


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("kept") / "library")


@pytest.fixture
def table(library):
    """The library's table, put back when the test is done."""
    path = library / CATALOGUE_NAME
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def test_a_correction_by_hand_is_read_and_told_by_check_until_it_is_taken_over(table, capsys):
    text = table.read_text().replace("CC0-1.0", "CC-BY-4.0", 1)
    table.write_text(text)
    rows = read_catalogue(table)
    assert [was_changed(row) for row in rows] == [True, False, False, False]
    main(["library", "check", str(table.parent)])
    assert rows[0].file in capsys.readouterr().out
    assert main(["library", "add", str(table.parent), "--to", str(table.parent)]) == 0
    again = read_catalogue(table)
    assert again[0].licence == "CC-BY-4.0"
    assert not any(map(was_changed, again))


def test_a_spreadsheet_may_write_numbers_in_its_own_way(table):
    before = read_catalogue(table)
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    anchor = rows[0].index("anchor_s")
    for row in rows[1:]:
        row[anchor] = row[anchor].replace(".", ",") + "00"
    table.write_text("\r\n".join("\t".join(row) for row in rows))
    assert read_catalogue(table) == before


def test_a_table_of_before_there_were_checks_is_read(table):
    before = read_catalogue(table)
    rows = [line.split("\t")[:-1] for line in table.read_text().splitlines()]
    table.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    assert read_catalogue(table) == [dataclasses.replace(row, check="") for row in before]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\tlicence\t", "\tlicebce\t", "should it be 'licence'"),
        ("\tchannels\t", "\tchannelS\t", "should it be 'channels'"),
        ("sounds/dog bark 1.wav\t", "sounds/dog bark 1.wav\x0b\t", "text on one line"),
    ],
)
def test_a_damaged_table_is_told(table, old, new, said):
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(LibraryError, match=said):
        read_catalogue(table)


def test_an_empty_table_is_told(table):
    table.write_text("")
    with pytest.raises(LibraryError, match="is empty"):
        read_catalogue(table)
