"""Edits in the review page, in a real browser: what a person does, and what is saved."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.cue_list import timeline_from_json
from temporal_foley.sound.mix import write_mix
from temporal_foley.sound.render import render_track
from temporal_foley.timeline import without_rejected

RATE = 48_000


def by_id(timeline):
    return {cue.id: cue for cue in timeline.cues}


def others(timeline, *ids):
    return [cue for cue in timeline.cues if cue.id not in ids]


def test_an_untouched_list_is_saved_as_it_was(opened):
    page, timeline, _ = opened()
    assert page.saved() == timeline


def test_decisions_are_saved_and_lock_what_was_accepted(opened):
    page, timeline, _ = opened()
    page.press(page.keys.ARROW_DOWN, "a", page.keys.ARROW_DOWN, "r")
    assert page.text("summary") == "4 cues: 2 to review, 1 accepted, 1 rejected"
    saved = page.saved()
    first, second = (cue.id for cue in timeline.cues[:2])
    cues = by_id(saved)
    assert (cues[first].status, cues[first].locked) == ("accepted", True)
    assert (cues[second].status, cues[second].locked) == ("rejected", False)
    assert others(saved, first, second) == others(timeline, first, second)


@pytest.mark.slow
def test_a_decision_taken_back_leaves_no_trace(opened):
    page, timeline, _ = opened()
    page.press(page.keys.ARROW_DOWN, "a", "a", "r", "r")
    assert page.saved() == timeline


def test_a_dragged_cue_moves_whole(opened):
    page, timeline, _ = opened()
    duration = timeline.source.duration_samples
    before = by_id(timeline)["steps-0002"]
    middle = (before.onset_sample + before.offset_sample) // 2
    page.drag(page.point(middle, 0, duration), page.point(middle + RATE, 0, duration))
    after = by_id(page.saved())["steps-0002"]
    shift = after.onset_sample - before.onset_sample
    assert abs(shift - RATE) < 1_000
    assert after == dataclasses.replace(
        before,
        onset_sample=before.onset_sample + shift,
        offset_sample=before.offset_sample + shift,
        locked=True,
    )


@pytest.mark.slow
def test_a_drag_left_by_escape_changes_nothing(opened):
    page, timeline, _ = opened()
    cue = by_id(timeline)["steps-0002"]
    at = page.point((cue.onset_sample + cue.offset_sample) // 2, 0, 10 * RATE)
    chain = page.chains(page.browser, duration=50)
    chain.move_to_element_with_offset(page.element("canvas"), *at).click_and_hold()
    chain.move_by_offset(80, 0).send_keys(page.keys.ESCAPE).release().perform()
    assert page.saved() == timeline


def test_trimming_the_start_keeps_the_rest_in_place(opened):
    page, timeline, _ = opened()
    before = by_id(timeline)["steps-0001"]
    duration = timeline.source.duration_samples
    x, y = page.point(before.onset_sample, 0, duration)
    page.drag((x + 2, y), (x + 12, y))
    after = by_id(page.saved())["steps-0001"]
    cut = after.onset_sample - before.onset_sample
    assert 2_000 < cut < 8_000
    assert after.offset_sample == before.offset_sample
    assert after.source_start == before.source_start + cut
    assert after.picture_sample == before.picture_sample
    assert after.pan == tuple((place - cut, value) for place, value in before.pan)
    assert after.level == tuple((place - cut, value) for place, value in before.level)


@pytest.mark.slow
def test_a_looped_cue_can_be_lengthened_to_the_end_of_the_picture(opened):
    page, timeline, _ = opened()
    before = by_id(timeline)["river-0001"]
    duration = timeline.source.duration_samples
    x, y = page.point(before.offset_sample, 1, duration)
    page.drag((x - 2, y), (x + 60, y))
    after = by_id(page.saved())["river-0001"]
    assert after.offset_sample > before.offset_sample + 10_000
    page.enter("offset", "20")
    after = by_id(page.saved())["river-0001"]
    assert after == dataclasses.replace(before, offset_sample=duration, locked=True)


@pytest.mark.slow
def test_a_hit_cannot_be_longer_than_its_take(opened):
    page, _, takes = opened()
    page.press(page.keys.ARROW_DOWN)
    page.enter("offset", "9.5")
    after = by_id(page.saved())["steps-0001"]
    assert after.source_end == takes[0].take.samples


def test_undo_and_redo_step_through_all_edits(opened):
    page, timeline, _ = opened()
    page.press(page.keys.ARROW_DOWN, ".", ".", "a", "t")
    changed = page.saved()
    for _ in range(4):
        page.press_with([page.keys.CONTROL], "z")
    assert page.saved() == timeline
    assert not page.element("undo").is_enabled()
    for _ in range(4):
        page.press_with([page.keys.CONTROL, page.keys.SHIFT], "z")
    assert page.saved() == changed
    frame = RATE // 25
    before, after = by_id(timeline)["steps-0001"], by_id(changed)["steps-0001"]
    assert after.picture_sample == before.picture_sample + 2 * frame


@pytest.mark.slow
def test_a_cue_can_become_another_effect(opened):
    page, timeline, takes = opened()
    page.press(page.keys.ARROW_DOWN)
    page.pick("effect", "door")
    saved = page.saved()
    assert [track.effect for track in saved.tracks] == ["steps", "river", "door"]
    before, after = by_id(timeline)["steps-0001"], by_id(saved)["steps-0001"]
    assert (after.effect, after.asset) == ("door", takes[3].take.asset)
    assert after.picture_sample == before.picture_sample
    assert after.evidence == before.evidence
    assert others(saved, "steps-0001") == others(timeline, "steps-0001")


@pytest.mark.slow
def test_a_cue_is_added_by_hand_at_the_playhead_and_removed(opened):
    page, timeline, takes = opened()
    page.pick("lane", "door")
    page.browser.execute_script("document.activeElement.blur()")
    page.press_with([page.keys.SHIFT], page.keys.ARROW_RIGHT)
    page.press(page.keys.ARROW_RIGHT, "c")
    saved = page.saved()
    (added,) = [cue for cue in saved.cues if cue.effect == "door"]
    assert added.picture_sample == RATE + RATE // 25
    assert (added.status, added.locked, added.reason) == ("accepted", True, "added by hand")
    assert added.length == takes[3].take.samples
    assert others(saved, added.id) == timeline.cues
    page.press(page.keys.DELETE)
    assert page.saved() == timeline


@pytest.mark.slow
def test_levels_are_saved(opened):
    page, timeline, _ = opened()
    page.press(page.keys.ARROW_DOWN)
    page.enter("gain", "-7.5")
    slider = page.browser.find_element("css selector", "#heads input")
    slider.send_keys(page.keys.ARROW_LEFT)
    saved = page.saved()
    assert by_id(saved)["steps-0001"].gain_db == -7.5
    assert saved.tracks[0].gain_db == -0.5
    assert saved.tracks[1] == timeline.tracks[1]


@pytest.mark.slow
def test_what_is_saved_renders_as_it_was_edited(opened, review_pages, tmp_path):
    page, timeline, takes = opened()
    page.press(page.keys.ARROW_DOWN)
    page.enter("meets", "6.5")
    page.press(page.keys.TAB)
    page.browser.find_element("css selector", "[data-cue='steps-0003']").click()
    page.press("r")
    saved = without_rejected(page.saved())
    library = review_pages.make_library(takes)
    write_mix(saved, library, tmp_path, original=None)
    before = render_track(timeline.tracks[0], library, 0, 10 * RATE)
    after = render_track(saved.tracks[0], library, 0, 10 * RATE)
    shift = round(5.5 * RATE)
    first = timeline.cues[0]
    span = slice(first.onset_sample, first.offset_sample)
    moved = slice(first.onset_sample + shift, first.offset_sample + shift)
    np.testing.assert_array_equal(after[moved], before[span])
    assert not after[span].any()
    last = timeline.cues[-1]
    assert not after[last.onset_sample : last.offset_sample].any()


EDITS = """
let state = arguments[1];
const random = () => (state = (state * 16807) % 2147483647) / 2147483647;
const page = JSON.parse(document.getElementById("data").textContent);
const { effects } = page;
const takes = page.takes.map((one) => one.take);
const takesFor = (name) => page.takes.filter((one) => one.effect === name).map((one) => one.take);
const takeOf = (cue) => takes.find((one) => assetKey(one.asset) === assetKey(cue.asset));
const duration = page.cues.source.duration_samples;
const pick = (list) => list[Math.floor(random() * list.length)];
let doc = page.cues;
const saved = [];
for (let number = 0; number < arguments[0]; number += 1) {
  const { cue, track } = pick(cuesOf(doc));
  const at = (random() * 1.4 - 0.2) * duration;
  const kind = Math.floor(random() * 8);
  const change = (edit) => changeCue(doc, cue.id, edit);
  if (kind === 0) doc = change((one) => moveCue(one, at - one.onset_sample, duration));
  if (kind === 1) doc = change((one) => trimStart(one, at, track.kind));
  if (kind === 2) doc = change((one) => trimEnd(one, at, track.kind, takeOf(one), duration));
  if (kind === 3) {
    const other = pick(takesFor(cue.effect));
    doc = change((one) => swapTake(one, other, track.kind, takeOf(one), duration));
  }
  const effect = pick(effects);
  const own = takesFor(effect.name);
  if (kind === 4 && effect.name !== cue.effect) {
    doc = changeEffect(doc, cue.id, effect, own, effects);
  }
  if (kind === 5) doc = addCue(doc, effect, at, own, random(), effects).doc;
  if (kind === 6) doc = setStatus(doc, cue.id, pick(["proposed", "accepted", "rejected"]));
  if (kind === 7 && cuesOf(doc).length > 4) doc = removeCue(doc, cue.id);
  saved.push(savedText(doc));
}
return saved;
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_run_of_edits_stays_a_valid_list_of_whole_samples(opened, review_pages, seed):
    page, timeline, takes = opened()
    model = page.scripts("model.js")
    library = review_pages.make_library(takes)
    texts = page.browser.execute_script(model + EDITS, 120, seed)
    for text in texts:
        edited = timeline_from_json(text)
        assert edited.source == timeline.source
        assert all(cue.offset_sample <= timeline.source.duration_samples for cue in edited.cues)
    for track in edited.tracks:
        render_track(track, library, 0, timeline.source.duration_samples)


