"""Timecode: known answers of SMPTE ST 12-1, drop-frame included, and there and back."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_foley.errors import UsageError
from temporal_foley.session.timecode import (
    EditRate,
    frames_a_day,
    nearest_rate,
    parse_rate,
    parse_timecode,
    time_reference,
    timecode,
)

NTSC_30, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)
EDITS = [
    *(EditRate(rate=rate) for rate in map(Fraction, (24, 25, 30, 48, 50, 60))),
    *(EditRate(rate=rate) for rate in (Fraction(24000, 1001), NTSC_30, NTSC_60)),
    EditRate(rate=NTSC_30, drop=True),
    EditRate(rate=NTSC_60, drop=True),
]


def test_drop_frame_leaves_out_two_numbers_a_minute_but_not_every_tenth():
    edit = EditRate(rate=NTSC_30, drop=True)
    assert timecode(1_799, edit) == "00:00:59;29"
    assert timecode(1_800, edit) == "00:01:00;02"
    assert timecode(17_981, edit) == "00:09:59;29"
    assert timecode(17_982, edit) == "00:10:00;00"
    assert timecode(107_892, edit) == "01:00:00;00"
    assert timecode(3_600, EditRate(rate=NTSC_60, drop=True)) == "00:01:00;04"
    assert frames_a_day(edit) == 2_589_408


def test_an_hour_of_timecode_lasts_longer_at_a_slowed_rate():
    _, first = parse_timecode("01:00:00:00", Fraction(24000, 1001))
    assert time_reference(first, EditRate(rate=Fraction(24000, 1001))) == 172_972_800
    _, first = parse_timecode("01:00:00:00", Fraction(25))
    assert time_reference(first, EditRate(rate=Fraction(25))) == 172_800_000


@given(st.sampled_from(EDITS), st.integers(0, 10**7))
def test_every_frame_finds_its_timecode_and_comes_back(edit, frame):
    text = timecode(frame, edit)
    assert parse_timecode(text, edit.rate) == (edit, frame % frames_a_day(edit))


@pytest.mark.parametrize(
    ("text", "rate", "said"),
    [
        ("01:00:00;00", Fraction(25), "drop-frame timecode exists at"),
        ("00:01:00;00", NTSC_30, "no such timecode"),
        ("00:00:00:25", Fraction(25), "no such timecode"),
        ("24:00:00:00", Fraction(25), "no such timecode"),
        ("1:00:00:00", Fraction(25), "must look like"),
    ],
)
def test_a_timecode_that_does_not_exist_is_refused(text, rate, said):
    with pytest.raises(UsageError, match=said):
        parse_timecode(text, rate)


def test_rates_are_read_as_people_write_them():
    assert parse_rate("23.976") == parse_rate("23.98") == Fraction(24000, 1001)
    assert parse_rate("29.97") == parse_rate("30000/1001") == NTSC_30
    assert parse_rate("25") == 25
    for text in ("", "0", "-25", "1e9", "film", "1/0"):
        with pytest.raises(UsageError, match="--rate"):
            parse_rate(text)


def test_a_measured_rate_finds_the_usual_one_next_to_it():
    assert nearest_rate(Fraction(2997, 100)) == NTSC_30
    assert nearest_rate(Fraction(29917, 1000)) == NTSC_30
    assert nearest_rate(Fraction(24)) == 24
    assert nearest_rate(Fraction(24999, 1000)) == 25
    assert nearest_rate(Fraction(1, 3)) == 1
