"""Check the printed spotting list: every fact of a cue is shown, and names are not markup."""

import dataclasses

from benchmarks.session.session_lists import cue_lists, make_timeline
from temporal_foley.session.timecode import parse_rate, parse_timecode
from temporal_foley.session.writers.spotting_list import (
    spotting_html,
)

EDIT, FIRST = parse_timecode("01:00:00:00", parse_rate("25"))
CUE = cue_lists(many=1)["unique"].cues[-1]
REASON = (
    "probability 0.60, highest at 2.50 s; no clear motion, on the grid; take 4 of 8; hit 1 of 2; "
    "seen in the middle, 10% of the picture; steps back by 3 dB for a louder one"
)


def page_of(cue, **changes):
    timeline = make_timeline(*([] if cue is None else [dataclasses.replace(cue, **changes)]))
    return spotting_html(timeline, {}, EDIT, FIRST)


def test_a_long_reason_is_shown_whole():
    assert REASON in page_of(CUE, reason=REASON)


def test_levels_include_the_curve_and_takes_are_counted_as_in_reasons():
    moving = ((0, -6.0), (12_000, 0.0), (26_000, -9.0))
    assert ">-10.5 to -1.5 dB<" in page_of(CUE, gain_db=-1.5, level=moving)
    assert ">-5.5 dB<" in page_of(CUE, gain_db=-1.5, level=((0, -4.0),))
    assert CUE.asset.seed == 7
    assert ">dog barking, take 8<" in page_of(CUE)
    of_a_film = dataclasses.replace(CUE.asset, seed=24 * 1_156_811_666 + 7)
    assert ">dog barking, take 8<" in page_of(CUE, asset=of_a_film)
    pitched = dataclasses.replace(CUE.asset, cents=-150)
    assert ">dog barking, take 8, -150 cents<" in page_of(CUE, asset=pitched)


def test_markup_in_names_is_text_and_an_empty_list_says_so():
    page = page_of(CUE, id="<b>_&", reason="<i>")
    assert "&lt;b&gt;_<wbr>&amp;" in page
    assert "<i>" not in page
    assert "No cues." in page_of(None)
