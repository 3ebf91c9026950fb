"""The printed spotting list: every cue in words, whole, and nothing of a name becomes markup."""

import dataclasses

from benchmarks.session.session_lists import cue_lists, make_timeline
from temporal_foley.session.timecode import parse_rate, parse_timecode
from temporal_foley.session.writers.spotting_list import (
    ROWS_A_PAGE,
    spotting_html,
    spotting_rows,
    spotting_title,
    write_spotting_pdf,
)

EDIT, FIRST = parse_timecode("01:00:00:00", parse_rate("25"))
CUE = cue_lists(many=1)["unique"].cues[-1]
REASON = (
    "probability 0.60, highest at 2.50 s; no clear motion, on the grid; take 4 of 8; hit 1 of 2; "
    "seen in the middle, 10% of the picture; steps back by 3 dB for a louder one"
)


def rows_of(*cues):
    timeline = make_timeline(*cues)
    rows = spotting_rows(timeline, {}, EDIT, FIRST)
    return rows, spotting_title(timeline, EDIT, len(rows))


def test_a_long_reason_is_told_whole():
    (row,), title = rows_of(dataclasses.replace(CUE, reason=REASON))
    assert row.reason == REASON
    assert REASON in spotting_html(title, [row])


def test_levels_are_what_is_heard_and_takes_are_counted_as_reasons_count_them():
    moving = ((0, -6.0), (12_000, 0.0), (26_000, -9.0))
    (row,), _ = rows_of(dataclasses.replace(CUE, gain_db=-1.5, level=moving))
    assert row.level == "-10.5 to -1.5 dB"
    (row,), _ = rows_of(dataclasses.replace(CUE, gain_db=-1.5, level=((0, -4.0),)))
    assert row.level == "-5.5 dB"
    assert CUE.asset.seed == 7
    assert row.take == "dog barking, take 8"
    pitched = dataclasses.replace(CUE.asset, cents=-150)
    (row,), _ = rows_of(dataclasses.replace(CUE, asset=pitched))
    assert row.take == "dog barking, take 8, -150 cents"


def test_markup_in_names_is_text_and_a_list_of_nothing_says_so():
    (row,), title = rows_of(dataclasses.replace(CUE, id="<b>_&", reason="<i>"))
    page = spotting_html(title, [row])
    assert "&lt;b&gt;_<wbr>&amp;" in page
    assert "<i>" not in page
    assert "Nothing is to be heard." in spotting_html(title, [])


def test_the_printed_list_is_the_same_twice_and_has_as_many_pages_as_it_needs(tmp_path):
    apart = [
        dataclasses.replace(
            CUE,
            id=f"dog-{n}",
            onset_sample=n * 40_000,
            offset_sample=n * 40_000 + CUE.length,
            reason=REASON,
        )
        for n in range(ROWS_A_PAGE + 1)
    ]
    rows, title = rows_of(*apart)
    for name in ("a.pdf", "b.pdf"):
        write_spotting_pdf(tmp_path / name, title, rows)
    content = (tmp_path / "a.pdf").read_bytes()
    assert content == (tmp_path / "b.pdf").read_bytes()
    assert content.count(b"/Type /Page\n") == 2 or content.count(b"/Type /Page ") == 2
