"""Edits back: what an editor changed in a session becomes an edit of the cue list."""

import dataclasses
import re
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.session.session_lists import cue_lists, make_timeline, session_of
from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.edits.import_session import apply_edits, import_edits, read_session
from temporal_foley.edits.read_otio import read_otio
from temporal_foley.edits.read_reaper import read_reaper
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError
from temporal_foley.session.edited import read_origin
from temporal_foley.session.writers.otio import otio_text
from temporal_foley.session.writers.reaper import reaper_text

LISTS = cue_lists(many=30)
TIMELINE = LISTS["unique"]


def reaper_edit(*edits, **settings):
    """Write the project, change it by regular expressions as an editor would, and apply it."""
    text = reaper_text(session_of(TIMELINE, "25", **settings), "film.mp4")
    for cue, pattern, instead in edits:
        items = text.split("    <ITEM\n")
        at = next(i for i, item in enumerate(items) if f'NAME "{cue}"' in item)
        items[at], changed = re.subn(pattern, instead, items[at])
        assert changed
        text = "    <ITEM\n".join(items)
    session = read_reaper(text)
    return apply_edits(TIMELINE, session.clips, session.known, session.takes)


def cue_of(timeline, name):
    return next(cue for cue in timeline.cues if cue.id == name)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("has_pop", [False, True])
def test_a_session_that_nobody_touched_changes_nothing(name, has_pop):
    session = session_of(LISTS[name], "29.97 df", has_pop=has_pop)
    for read, text in (
        (read_reaper, reaper_text(session, "film.mp4")),
        (read_otio, otio_text(session, "film.mp4")),
    ):
        edited, changes, warnings = apply_edits(LISTS[name], read(text).clips)
        assert edited == LISTS[name]
        assert changes.kept == len(LISTS[name].cues)
        assert warnings == ()


def test_a_moved_clip_moves_its_cue_and_locks_it():
    edited, changes, _ = reaper_edit(("dog-0", r"POSITION \S+", "POSITION 2.5"))
    before, after = cue_of(TIMELINE, "dog-0"), cue_of(edited, "dog-0")
    assert after.onset_sample == 120_000
    assert after.length == before.length
    assert (after.status, after.locked) == ("accepted", True)
    assert (changes.moved, changes.trimmed, changes.kept) == (1, 0, 10)
    assert cue_of(edited, "dog-1") == cue_of(TIMELINE, "dog-1")


def test_a_trim_at_the_front_leaves_the_picture_moment_where_it_is():
    before = cue_of(TIMELINE, "dog-0")
    length = (before.length - 240) / 48_000
    soffs = (17 + 1_920 + 240) / 48_000
    edited, changes, _ = reaper_edit(
        ("dog-0", r"POSITION \S+", f"POSITION {1 + 240 / 48_000}"),
        ("dog-0", r"LENGTH \S+", f"LENGTH {length}"),
        ("dog-0", r"SOFFS \S+", f"SOFFS {soffs}"),
    )
    after = cue_of(edited, "dog-0")
    assert after.picture_sample == before.picture_sample
    assert (after.source_start, after.source_end) == (257, 30_020)
    assert (changes.moved, changes.trimmed) == (0, 1)


def test_level_pan_and_fades_are_taken_over():
    edited, changes, _ = reaper_edit(
        ("fire-0", r"VOLPAN \S+ \S+", "VOLPAN 0.5 -0.3"),
        ("fire-0", r"FADEOUT 5 \S+", "FADEOUT 5 0.5"),
    )
    cue = cue_of(edited, "fire-0")
    # The item's -6 dB are the cue's level of -2 dB, which stands still, and 4 dB of its gain.
    assert (cue.gain_db, cue.level) == (pytest.approx(-4.02), ((0, -2.0),))
    assert cue.pan == ((0, -0.3),)
    assert cue.fade_out == 24_000
    assert changes.adjusted == 1


def test_volume_envelopes_are_taken_over_and_an_envelope_switched_off_is_none():
    edited, changes, warnings = reaper_edit(
        ("dog-0", r"PT 0.25 1.0 0", "PT 0.2 0.5 0"),
        ("dog-1", r"<VOLENV\n\s+ACT 1", "<VOLENV\n        ACT 0"),
        ("dog-2", r"<VOLENV\n", "<VOLENV\n        VOLTYPE 1\n"),
        ("fire-0", r"      GUID", "      <VOLENV\n ACT 1\n PT 0 1 0\n PT 1 0.5 0\n >\n      GUID"),
    )
    before = cue_of(TIMELINE, "dog-0")
    level = dict(cue_of(edited, "dog-0").level)
    assert level[9_600] == pytest.approx(-6.02, abs=0.01)
    assert level[26_000] == pytest.approx(-9.0, abs=0.01)
    assert cue_of(edited, "dog-0") == dataclasses.replace(
        before, level=cue_of(edited, "dog-0").level, status="accepted", locked=True
    )
    assert cue_of(edited, "dog-1").level == ((0, 0.0),)
    # Fader scaling is told and left alone.
    assert cue_of(edited, "dog-2") == cue_of(TIMELINE, "dog-2")
    assert "1 volume envelopes" in read_reaper_warnings(r"<VOLENV\n", "<VOLENV\nVOLTYPE 1\n")[0]
    # Drawn on top of a level of -2 dB that stands still.
    assert cue_of(edited, "fire-0").level == ((0, -2.0), (48_000, pytest.approx(-8.02, abs=0.01)))
    assert changes.adjusted == 3
    assert warnings == ()


