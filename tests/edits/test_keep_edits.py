"""A person's edits outlive another look at the video, and nothing is lost unasked."""

import dataclasses
import random
from fractions import Fraction

import pytest

from temporal_foley.cli.main import main
from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.edits.keep import Decided, find_edits, keep_edits
from temporal_foley.errors import CueListError, OutputExistsError
from temporal_foley.foley import Foley
from temporal_foley.render import render_cue_list
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import Loop
from tests.detectors import BLACK, RED, FakeDetector, painted
from tests.factories import make_cue, make_timeline, make_track

SECOND = 48_000
KINDS = {"footsteps": "repeated", "fire": "loop", "door_opening": "one_shot"}


def cue(name, at_s, length_s=0.5, **changes):
    """Make a cue; the effect is what the id begins with."""
    kind = KINDS[changes.get("effect", name.rsplit("-", 1)[0])]
    loop = Loop(start=100, end=SECOND, crossfade=50) if kind == "loop" else None
    return make_cue(name, at_s, length_s, loop=loop, **changes)


def timeline(*cues, gains=None, **changes):
    tracks = (
        make_track(*own, kind=kind, bus="foley", gain_db=(gains or {}).get(effect, 0.0))
        for effect, kind in KINDS.items()
        if (own := [c for c in cues if c.effect == effect])
    )
    return make_timeline(*tracks, seconds=60, **changes)


def decided(edited, proposed):
    return Decided(edited=edited, proposed=proposed)


def edit(one, **changes):
    return dataclasses.replace(one, status="accepted", locked=True, **changes)


def moved(one, by_s):
    by = round(by_s * SECOND)
    return edit(one, onset_sample=one.onset_sample + by, offset_sample=one.offset_sample + by)


def test_looking_again_with_the_same_eyes_changes_nothing_but_keeps_edits():
    steps = [cue(f"footsteps-{n:04d}", n * 0.4, 0.6) for n in range(1, 9)]
    fire = cue("fire-0001", 10, 4)
    proposed = timeline(*steps, fire)
    rejected = dataclasses.replace(steps[2], status="rejected", locked=True)
    edited = timeline(*steps[:2], rejected, moved(steps[3], 5), *steps[4:], edit(fire, gain_db=-6))
    kept = keep_edits(decided(edited, proposed), proposed)
    assert kept.timeline.cues == edited.cues
    assert str(kept.changes) == "3 edits kept, 6 as before"
    again = keep_edits(decided(kept.timeline, kept.proposed), proposed)
    assert again == kept


def test_a_moved_cue_does_not_come_back_where_it_was():
    step = cue("footsteps-0001", 2)
    kept = keep_edits(
        decided(timeline(moved(step, 3)), timeline(step)), timeline(cue("footsteps-0001", 2.05))
    )
    assert [c.onset for c in kept.timeline.cues] == [5]


def test_a_rejected_cue_does_not_silence_its_neighbours():
    steps = [cue(f"footsteps-{n:04d}", n * 0.4, 0.9) for n in range(1, 6)]
    edited = timeline(*steps[:2], dataclasses.replace(steps[2], status="rejected"), *steps[3:])
    kept = keep_edits(decided(edited, timeline(*steps)), timeline(*steps))
    assert [c.status for c in kept.timeline.cues].count("rejected") == 1


@pytest.mark.parametrize("effect", ["fire", "door_opening"])
def test_what_falls_onto_a_rejected_cue_is_rejected_again(effect):
    old, near = cue(f"{effect}-0001", 2, 3), cue(f"{effect}-0001", 2.1, 2)
    more = cue(f"{effect}-0002", 4.5, 2)
    elsewhere = cue(f"{effect}-0003", 20, 2)
    edited = timeline(dataclasses.replace(old, status="rejected", locked=True))
    kept = keep_edits(decided(edited, timeline(old)), timeline(near, more, elsewhere))
    assert [(c.onset, c.status) for c in kept.timeline.cues] == [
        (2, "rejected"),
        (Fraction(9, 2), "rejected"),
        (20, "proposed"),
    ]
    assert str(kept.changes) == "1 edit kept, 1 new, 1 rejected again, 0 as before"


def test_what_was_deleted_from_the_list_or_changed_in_it_by_hand_counts_as_edited():
    a, b = cue("fire-0001", 1, 2), cue("fire-0002", 8, 2)
    edited = timeline(dataclasses.replace(b, gain_db=-9.0))
    kept = keep_edits(decided(edited, timeline(a, b)), timeline(a, b))
    assert [(c.id, c.status, c.gain_db) for c in kept.timeline.cues] == [
        ("fire-0001", "rejected", 0.0),
        ("fire-0002", "proposed", -9.0),
    ]


def test_cues_added_by_hand_stay_and_are_not_doubled():
    added = edit(cue("fire-0001", 5, 3), reason="added by hand")
    kept = keep_edits(decided(timeline(added), timeline()), timeline(cue("fire-0001", 5.2, 4)))
    assert kept.timeline.cues == [added]
    assert kept.proposed.cues == []


def test_a_cue_of_another_effect_now_stays_so():
    old = cue("fire-0001", 5, 3)
    edited = timeline(edit(cue("fire-0001", 5, 3, effect="door_opening")))
    kept = keep_edits(decided(edited, timeline(old)), timeline(cue("fire-0001", 5, 3)))
    assert [c.effect for c in kept.timeline.cues] == ["door_opening"]


