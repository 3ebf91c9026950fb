"""A new cut of the picture: cues go with their shots, to the sample, and what is lost is listed."""

import dataclasses
from fractions import Fraction

import cv2
import numpy as np
import pytest

from temporal_foley.cli.main import main
from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.edits.reconform import match_videos, reconform
from temporal_foley.edits.recut import CommonPart, Cut, match_cuts
from temporal_foley.files.digest import file_sha256
from temporal_foley.media.probe import probe_video
from tests.factories import make_cue, make_loop, make_source, make_timeline

SECOND = 48_000
F = Fraction


def hit(name, at_s, length_s=0.5, **changes):
    return make_cue(name, at_s, length_s, effect="footsteps", **changes)


def bed(name, at_s, length_s):
    loop = make_loop(100, SECOND, 50)
    return make_cue(name, at_s, length_s, loop=loop, fade_in=480, pan=((0, -1.0), (SECOND, 1.0)))


source = make_source


def timeline(*cues, seconds=10, **named):
    return make_timeline(*cues, seconds=seconds, source={"name": "old.mp4", **named})


def stretch(start, end, shift):
    return CommonPart(start=F(start), end=F(end), shift=F(shift), difference=0.0)


REORDERED = [stretch(0, 3, 6), stretch(3, 5, -3)]
"""The new cut shows 6-9 s and then 0-2 s of the old one."""


def test_hits_follow_their_pictures_to_the_sample_and_others_are_orphans():
    cues = [hit("a", 1.2), hit("b", 4.0), hit("c", 6.123456)]
    result = reconform(timeline(*cues), REORDERED, source(5))
    assert {c.id: c.onset_sample for c in result.timeline.cues} == {
        "a": cues[0].onset_sample + 3 * SECOND,
        "c": cues[2].onset_sample - 6 * SECOND,
    }
    assert [c.id for c in result.orphans] == ["b"]


def test_a_hit_belongs_to_the_shot_that_shows_it_though_its_sound_begins_before():
    early = hit("a", 5.8, 1.0, anchor=round(0.3 * SECOND))
    result = reconform(timeline(early), REORDERED, source(5))
    (cue,) = result.timeline.cues
    assert cue.picture_sample == round(0.1 * SECOND)
    assert cue.onset_sample == 0
    assert cue.source_start == round(0.2 * SECOND)


def test_sustained_sound_is_cut_as_its_shots_are():
    result = reconform(timeline(bed("fire-0001", 1, 7)), REORDERED, source(5))
    assert [(c.id, c.onset, c.offset) for c in result.timeline.cues] == [
        ("fire-0001", 0, 2),
        ("fire-0001-2", 4, 5),
    ]
    assert result.cut == 1
    assert result.timeline.cues[0].pan[0] == (-5 * SECOND, -1.0)


def test_sustained_sound_goes_on_where_its_shots_do():
    whole = [stretch(0, 2, 1), stretch(2, 5, 1)]
    result = reconform(timeline(bed("fire-0001", 2, 3)), whole, source(5))
    assert [(c.onset, c.offset) for c in result.timeline.cues] == [(1, 4)]
    assert result.whole == 1


def test_a_shot_used_twice_takes_its_cues_twice_and_decisions_go_along():
    cue = hit("a", 1.0, status="rejected", locked=True)
    result = reconform(timeline(cue), [stretch(0, 2, 0), stretch(2, 4, -2)], source(4))
    assert [(c.id, c.onset, c.status, c.locked) for c in result.timeline.cues] == [
        ("a", 1, "rejected", True),
        ("a-2", 3, "rejected", True),
    ]


def cut_of(places, rate):
    """Give every place in a film of 100 scenes a signature that changes smoothly inside scenes."""
    rows = []
    for place in places:
        scene, inside = divmod(float(place), 1.0)
        a, b = (np.random.default_rng([int(scene), n]).normal(size=64) for n in range(2))
        row = a * np.cos(inside) + b * np.sin(inside)
        row += np.random.default_rng(round(place * 1000) + rate).normal(size=64) * 0.05
        rows.append(row / np.linalg.norm(row))
    times = [F(n, rate) for n in range(len(rows))]
    return Cut(times=times, rows=np.float32(rows), end=F(len(rows), rate))