def read_reaper_warnings(pattern, instead):
    text = reaper_text(session_of(TIMELINE, "25"), None)
    return read_reaper(re.sub(pattern, instead, text, count=1)).warnings


def test_a_trim_at_the_front_takes_level_and_pan_along():
    before = cue_of(TIMELINE, "dog-0")
    session = session_of(TIMELINE, "25")
    cut = 6_000
    clips = [
        dataclasses.replace(
            clip,
            place=clip.place + cut,
            length=clip.length - cut,
            source_in=clip.source_in + cut,
            level=tuple((at - cut, value) for at, value in clip.level),
            pan=tuple((at - cut, value) for at, value in clip.pan),
        )
        if clip.name == "dog-0"
        else clip
        for clip in read_reaper(reaper_text(session, None)).clips
    ]
    edited, changes, _ = apply_edits(TIMELINE, clips)
    after = cue_of(edited, "dog-0")
    assert after.level == tuple((at - cut, value) for at, value in before.level)
    assert after.pan == tuple((at - cut, value) for at, value in before.pan)
    assert (changes.trimmed, changes.adjusted) == (1, 0)
    # OpenTimelineIO keeps the metadata as it was; the reader moves them along.
    otio = pytest.importorskip("opentimelineio")
    timeline = otio.adapters.read_from_string(otio_text(session, None), "otio_json")
    own = next(clip for clip in timeline.find_clips() if clip.name == "dog-0")
    gap = own.parent()[own.parent().index(own) - 1]
    some = otio.opentime.RationalTime(cut, 48_000)
    used, room = own.source_range, gap.source_range
    own.source_range = otio.opentime.TimeRange(used.start_time + some, used.duration - some)
    gap.source_range = otio.opentime.TimeRange(room.start_time, room.duration + some)
    read = read_otio(otio.adapters.write_to_string(timeline, "otio_json"))
    assert apply_edits(TIMELINE, read.clips, read.known)[0] == edited


def test_a_clip_that_plays_another_take_of_the_session_changes_its_take():
    other = cue_of(TIMELINE, "dog-3")
    text = reaper_text(session_of(TIMELINE, "25"), None)
    file = re.search(r'NAME "dog-3".*?FILE "([^"]+)"', text, re.DOTALL)
    assert file is not None
    edited, changes, warnings = reaper_edit(
        ("dog-0", r'FILE "[^"]+"', f'FILE "C:\\\\film\\\\{file[1]}"'),
        ("dog-1", r'FILE "[^"]+"', 'FILE "media/my own.wav"'),
    )
    before, after = cue_of(TIMELINE, "dog-0"), cue_of(edited, "dog-0")
    assert after == dataclasses.replace(before, asset=other.asset, status="accepted", locked=True)
    assert cue_of(edited, "dog-1") == cue_of(TIMELINE, "dog-1")
    assert changes.adjusted == 1
    assert "1 clips play a file that is no take of the session" in warnings[0]


def test_of_several_takes_in_an_item_the_chosen_one_counts():
    second = (
        '      TAKE SEL\n      NAME "again"\n      TAKEVOLPAN 0.4 0.25 -1\n      SOFFS 0.05\n'
        "      <SOURCE WAVE\n        \\1\n      >\n    >\n"
    )
    edited, _, _ = reaper_edit(
        ("fire-0", r'(FILE "[^"]+")\n      >\n    >\n', f"\\1\n      >\n{second}")
    )
    before, after = cue_of(TIMELINE, "fire-0"), cue_of(edited, "fire-0")
    assert after.asset == before.asset
    assert after.pan == ((0, 0.4),)
    assert after.gain_db == pytest.approx(before.gain_db - 12.04, abs=0.01)
    # A frame of silence stands before the take.
    assert after.source_start == before.source_start + 2_400 - 1_920


