"""Edited cue lists become labels: what was decided counts, and where it now stands."""

import dataclasses
from fractions import Fraction

import pytest

from temporal_foley.cli.main import main
from temporal_foley.edits.keep import find_edits
from temporal_foley.effects import load_vocabulary
from temporal_foley.teaching.learn import UNTOUCHED, label_frames
from temporal_foley.timegrid import TimeGrid
from tests.factories import make_cue, make_timeline

SECOND = 48_000
VOCABULARY = load_vocabulary()
FIRE = VOCABULARY.index("fire")


def fire(name, at_s, length_s=2, **changes):
    return make_cue(name, at_s, length_s, **changes)


def timeline(*cues):
    return make_timeline(*cues, seconds=20, frame_rate=Fraction(1))


def test_decisions_are_labels_and_what_was_left_says_little():
    left, moved, refused = fire("fire-1", 1), fire("fire-2", 5), fire("fire-3", 12)
    now = dataclasses.replace(
        moved, onset_sample=6 * SECOND, offset_sample=8 * SECOND, status="accepted", locked=True
    )
    edited = timeline(left, now, dataclasses.replace(refused, status="rejected", locked=True))
    edits = find_edits(edited, timeline(left, moved, refused))
    grid = TimeGrid(frame_rate=Fraction(1), frames=20)
    labels, weights = label_frames(edited, edits, grid, VOCABULARY)
    assert labels[:, FIRE].nonzero()[0].tolist() == [1, 2, 6, 7]
    assert (weights[:, FIRE] == 1.0).nonzero()[0].tolist() == [5, 6, 7, 12, 13]
    assert weights[1, FIRE] == pytest.approx(UNTOUCHED)
    assert not labels[:, [n for n in range(len(VOCABULARY)) if n != FIRE]].any()


def test_a_bundle_that_stands_there_is_not_replaced_unasked(tmp_path, capsys):
    words = ["learn", str(tmp_path / "cues.json"), "--out", str(tmp_path)]
    assert main(words) == 3
    assert "--overwrite" in capsys.readouterr().err


def test_the_map_of_imagenet_cannot_learn(tmp_path, capsys):
    words = ["learn", str(tmp_path / "cues.json"), "--out", str(tmp_path / "b")]
    assert main([*words, "--model", "imagenet"]) == 2
    assert "needs a bundle" in capsys.readouterr().err
