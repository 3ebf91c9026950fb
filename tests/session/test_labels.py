"""Labels and captions: a line a cue, and captions that can be read."""

import dataclasses
import re

from benchmarks.session.session_lists import cue_lists, make_timeline
from temporal_foley.session.writers.labels import audacity_text, captions_text

LISTS = cue_lists(many=10)


def test_labels_find_their_samples_again_and_stay_on_one_line_each():
    timeline = LISTS["hostile names"]
    rows = [line.split("\t") for line in audacity_text(timeline).split("\n")[:-1]]
    assert [len(row) for row in rows] == [3] * len(timeline.cues)
    found = [(round(float(a) * 48_000), round(float(b) * 48_000)) for a, b, _ in rows]
    assert found == [(cue.onset_sample, cue.offset_sample) for cue in timeline.cues]


def test_hits_in_a_row_share_a_caption_and_markup_is_escaped():
    text = captions_text(LISTS["repeated"])
    assert text.count("[dog barking]") == 1
    assert text.startswith("WEBVTT")
    assert "00:00:01.000 --> 00:00:10.896" in text
    assert "<b>" not in captions_text(LISTS["hostile names"])


def test_a_caption_stays_for_a_second_but_not_past_the_picture():
    first = LISTS["repeated"].cues[0]
    timeline = make_timeline(first)
    spans = re.findall(r"(\S+) --> (\S+)", captions_text(timeline))
    assert spans == [("00:00:01.000", "00:00:02.000")]


def test_nothing_to_hear_is_an_empty_list():
    rejected = dataclasses.replace(LISTS["repeated"].cues[0], status="rejected")
    for timeline in (make_timeline(), make_timeline(rejected)):
        assert audacity_text(timeline) == ""
        assert "-->" not in captions_text(timeline)