def test_cues_that_are_newer_than_the_session_stay_as_they_are():
    session = read_reaper(reaper_text(session_of(TIMELINE, "25"), None))
    newer = dataclasses.replace(cue_of(TIMELINE, "dog-0"), id="dog-new")
    other = dataclasses.replace(
        cue_of(TIMELINE, "dog-1"), asset=dataclasses.replace(newer.asset, seed=99)
    )
    cues = [newer, other, *(cue for cue in TIMELINE.cues if cue.id != "dog-1")]
    timeline = make_timeline(*sorted(cues, key=lambda cue: (cue.onset_sample, cue.id)))
    edited, changes, warnings = apply_edits(timeline, session.clips, session.known)
    assert edited == timeline
    assert changes.kept == 12
    assert warnings[0].startswith("1 cues have another place or take in the list since")


def test_a_session_can_be_imported_again_after_more_work_in_it():
    text = reaper_text(session_of(TIMELINE, "25"), None)
    clips = [
        dataclasses.replace(clip, place=120_000) if clip.name == "dog-0" else clip
        for clip in read_reaper(text).clips
    ]
    copy = dataclasses.replace(next(c for c in clips if c.name == "dog-2"), place=300_000)
    once, changes, _ = apply_edits(TIMELINE, [*clips, copy])
    assert (changes.moved, changes.added) == (1, 1)
    twice, changes, warnings = apply_edits(once, [*clips, copy], exported_ids())
    assert (twice, warnings) == (once, ())
    further = [
        dataclasses.replace(clip, place=130_000) if clip.name == "dog-0" else clip for clip in clips
    ]
    thrice, changes, _ = apply_edits(once, [*further, copy], exported_ids())
    assert cue_of(thrice, "dog-0").onset_sample == 130_000
    assert (changes.moved, changes.added) == (1, 0)


def test_a_cue_that_a_later_look_moved_is_not_moved_back():
    clips = read_reaper(reaper_text(session_of(TIMELINE, "25"), None)).clips
    cues = [
        dataclasses.replace(cue, onset_sample=10_000, offset_sample=10_000 + cue.length)
        if cue.id == "dog-0"
        else cue
        for cue in TIMELINE.cues
    ]
    later = make_timeline(*sorted(cues, key=lambda cue: (cue.onset_sample, cue.id)))
    edited, _, warnings = apply_edits(later, clips, exported_ids())
    assert edited == later
    assert warnings[0].startswith("1 cues have another place")


def exported_ids():
    return frozenset(cue.id for cue in TIMELINE.cues)


def test_a_deleted_and_a_muted_clip_are_rejected_and_stay_in_the_list():
    text = reaper_text(session_of(TIMELINE, "25"), None)
    items = re.split(r"(?=    <ITEM\n)", text)
    kept = [item for item in items if 'NAME "dog-3"' not in item]
    kept = [
        item.replace("MUTE 0 0", "MUTE 1 0") if 'NAME "dog-4"' in item else item for item in kept
    ]
    edited, changes, _ = apply_edits(TIMELINE, read_reaper("".join(kept)).clips)
    assert changes.rejected == 2
    assert {cue.id for cue in edited.cues} == {cue.id for cue in TIMELINE.cues}
    assert cue_of(edited, "dog-3").status == cue_of(edited, "dog-4").status == "rejected"


def test_a_copy_becomes_a_cue_of_its_own_and_the_old_one_stays():
    clips = read_reaper(reaper_text(session_of(TIMELINE, "25"), None)).clips
    own = next(clip for clip in clips if clip.name == "dog-2")
    copy = dataclasses.replace(own, place=own.place + 700)
    edited, changes, _ = apply_edits(TIMELINE, [copy, *clips])
    assert changes.added == 1
    assert cue_of(edited, "dog-2") == cue_of(TIMELINE, "dog-2")
    added = cue_of(edited, "dog_barking-0001")
    assert added.onset_sample == own.place + 700
    assert added.asset == cue_of(TIMELINE, "dog-2").asset
    assert added.locked


def test_a_loop_trimmed_past_its_end_goes_on_inside_it():
    before = cue_of(TIMELINE, "fire-0")
    clips = [
        dataclasses.replace(
            clip, place=clip.place + 100_000, length=50_000, source_in=clip.source_in + 100_000
        )
        if clip.name == "fire-0"
        else clip
        for clip in read_otio(otio_text(session_of(TIMELINE, "25"), None)).clips
    ]
    edited, _, _ = apply_edits(TIMELINE, clips)
    after = cue_of(edited, "fire-0")
    # 100 000 samples on is 10 000 past the loop's end, so 10 000 behind its start.
    assert after.source_start == before.loop.start + 10_000
    assert (after.onset_sample, after.length) == (before.onset_sample + 100_000, 50_000)


def test_clips_stretched_over_the_ends_are_cut_to_what_sounds():
    own = cue_of(TIMELINE, "dog-0")
    clips = read_reaper(reaper_text(session_of(TIMELINE, "25"), None)).clips
    far = [
        dataclasses.replace(clip, place=-5_000, length=10**6) if clip.name == "dog-0" else clip
        for clip in clips
    ]
    edited, _, _ = apply_edits(TIMELINE, far)
    cue = cue_of(edited, "dog-0")
    assert cue.onset_sample == 0
    assert cue.source_start == own.source_start + 5_000
    assert cue.source_end <= 60_000