def test_a_chosen_file_is_saved_to_again_without_asking(opened):
    page, _, _ = opened()
    page.browser.execute_script("""
      window.asked = []; window.written = [];
      window.showSaveFilePicker = async (options) => {
        asked.push(options.suggestedName);
        const createWritable = async () => ({
          write: async (text) => written.push(text), close: async () => {},
        });
        return { name: "cues.json", createWritable };
      };
    """)
    page.press(page.keys.ARROW_DOWN, "a")
    page.press_with([page.keys.CONTROL], "s")
    page.press("r")
    page.press_with([page.keys.CONTROL], "s")
    asked, written = page.browser.execute_script("return [asked, written]")
    assert asked == ["cues.json"]
    first, second = map(timeline_from_json, written)
    assert first.cues[0].status == "accepted"
    assert second.cues[0].status == "rejected"
    assert "replace that file" in page.text("note")
    # Whoever closes the dialog has not saved.
    page.browser.execute_script("""
      window.showSaveFilePicker = () => Promise.reject(new DOMException("no", "AbortError"));
    """)


def test_every_saved_file_has_a_name_of_its_own_and_the_page_says_which_to_replace(opened):
    page, _, _ = opened()
    name = page.save().name
    assert name.startswith("clip.cues.")
    assert f"Saved as {name}" in page.text("note")
    assert "review.html" not in page.text("note")
    assert (
        f"Replace {page.browser.current_url[7:].replace('review.html', 'cues.json')}"
        in page.text("note")
    )


