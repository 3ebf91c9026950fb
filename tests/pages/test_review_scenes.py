"""Scenes in the review page: split and joined in a browser, undone, saved, and followed."""

import dataclasses
import json

import pytest

from temporal_foley.cue_list import read_timeline, timeline_to_json
from temporal_foley.pages.review import write_review
from temporal_foley.sound.ambience import carry_through_scenes
from temporal_foley.timeline import Evidence, SceneSpan

RATE = 48_000


def with_scenes(timeline, *scenes):
    """Return a timeline with scenes given as (begin, end, shots) in seconds, and a steady river."""
    spans = tuple(
        SceneSpan(
            onset_sample=round(begin * RATE),
            offset_sample=round(end * RATE),
            shots=tuple(round(shot * RATE) for shot in shots),
        )
        for begin, end, shots in scenes
    )
    tracks = []
    for track in timeline.tracks:
        if track.effect == "river":
            (cue,) = track.cues
            steady = dataclasses.replace(
                cue, offset_sample=4 * RATE, evidence=Evidence(carries=True)
            )
            track = dataclasses.replace(track, cues=(steady,))
        tracks.append(track)
    return dataclasses.replace(timeline, scenes=spans, tracks=tuple(tracks))


@pytest.fixture
def scened(chromium, review_pages, hands, tmp_path):
    """Open a page of a list with scenes; returns the page and the list."""
    pages = []

    def open_page(*scenes):
        takes = review_pages.make_takes()
        timeline = with_scenes(review_pages.make_timeline(takes), *scenes)
        path = tmp_path / "review.html"
        write_review(path, timeline, review_pages.make_seen(timeline), takes, video=None)
        page = hands.Page(chromium, path)
        pages.append(page)
        return page, timeline

    yield open_page
    for page in pages:
        assert page.wrong() == []
        page.browser.execute_script(
            "addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)"
        )


def seek(page, seconds):
    """Put the playhead at whole seconds, by keys."""
    page.press(page.keys.HOME)
    for _ in range(seconds):
        page.press_with([page.keys.SHIFT], page.keys.ARROW_RIGHT)


def spans(timeline):
    return [
        (one.onset_sample / RATE, one.offset_sample / RATE, [shot / RATE for shot in one.shots])
        for one in timeline.scenes
    ]


def river_end(timeline):
    """Return when the river ends, off screen too, as `render` has it."""
    followed = carry_through_scenes(timeline)
    return max(cue.offset_sample for cue in followed.cues if cue.effect == "river") / RATE


def test_a_scene_is_split_at_a_cut_near_the_playhead_and_its_sound_ends_there(scened):
    page, timeline = scened((0, 10, [0, 2.5, 6.4]))
    assert river_end(timeline) == pytest.approx(10, abs=0.1)
    seek(page, 6)
    page.press("x")
    assert page.text("note").startswith("Split at 0:06.400.")
    saved = page.saved()
    assert spans(saved) == [(0, 6.4, [0, 2.5]), (6.4, 10, [6.4])]
    assert river_end(saved) == pytest.approx(6.4, abs=0.1)


def test_away_from_cuts_a_scene_is_split_on_the_frame(scened):
    page, _ = scened((0, 10, [0]))
    seek(page, 7)
    page.press(page.keys.ARROW_RIGHT)
    page.element("split-scene").click()
    assert spans(page.saved()) == [(0, 7.04, [0]), (7.04, 10, [7.04])]


def test_two_scenes_are_joined_and_the_sound_goes_on(scened):
    page, timeline = scened((0, 5, [0, 2.5]), (5, 8, [5]), (8, 10, [8]))
    assert river_end(timeline) == pytest.approx(5, abs=0.1)
    seek(page, 4)
    page.press_with([page.keys.SHIFT], "x")
    saved = page.saved()
    assert spans(saved) == [(0, 8, [0, 2.5, 5]), (8, 10, [8])]
    assert river_end(saved) == pytest.approx(8, abs=0.1)


def test_splitting_and_joining_are_undone_and_done_again(scened):
    page, timeline = scened((0, 10, [0, 2.5, 6.4]))
    seek(page, 6)
    page.press("x")
    page.element("join-scenes").click()
    assert spans(page.saved()) == spans(timeline)
    for _ in range(2):
        page.press_with([page.keys.CONTROL], "z")
    assert page.saved() == timeline
    page.press_with([page.keys.CONTROL], "y")
    assert len(page.saved().scenes) == 2


def test_what_cannot_be_split_or_joined_is_said(scened):
    page, timeline = scened((0, 10, [0]))
    page.press(page.keys.HOME, "x")
    assert "nothing to split" in page.text("note")
    page.element("join-scenes").click()
    assert page.text("note") == "There is only one scene."
    assert page.saved() == timeline


def test_a_list_without_scenes_is_one_scene_until_it_is_split(scened):
    page, timeline = scened()
    seek(page, 5)
    assert page.saved() == timeline
    page.press("x")
    assert spans(page.saved()) == [(0, 5, [0]), (5, 10, [5])]


def test_a_saved_split_is_written_as_the_program_writes_it(scened, tmp_path):
    page, _ = scened((0, 10, [0, 2.5, 6.4]))
    seek(page, 6)
    page.press("x")
    path = page.save()
    assert json.loads(path.read_text()) == json.loads(timeline_to_json(read_timeline(path)))