@given(
    st.lists(
        st.tuples(
            st.integers(-(10**6), 10**6),
            st.integers(-5, 10**6),
            st.integers(-(10**5), 10**6),
            st.integers(0, 10**6),
        ),
        min_size=11,
        max_size=11,
    )
)
def test_whatever_an_editor_does_the_list_stays_valid(edits):
    clips = read_otio(otio_text(session_of(TIMELINE, "25"), None)).clips
    changed = [
        dataclasses.replace(
            clip, place=place, length=length, source_in=source, fade_in=fade, fade_out=fade
        )
        for clip, (place, length, source, fade) in zip(clips, edits, strict=True)
    ]
    edited, _, _ = apply_edits(TIMELINE, changed)
    for cue in edited.cues:
        assert cue.offset_sample <= TIMELINE.source.duration_samples or cue.status == "rejected"
        assert cue.loop is not None or cue.source_end <= 60_000


def test_foreign_clips_are_named_and_left_out(tmp_path):
    text = reaper_text(session_of(TIMELINE, "25"), None)
    foreign = (
        '  <TRACK\n    NAME "mine"\n    <ITEM\n      POSITION 1\n      LENGTH 1\n'
        '      NAME "my own.wav"\n      <SOURCE WAVE\n        FILE "/etc/passwd"\n'
        "      >\n    >\n  >\n>\n"
    )
    edited, _, warnings = apply_edits(TIMELINE, read_reaper(text[:-2] + foreign).clips)
    assert edited == TIMELINE
    assert "my own.wav" in warnings[0]


def test_the_command_writes_beside_the_list_and_never_over_it(tmp_path):
    write_timeline(TIMELINE, tmp_path / "cues.json")
    session = session_of(TIMELINE, "25")
    (tmp_path / "a.rpp").write_text(reaper_text(session, None), encoding="utf-8")
    outcome = import_edits(tmp_path / "a.rpp", tmp_path / "cues.json")
    assert outcome.path == tmp_path / "cues.edited.json"
    assert read_timeline(outcome.path) == TIMELINE
    assert outcome.summary == "11 as they were"
    with pytest.raises(OutputExistsError, match="exists"):
        import_edits(tmp_path / "a.rpp", tmp_path / "cues.json")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.rpp", b""),
        ("a.rpp", b"<REAPER_PROJECT 0.1\n"),
        ("a.rpp", b"<REAPER_PROJECT\n" + b"<A\n" * 100_000),
        ("a.rpp", b"<REAPER_PROJECT\n<TRACK\n<ITEM\nPOSITION nan\n<SOURCE WAVE\n>\n>\n>\n>"),
        ("a.rpp", b"<REAPER_PROJECT\n<TRACK\n<ITEM\nPOSITION 1e99\n<SOURCE WAVE\n>\n>\n>\n>"),
        ("a.rpp", b"\xff\x00" * 100),
        ("a.otio", b"{}"),
        ("a.otio", b"[" * 200_000),
        ("a.otio", b'{"OTIO_SCHEMA": "Clip.1"}'),
        ("a.otio", b"nonsense"),
        ("a.otioz", b"no zip"),
    ],
)
def test_damaged_and_hostile_sessions_are_refused_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FoleyError, match=re.escape(str(tmp_path / name))) as caught:
        read_session(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused_by_name(tmp_path):
    with pytest.raises(UsageError, match=r"\.rpp, \.otio or \.otioz"):
        read_session(tmp_path / "a.aaf")
    with pytest.raises(FoleyError, match="no such file"):
        read_session(tmp_path / "a.rpp")


def test_a_bundle_that_unpacks_to_gigabytes_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.otioz", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("content.otio", b" " * (65 << 20))
    with pytest.raises(FoleyError, match="more than 64 MiB"):
        read_session(tmp_path / "a.otioz")


@given(st.text(max_size=60))
def test_no_note_of_a_stranger_is_believed(text):
    assert read_origin(text) is None
    assert read_origin("temporal-foley " + text) is None


@pytest.mark.parametrize(
    "value",
    [
        {"cue": 1, "start": 0, "end": 9, "file_db": 0},
        {"cue": "a", "start": True, "end": 9, "file_db": 0},
        {"cue": "a", "start": 9, "end": 9, "file_db": 0},
        {"cue": "a", "start": 0, "end": 1 << 60, "file_db": 0},
        {"cue": "a", "start": 0, "end": 9, "file_db": float("nan")},
        7,
        [],
        None,
    ],
)
def test_a_note_with_wrong_values_is_not_believed(value):
    assert read_origin(value) is None
