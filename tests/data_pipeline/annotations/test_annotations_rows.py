import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.annotations.collect import SAME_ROW, collect, join, merge_clips
from data_pipeline.annotations.records import (
    AnnotatedClip,
    AnnotationError,
    LabelledEvent,
    RowError,
    make_event,
)
from data_pipeline.annotations.rows import (
    Row,
    clock_seconds,
    read_rows,
    seconds,
    take_header,
    youtube_id,
)


def test_an_unclosed_quote_takes_only_its_own_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,"b, c"\nd,"broken\ne,f\n')
    rows = read_rows(path)
    assert [row.cells for row in rows] == [("a", "b, c"), (), ("e", "f")]
    assert [bool(row.problem) for row in rows] == [False, True, False]
    assert [row.line for row in rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("utf-16", "\r\n")]
)
def test_encodings_and_line_ends_do_not_change_the_rows(tmp_path, encoding, end):
    path = tmp_path / "a.csv"
    path.write_bytes(f"é,1{end}ü, 2{end}".encode(encoding))
    assert [row.cells for row in read_rows(path)] == [("é", "1"), ("ü", "2")]


def test_a_line_that_is_not_utf8_is_told_and_the_others_are_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"good,1\ncaf\xe9,2\n")
    rows = read_rows(path)
    assert rows[0].cells == ("good", "1")
    assert rows[1].problem == "is not UTF-8 text"


def test_a_git_lfs_pointer_is_named_as_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(AnnotationError, match=r"a\.csv.*git lfs pull"):
        read_rows(path)


def test_a_missing_or_binary_file_is_named(tmp_path):
    with pytest.raises(AnnotationError, match=r"no\.csv: cannot be read"):
        read_rows(tmp_path / "no.csv")
    (tmp_path / "b.csv").write_bytes(b"\x00\x01\x02")
    with pytest.raises(AnnotationError, match="not a text file"):
        read_rows(tmp_path / "b.csv")


def test_a_header_is_found_in_any_case_and_may_be_missing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Name,Time\nx,1\n")
    names, rows = take_header(read_rows(path), ("name", "time"))
    assert names == ("name", "time")
    assert len(rows) == 1
    path.write_text("x,1\n")
    names, rows = take_header(read_rows(path), ("name", "time"))
    assert (names, rows[0].cells) == ((), ("x", "1"))


@pytest.mark.parametrize("text", ["", "nan", "inf", "1:2", "one"])
def test_times_that_are_no_numbers_are_refused(text):
    with pytest.raises(RowError):
        seconds(text)


def test_times_of_day_are_read_exactly():
    assert clock_seconds("01:02:03.456") == 3723.456
    with pytest.raises(RowError):
        clock_seconds("00:61:00")


@pytest.mark.parametrize("name", ["CSWQ_HzQ", "12345678901x", "abc def ghi"])
def test_names_that_no_video_can_have_are_refused(name):
    with pytest.raises(RowError, match="11 letters"):
        youtube_id(name)


@pytest.mark.parametrize(
    ("onset", "offset", "reason"),
    [
        (3, 3, "ends where it begins"),
        (3, 2, "ends before it begins"),
        (3, 11, "ends after the clip"),
        (10, None, "begins after the clip"),
        (-1, 2, "begins before the clip"),
    ],
)
def test_impossible_times_have_a_reason_of_their_own(onset, offset, reason):
    with pytest.raises(RowError, match=reason):
        make_event("bark", onset, offset, length_s=10.0)


def test_records_refuse_what_readers_let_through():
    with pytest.raises(ValueError, match="offset_s"):
        LabelledEvent(name="bark", onset_s=2.0, offset_s=1.0)
    with pytest.raises(ValueError, match="modality"):
        LabelledEvent(name="bark", modality="smell")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="end_s"):
        AnnotatedClip(source="a", clip="a", start_s=2.0, end_s=2.0)


def clip_of(source, split, name="bark"):
    return AnnotatedClip(
        source=source, clip=source, end_s=10.0, split=split, events=(make_event(name, 0, 1),)
    )


def rows_of(count):
    return [Row(file="f", line=n, text=str(n), cells=(str(n),)) for n in range(count)]


def test_a_source_on_both_sides_of_a_split_is_put_on_the_one_that_is_measured():
    clips = [clip_of("a", "train"), clip_of("a", "test", "meow"), clip_of("b", "train")]
    reading = collect(rows_of(3), lambda row: clips[int(row.cells[0])])
    assert {clip.source: clip.split for clip in reading.clips} == {"a": "test", "b": "train"}
    assert [remark.line for remark in reading.remarks] == [0]
    assert "from train to test" in reading.remarks[0].reason
    assert len(reading.clips[0].events) == 2


def test_joined_files_do_not_share_a_source_between_splits():
    one = collect(rows_of(1), lambda row: clip_of("a", "train"))
    two = collect(rows_of(1), lambda row: clip_of("a", "validation", "meow"))
    joined = join([one, two])
    assert [clip.split for clip in joined.clips] == ["validation"]
    assert joined.rows == 2
    assert len(joined.remarks) == 1


def test_a_row_that_says_the_same_again_is_rejected_not_lost():
    reading = collect(rows_of(3), lambda row: clip_of("a", None))
    assert reading.rows_read == 1
    assert reading.reasons == {SAME_ROW: 2}


@given(st.lists(st.sampled_from(["read", "reject", "same"]), max_size=30))
def test_every_row_is_read_or_rejected(fates):
    def read(row):
        fate = fates[int(row.cells[0])]
        if fate == "reject":
            raise RowError("no good")
        return clip_of("same" if fate == "same" else row.text, None)

    reading = collect(rows_of(len(fates)), read)
    assert reading.rows == len(fates)
    assert reading.rows_read == sum(len(clip.events) for clip in reading.clips)


def test_merging_keeps_all_events_in_order_whatever_the_order_of_the_clips():
    late = dataclasses.replace(clip_of("a", None), events=(make_event("meow", 5, 6),))
    early = clip_of("a", None)
    assert merge_clips([late, early]) == merge_clips([early, late])
    assert [event.name for event in merge_clips([late, early])[0].events] == ["bark", "meow"]