def test_any_order_of_trimmed_shots_is_found():
    for seed in range(5):
        draw = np.random.default_rng(seed)
        old = cut_of([F(n, 25) for n in range(20 * 25)], 25)
        picked = draw.permutation(20)[:6]
        spans = [
            (int(s) * 25 + int(draw.integers(0, 6)), int(draw.integers(10, 19))) for s in picked
        ]
        places = [F(first + n, 25) for first, count in spans for n in range(count)]
        found = match_cuts(old, cut_of(places, 25))
        assert [(s.start + s.shift, s.end - s.start) for s in found] == [
            (F(first, 25), F(count, 25)) for first, count in spans
        ]


def test_new_material_stands_nowhere():
    old = cut_of([F(n, 25) for n in range(100)], 25)
    new = cut_of([*(F(n, 25) for n in range(50)), *(50 + F(n, 25) for n in range(50))], 25)
    assert [(s.start, s.end, s.shift) for s in match_cuts(old, new)] == [(0, 2, 0)]


def painted(place):
    """Draw a moving picture: a patch that wanders over a background of its scene."""
    scene, inside = divmod(place, 2.0)
    coarse = np.random.default_rng(int(scene)).integers(0, 255, (4, 6, 3), np.uint8)
    image = cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_CUBIC)
    at = int(8 + inside * 35)
    image[20:44, at : at + 16] = 255 - image[20:44, at : at + 16]
    return image


@pytest.mark.parametrize("rate", [25, 30])
def test_a_recut_video_of_any_rate_and_size_takes_its_cues_along(tmp_path, make_clip, rate, capsys):
    size = {"size": (96, 64)}
    old = make_clip(
        tmp_path / "old.mp4", picture=lambda n: painted(n / 25), seconds=8, rate=25, **size
    )
    # Shots of two seconds: the fourth, the second, half of the first; the third is dropped.
    spans = [(6.0, 2.0), (2.0, 2.0), (1.0, 1.0)]
    places = [start + n / rate for start, length in spans for n in range(round(length * rate))]
    new = make_clip(
        tmp_path / "new.mp4", picture=lambda n: painted(places[n]), seconds=5, rate=rate, **size
    )
    found = match_videos(probe_video(old), probe_video(new))
    assert [float(s.start) for s in found] == pytest.approx([0, 2, 4], abs=1.01 / rate)
    exact = 1e-9 if rate == 25 else 1.01 / 25
    assert [float(s.shift) for s in found] == pytest.approx([6, 0, -3], abs=exact)
    cues = [hit("a", 7.0), hit("b", 0.3), hit("c", 2.5), hit("d", 4.5)]
    folder = tmp_path / "old.foley"
    folder.mkdir()
    given = timeline(*cues, seconds=8, sha256=file_sha256(old))
    write_timeline(given, folder / "cues.json")
    assert main(["reconform", str(folder / "cues.json"), "--video", str(new)]) == 0
    assert "2 cues followed their shots, 2 orphans" in capsys.readouterr().out
    result = read_timeline(tmp_path / "new.foley" / "cues.json")
    assert [float(c.onset) for c in result.cues] == pytest.approx([1.0, 2.5], abs=exact + 1e-4)
    assert result.source.sha256 == file_sha256(new)
    rows = (tmp_path / "new.foley" / "orphans.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["id", "b", "d"]


def test_without_the_old_cut_it_says_what_to_do(tmp_path, make_clip, capsys):
    new = make_clip(tmp_path / "new.mp4", seconds=0.2)
    write_timeline(timeline(hit("a", 1)), tmp_path / "cues.json")
    assert main(["reconform", str(tmp_path / "cues.json"), "--video", str(new)]) == 3
    assert "--old-video" in capsys.readouterr().err


def test_a_list_that_stands_there_is_not_replaced_unasked(tmp_path, make_clip):
    video = make_clip(tmp_path / "old.mp4", seconds=0.4)
    given = timeline(hit("a", 0.1, 0.1), seconds=0.4, sha256=file_sha256(video))
    folder = tmp_path / "old.foley"
    folder.mkdir()
    write_timeline(given, folder / "cues.json")
    words = ["reconform", str(folder / "cues.json"), "--video", str(video)]
    assert main(words) == 3
    assert main([*words, "--overwrite"]) == 3
    assert read_timeline(folder / "cues.json") == dataclasses.replace(given)
