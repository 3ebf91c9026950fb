"""The tables for other programs: round trips, odd names, refusals that name the line."""

from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.errors import FoleyError
from temporal_foley.spotting.tables import (
    EventRow,
    clean_cell,
    read_events,
    read_scores,
    write_events,
    write_scores,
)
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

# Half of the sixth decimal, and what float32 adds.
WRITTEN_DECIMALS = 0.5e-6 + 2.0**-24


@pytest.mark.parametrize("rate", [Fraction(4), Fraction(30000, 1001), Fraction(43, 2)])
def test_scores_come_back_gapless(tmp_path, rate):
    grid = TimeGrid(frame_rate=rate, frames=97)
    table = np.random.default_rng(0).random((97, 3)).astype(np.float32)
    write_scores(tmp_path / "scores.tsv", table, grid, ["fire", "cars", "river"])
    read = read_scores(tmp_path / "scores.tsv")
    assert read.effects == ("fire", "cars", "river")
    np.testing.assert_allclose(read.probabilities, table, rtol=0, atol=WRITTEN_DECIMALS)
    times = [float(grid.time(frame)) for frame in range(98)]
    np.testing.assert_allclose(read.bounds_s, times, rtol=0, atol=WRITTEN_DECIMALS)


def test_scores_have_the_agreed_form(tmp_path):
    path = tmp_path / "scores.tsv"
    write_scores(path, np.array([[0.5], [1.0]]), TimeGrid.covering(0.5, 4), ["fire"])
    text = "onset\toffset\tfire\n0.0\t0.25\t0.500000\n0.25\t0.5\t1.000000\n"
    assert path.read_text() == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.tsv"]


def test_events_come_back(tmp_path):
    path = tmp_path / "events.tsv"
    dog = Event(effect="dog_barking", onset=0.25, offset=1.5, confidence=0.9)
    fire = Event(effect="fire", onset=2, offset=3.333333, confidence=0.9)
    write_events(path, {"a.mp4": [dog, fire], "silent.mp4": [], "b.mp4": [dog]})
    assert path.read_text().splitlines()[0] == "filename\tonset\toffset\tevent_label"
    assert read_events(path) == [
        EventRow("a.mp4", 0.25, 1.5, "dog_barking"),
        EventRow("a.mp4", 2.0, 3.333333, "fire"),
        EventRow("b.mp4", 0.25, 1.5, "dog_barking"),
    ]


def test_what_shows_events_comes_back_where_it_is_known(tmp_path):
    path = tmp_path / "events.tsv"
    dog = Event(effect="dog_barking", onset=0.25, offset=1.5, confidence=0.9, modality="sound")
    fire = Event(effect="fire", onset=2, offset=3, confidence=0.9)
    write_events(path, {"a.mp4": [dog, fire]})
    assert path.read_text().splitlines()[0].endswith("event_label\tmodality")
    assert read_events(path) == [
        EventRow("a.mp4", 0.25, 1.5, "dog_barking", "sound"),
        EventRow("a.mp4", 2.0, 3.0, "fire"),
    ]


@pytest.mark.parametrize(
    "name", ["a\tb.mp4", "a\nb", "a\r\nb", "a\u2028b", "a\x85b", "\udcff.mp4", "\x1b[2J", "e\u0301"]
)
def test_names_cannot_break_a_line(tmp_path, name):
    path = tmp_path / "events.tsv"
    event = Event(effect="fire", onset=0, offset=1, confidence=1)
    write_events(path, {name: [event]})
    assert read_events(path) == [EventRow(clean_cell(name), 0.0, 1.0, "fire")]
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_a_name_of_nothing_but_controls_still_has_a_name():
    assert clean_cell("\t\n") == "unnamed"


def test_files_without_events_in_the_dcase_form_are_passed_over(tmp_path):
    path = tmp_path / "events.tsv"
    path.write_text("filename\tonset\toffset\tevent_label\nquiet.wav\t\t\t\n")
    assert read_events(path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: must read onset"),
        ("onset\toffset\n", "line 1: must read onset"),
        ("onset\toffset\ta\ta\n", "line 1: names an effect twice"),
        ("onset\toffset\ta\n0\t1\n", "line 2: must have 3 columns, got 2"),
        ("onset\toffset\ta\n0\t1\tx\n", "line 2: must hold numbers"),
        ("onset\toffset\ta\n0\t1\tnan\n", "line 2: must hold finite numbers"),
        ("onset\toffset\ta\n0\t1\t1.5\n", "line 2: probabilities must be in"),
        ("onset\toffset\ta\n1\t1\t0.5\n", "line 2: offset must be after"),
        ("onset\toffset\ta\n0\t1\t0\n1.5\t2\t0\n", "line 3: begins at 1.5"),
    ],
)
def test_wrong_scores_are_refused_by_line(tmp_path, text, message):
    path = tmp_path / "scores.tsv"
    path.write_text(text)
    with pytest.raises(FoleyError, match=message):
        read_scores(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\t1\t0\tfire", "line 2: offset must be after"),
        ("a\t-1\t0\tfire", "line 2: offset must be after"),
        ("a\t0\tinf\tfire", "line 2: must hold finite numbers"),
        ("a\t0\t1\t", "line 2: filename and event_label"),
        ("a\t0\t1", "line 2: must have 4 columns"),
    ],
)
def test_wrong_events_are_refused_by_line(tmp_path, row, message):
    path = tmp_path / "events.tsv"
    path.write_text(f"filename\tonset\toffset\tevent_label\n{row}\n")
    with pytest.raises(FoleyError, match=message):
        read_events(path)


def test_files_that_cannot_be_read_or_written_are_one_line(tmp_path):
    with pytest.raises(FoleyError, match="cannot be read as a table"):
        read_scores(tmp_path / "missing.tsv")
    (tmp_path / "picture.tsv").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(FoleyError, match="cannot be read as a table"):
        read_events(tmp_path / "picture.tsv")
    with pytest.raises(FoleyError, match="cannot be written"):
        write_events(tmp_path / "missing" / "events.tsv", {})
