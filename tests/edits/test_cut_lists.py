"""Reconform by two cut lists: every cue whose picture is in the new cut follows it."""

from fractions import Fraction

import pytest

from benchmarks.session.recuts import RATE, WRITERS, follow_recut
from temporal_foley.edits.cut_lists import CutEvent, read_cut_list
from temporal_foley.edits.match_lists import match_lists, with_pictures
from temporal_foley.edits.recut import CommonPart
from temporal_foley.errors import FoleyError


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_list_is_read_exactly(suffix, tmp_path):
    shots = [("A001", 500, 40), ("B002", 90_000, 13), ("A001", 100, 1)]
    events = read_cut_list(WRITERS[suffix](tmp_path / f"a{suffix}", shots), RATE, "01:00:00:00")
    assert [(e.start * 25, e.end * 25, e.source_in * 25) for e in events] == [
        (0, 40, 500),
        (40, 53, 90_000),
        (53, 54, 100),
    ]
    assert events[0].source == events[2].source != events[1].source


@pytest.mark.parametrize("suffix", WRITERS)
def test_no_cue_is_lost_in_any_recut(suffix, tmp_path):
    # A process of its own reads each OTIO file.
    found = [
        follow_recut(seed, suffix, tmp_path) for seed in range(3 if suffix == ".otio" else 100)
    ]
    assert sum(one.followed for one in found) > 20
    assert sum(one.lost for one in found) == sum(one.wrong for one in found) == 0


def test_what_lists_leave_open_is_filled_by_the_pictures():
    seconds = Fraction
    old = [CutEvent(start=seconds(0), end=seconds(4), source="a", source_in=seconds(10))]
    new = [
        CutEvent(start=seconds(0), end=seconds(2), source="a", source_in=seconds(11)),
        CutEvent(start=seconds(2), end=seconds(4), source="conformed", source_in=seconds(0)),
    ]
    parts, left = match_lists(old, new)
    assert [(part.start, part.end, part.shift) for part in parts] == [(0, 2, 1)]
    assert left == [(2, 4)]
    seen = [CommonPart(start=seconds(1), end=seconds(4), shift=seconds(1), difference=0.1)]
    assert [(p.start, p.end, p.shift) for p in with_pictures(parts, left, seen)] == [(0, 4, 1)]


def test_other_speeds_and_black_are_no_shots(tmp_path):
    path = tmp_path / "a.edl"
    path.write_text(
        "TITLE: x\nFCM: NON-DROP FRAME\n"
        "001  A001     V     C        00:00:10:00 00:00:12:00 01:00:00:00 01:00:02:00\n"
        "002  A001     V     C        00:00:20:00 00:00:22:00 01:00:02:00 01:00:04:00\n"
        "M2   A001     050.0                00:00:20:00\n"
        "003  BL       V     C        00:00:00:00 00:00:02:00 01:00:04:00 01:00:06:00\n"
        "004  AX       AA/V  C        00:00:00:00 00:00:02:00 01:00:06:00 01:00:08:00\n"
        "* FROM CLIP NAME: still.png\n"
    )
    events = read_cut_list(path, RATE)
    assert [(event.start, event.source) for event in events] == [(0, "a001"), (6, "still.png")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.edl", ""),
        ("a.edl", "001 A V C 99:99:99:99 00:00:00:00 00:00:00:00 00:00:00:00"),
        ("a.edl", "\x00" * 100),
        ("a.fcpxml", "<fcpxml"),
        ("a.fcpxml", "<!DOCTYPE x [<!ENTITY a 'b'>]><fcpxml/>"),
        ("a.fcpxml", "<fcpxml/>"),
        (
            "a.fcpxml",
            "<fcpxml><sequence><spine><clip duration='1/0s'/></spine></sequence></fcpxml>",
        ),
        ("a.otio", "{}"),
        ("a.otio", "no"),
        ("a.txt", "x"),
    ],
)
def test_damaged_lists_are_refused_in_one_line(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(FoleyError) as caught:
        read_cut_list(tmp_path / name, RATE)
    assert "\n" not in str(caught.value)