def test_a_new_cue_gets_an_id_that_no_edit_has():
    old = edit(cue("fire-0001", 5, 3))
    kept = keep_edits(
        decided(timeline(old), timeline(cue("fire-0001", 5, 3))), timeline(cue("fire-0001", 30, 2))
    )
    assert sorted(c.id for c in kept.timeline.cues) == ["fire-0001", "fire-0002"]


def test_gains_of_tracks_that_a_person_set_stay():
    fire = cue("fire-0001", 5, 3)
    new = timeline(fire, gains={"fire": -3.0})
    kept = keep_edits(decided(timeline(fire, gains={"fire": -8.0}), timeline(fire)), new)
    assert [t.gain_db for t in kept.timeline.tracks] == [-8.0]
    kept = keep_edits(decided(timeline(edit(fire)), timeline(fire)), new)
    assert [t.gain_db for t in kept.timeline.tracks] == [-3.0]


def test_without_the_proposal_locked_and_decided_cues_count():
    edited = timeline(
        cue("fire-0001", 1, 2),
        cue("fire-0002", 8, 2, locked=True),
        cue("fire-0003", 12, 2, status="rejected"),
    )
    assert [e.cue.id for e in find_edits(edited, None)] == ["fire-0002", "fire-0003"]


def test_any_edits_are_kept_whatever_is_proposed_next():
    for seed in range(30):
        draw = random.Random(seed)

        def proposal(draw=draw):
            cues = []
            for effect in KINDS:
                for n in range(draw.randint(0, 6)):
                    at, length = draw.uniform(0, 50), draw.uniform(0.2, 5)
                    cues.append(cue(f"{effect}-{n:04d}", at, length))
            return timeline(*cues)

        old, new = proposal(), proposal()
        touched = [
            draw.choice(
                [
                    c,
                    edit(c),
                    moved(c, draw.uniform(0, 4)),
                    dataclasses.replace(c, status="rejected", locked=True),
                ]
            )
            for c in old.cues
        ]
        edited = timeline(*touched)
        kept = keep_edits(decided(edited, old), new)
        now = {c.id: c for c in kept.timeline.cues}
        edits = find_edits(edited, old)
        assert all(now[e.cue.id] == e.cue for e in edits)
        assert kept.changes.kept == len(edits)
        again = keep_edits(decided(kept.timeline, kept.proposed), new)
        assert again.timeline.cues == kept.timeline.cues


def judge_red(image):
    return {"fire": 0.95 if image[..., 0].mean() > 150 else 0.02}


@pytest.fixture(scope="module")
def foley():
    return Foley(FakeDetector(judge_red), load_library())


@pytest.fixture
def clip(tmp_path, make_clip):
    shots = painted((2, RED), (2, BLACK), (2, RED))
    return make_clip(tmp_path / "clip.mp4", **shots)


def reject_first(path):
    before = read_timeline(path)
    track = before.tracks[0]
    first = dataclasses.replace(track.cues[0], status="rejected", locked=True)
    track = dataclasses.replace(track, cues=(first, *track.cues[1:]))
    write_timeline(dataclasses.replace(before, tracks=(track,)), path)
    return first


def test_generate_again_keeps_what_was_rejected_and_says_so(foley, clip):
    folder = foley.generate(clip).folder
    first = reject_first(folder / "cues.json")
    outcome = foley.generate(clip, overwrite=True)
    assert outcome.changes == "1 edit kept, 1 as before"
    assert len(outcome.cues) == 1
    after = read_timeline(folder / "cues.json")
    assert first in after.cues
    assert (folder / "cues.before.json").is_file()
    rows = (folder / "cues.csv").read_text().splitlines()
    assert len(rows) == 2
    assert not any(row.startswith(first.id) for row in rows)


def test_a_run_that_is_repeated_keeps_the_list_from_before_the_first(foley, clip):
    folder = foley.generate(clip).folder
    reject_first(folder / "cues.json")
    edited = (folder / "cues.json").read_bytes()
    for _ in range(2):
        foley.generate(clip, overwrite=True, seed=1)
        assert (folder / "cues.before.json").read_bytes() == edited


def test_edits_live_through_render_and_are_lost_only_by_the_word(foley, clip):
    folder = foley.generate(clip).folder
    reject_first(folder / "cues.json")
    render_cue_list(folder / "cues.json", overwrite=True)
    with pytest.raises(OutputExistsError, match="keeps edits"):
        foley.generate(clip)
    assert foley.generate(clip, overwrite=True).changes == "1 edit kept, 1 as before"
    again = foley.generate(clip, overwrite=True, discard_edits=True)
    assert (again.changes, len(again.cues)) == (None, 2)
    kept = read_timeline(folder / "cues.before.json")
    assert [c.status for c in kept.cues] == ["rejected", "proposed"]


def test_edits_of_another_cut_or_an_unreadable_list_are_not_written_over(foley, clip, make_clip):
    folder = foley.generate(clip).folder
    reject_first(folder / "cues.json")
    text = (folder / "cues.json").read_text()
    make_clip(clip, seconds=2)
    with pytest.raises(CueListError, match="reconform"):
        foley.generate(clip, overwrite=True)
    (folder / "cues.json").write_text("{")
    with pytest.raises(CueListError, match="not JSON"):
        foley.generate(clip, overwrite=True)
    (folder / "cues.json").write_text(text)
    with pytest.raises(OutputExistsError, match="with edits"):
        foley.write_tags(clip, overwrite=True)
    assert (folder / "cues.json").read_text() == text


def test_discarding_needs_the_word_overwrite_too(tmp_path, capsys):
    assert main(["generate", str(tmp_path / "a.mp4"), "--discard-edits"]) == 2
    assert "--overwrite" in capsys.readouterr().err