def test_what_the_original_has_becomes_audible_by_one_key(opened):
    page, _, _ = opened()
    page.press(page.keys.ARROW_DOWN, "o")
    assert "No cue of the choice" in page.text("note")


def test_effects_are_performed_without_a_server_too(opened):
    page, timeline, _ = opened()
    page.press("y")
    page.press(page.keys.SPACE)
    page.press("1")
    page.press("1")
    page.press(page.keys.SPACE)
    saved = page.saved()
    added = [cue for cue in saved.cues if cue.reason == "performed by hand"]
    assert len(added) == 2
    assert all(cue.status == "accepted" and cue.locked for cue in added)
    page.press_with([page.keys.CONTROL], "z")
    assert page.saved() == timeline


def test_settings_of_the_mix_are_saved_with_the_list(opened):
    page, timeline, _ = opened()
    page.element("mix-button").click()
    page.pick("mix-original", "leave out")
    page.enter("mix-loudness_lufs", "-16")
    page.element("mix-match").click()
    page.press(page.keys.ESCAPE)
    mix = page.saved().mix
    assert (mix.original, mix.loudness_lufs, mix.match) == ("mute", -16.0, False)
    assert (
        dataclasses.replace(mix, original="fill", loudness_lufs=-23.0, match=True) == timeline.mix
    )
