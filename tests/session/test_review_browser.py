"""The review page in a real browser, opened from disk: what a person does, and what is saved."""

import dataclasses
import json
import time

import numpy as np
import pytest

from temporal_foley.sound.mix import lay_up
from temporal_foley.sound.render import render_track
from temporal_foley.timeline import read_timeline, timeline_from_json, without_rejected

RATE = 48_000
LANE_HEIGHT, RULER_HEIGHT = 64, 26

# Kept before the page's own script runs: what is asked of Web Audio, and errors of any kind.
WATCH = """
window.heard = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, offset) {
  const data = this.buffer.getChannelData(0);
  let peak = 0;
  for (const value of data) peak = Math.max(peak, Math.abs(value));
  heard.push({ offset, peak, length: this.buffer.length, loop: this.loop, late: when });
  return start.call(this, when, offset);
};
window.wrong = [];
addEventListener("error", (event) => wrong.push(String(event.message)));
addEventListener("unhandledrejection", (event) => wrong.push(String(event.reason)));
"""


class Page:
    """A review page under the hands of a test."""

    def __init__(self, browser, path):
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        self.browser, self.keys, self.chains = browser, Keys, ActionChains
        browser.get_log("browser")
        watch = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        browser.get(path.as_uri())
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", watch)

    def element(self, name):
        return self.browser.find_element("id", name)

    def press(self, *keys):
        self.chains(self.browser).send_keys(*keys).perform()

    def press_with(self, modifiers, key):
        chain = self.chains(self.browser)
        for one in modifiers:
            chain.key_down(one)
        chain.send_keys(key)
        for one in modifiers:
            chain.key_up(one)
        chain.perform()

    def enter(self, name, value):
        """Type into a field as a person would: replace what is there, and leave it."""
        field = self.element(name)
        field.send_keys(self.keys.CONTROL, "a", self.keys.NULL, str(value), self.keys.TAB)

    def pick(self, name, text):
        from selenium.webdriver.support.ui import Select

        Select(self.element(name)).select_by_visible_text(text)

    def text(self, name):
        return self.element(name).text

    def said(self):
        return self.browser.execute_script("return document.getElementById('said').textContent")

    def point(self, sample, lane, duration):
        """Return where a sample of a lane is, from the canvas's centre, with all in view."""
        box = self.element("canvas").rect
        x = sample / duration * (box["width"] - 1)
        y = RULER_HEIGHT + (lane + 0.5) * LANE_HEIGHT
        return round(x - box["width"] / 2), round(y - box["height"] / 2)

    def drag(self, begin, end):
        chain = self.chains(self.browser, duration=50)
        canvas = self.element("canvas")
        chain.move_to_element_with_offset(canvas, *begin).click_and_hold()
        chain.move_by_offset((end[0] - begin[0]) // 2, 0)
        chain.move_to_element_with_offset(canvas, *end).release().perform()

    def save(self):
        for old in self.browser.downloads.iterdir():
            old.unlink()
        self.element("save").click()
        path = self.browser.downloads / "cues.json"
        for _ in range(100):
            if path.exists():
                return path
            time.sleep(0.05)
        raise AssertionError("nothing was downloaded")

    def saved(self):
        return read_timeline(self.save())

    def wrong(self):
        logged = [one["message"] for one in self.browser.get_log("browser")]
        return logged + self.browser.execute_script("return window.wrong")


@pytest.fixture
def opened(chromium, review_pages, tmp_path):
    """Open a page: returns the page, its timeline and its takes."""

    def open_page(**options):
        path = tmp_path / "review.html"
        timeline, takes = review_pages.make_page(path, **options)
        page = Page(chromium, path)
        pages.append(page)
        return page, timeline, takes

    pages: list[Page] = []
    yield open_page
    for page in pages:
        assert page.wrong() == []
        # Not asked about unsaved edits when the next page comes.
        page.browser.execute_script(
            "addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)"
        )


def by_id(timeline):
    return {cue.id: cue for cue in timeline.cues}


def others(timeline, *ids):
    return [cue for cue in timeline.cues if cue.id not in ids]


def test_an_untouched_list_is_saved_as_it_was(opened):
    page, timeline, _ = opened()
    assert page.saved() == timeline


def test_hostile_names_do_nothing(opened):
    name = "a </script><img src=x onerror=wrong.push('!')> <b>b</b>.mp4"
    page, timeline, _ = opened(name=name, credit="<img src=x onerror=wrong.push('!')>")
    page.press(page.keys.ARROW_DOWN)
    assert page.text("name") == name
    assert "<img" in page.text("why")
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


def test_another_take_meets_the_picture_at_the_same_moment_and_is_heard(opened):
    page, timeline, takes = opened()
    page.press(page.keys.ARROW_DOWN)
    page.pick("take", "steps #1")
    after, before = by_id(page.saved())["steps-0001"], by_id(timeline)["steps-0001"]
    assert after.asset == takes[1].take.asset
    assert after.picture_sample == before.picture_sample
    assert after.source_end - after.source_start == takes[1].take.samples
    assert after.gain_db == before.gain_db
    assert [one.asset for one in after.alternates] == [before.asset]
    heard = wait_for_sound(page, 1)[0]
    assert abs(heard["length"] - takes[1].take.samples) <= 960
    assert 0.2 < heard["peak"] < 0.6


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
    lay_up(saved, library, tmp_path, original=None)
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


@pytest.mark.slow
def test_playing_lays_up_what_is_heard_and_follows_solo(opened):
    page, _, takes = opened()
    page.press(" ")
    first = wait_for_sound(page, 1)[0]
    # From the beginning of the take, or from further on where the machine is slow.
    assert 0.0 <= first["offset"] < 0.5
    assert abs(first["length"] - takes[0].take.samples) <= 960
    page.press("k")
    page.browser.execute_script("heard.length = 0")
    page.browser.find_element("css selector", "[aria-label='Solo river']").click()
    page.press(page.keys.HOME)
    for _ in range(3):
        page.press_with([page.keys.SHIFT], page.keys.ARROW_RIGHT)
    page.press(" ")
    sounds = wait_for_sound(page, 1)
    page.press(" ")
    assert [one["loop"] for one in sounds] == [True]
    # A second into the cue, or further round its loop where the machine is slow.
    assert 0.5 <= sounds[0]["offset"] < 2.0


@pytest.mark.slow
def test_a_rejected_cue_is_not_heard(opened):
    page, _, _ = opened(steps=(0.3,))
    page.press(page.keys.ARROW_DOWN, "r", page.keys.HOME, " ")
    time.sleep(0.8)
    assert page.browser.execute_script("return heard.length") == 0
    page.press(" ")


def wait_for_sound(page, count):
    for _ in range(100):
        heard = page.browser.execute_script("return heard")
        if len(heard) >= count:
            return heard
        time.sleep(0.05)
    raise AssertionError("nothing was heard")


@pytest.mark.slow
def test_frames_and_seconds_are_stepped_exactly(opened):
    page, _, _ = opened()
    page.press(page.keys.ARROW_RIGHT, page.keys.ARROW_RIGHT, page.keys.ARROW_RIGHT)
    assert page.text("time").split() == ["0:00.120", "frame", "3"]
    page.press(page.keys.ARROW_LEFT)
    assert page.text("time").split() == ["0:00.080", "frame", "2"]
    page.press(page.keys.END)
    assert page.text("time").startswith("0:10.000")


@pytest.mark.slow
def test_shuttling_goes_both_ways(opened):
    page, _, _ = opened()
    page.press("l", "l")
    time.sleep(0.6)
    page.press("k")
    there = float(page.text("time").split()[0].split(":")[1])
    assert there > 0.5
    page.press("j", "j")
    time.sleep(0.5)
    page.press("k")
    assert float(page.text("time").split()[0].split(":")[1]) < there


@pytest.mark.slow
def test_the_reason_is_told_on_hover_on_choosing_and_in_the_list(opened):
    page, timeline, _ = opened()
    cue = timeline.cues[0]
    at = page.point((cue.onset_sample + cue.offset_sample) // 2, 0, 10 * RATE)
    page.chains(page.browser).move_to_element_with_offset(page.element("canvas"), *at).perform()
    assert cue.reason in page.text("tip")
    page.press(page.keys.ARROW_DOWN)
    assert page.text("why").startswith(cue.reason)
    assert "motion 0.40" in page.text("why")
    assert page.element("region").is_displayed()
    assert page.said().startswith("1 of 4: steps, 0:00.900 to 0:01.400, probability 0.75")


@pytest.mark.slow
def test_single_keys_can_be_switched_off(opened):
    page, timeline, _ = opened()
    page.press("?")
    assert "cue meets the picture" in page.text("keys")
    page.element("single").click()
    page.press(page.keys.ESCAPE)
    page.press(page.keys.ARROW_DOWN, "a", "r")
    assert page.saved() == timeline
    page.element("accept").click()
    assert by_id(page.saved())["steps-0001"].status == "accepted"


@pytest.mark.slow
def test_typing_into_a_field_is_not_a_command(opened):
    page, _, _ = opened()
    page.press(page.keys.ARROW_DOWN)
    page.element("gain").click()
    page.press("r", "a", " ", page.keys.DELETE)
    assert page.text("summary").startswith("4 cues: 4 to review")


@pytest.mark.slow
def test_a_saved_list_can_be_opened_again_and_a_strange_one_cannot(opened, tmp_path):
    page, _, _ = opened()
    page.press(page.keys.ARROW_DOWN, "a")
    kept = tmp_path / "kept.json"
    kept.write_bytes(page.save().read_bytes())
    page.press("a")
    page.element("file").send_keys(str(kept))
    time.sleep(0.2)
    assert by_id(page.saved())["steps-0001"].status == "accepted"
    strange = json.loads(kept.read_text("utf-8"))
    strange["source"]["sha256"] = "f" * 64
    kept.write_text(json.dumps(strange))
    page.element("file").send_keys(str(kept))
    time.sleep(0.2)
    assert page.text("note") == "kept.json: made for another video"


@pytest.mark.slow
def test_every_control_has_a_name(opened):
    page, _, _ = opened()
    page.press(page.keys.ARROW_DOWN)
    page.browser.execute_cdp_cmd("Accessibility.enable", {})
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = {"button", "combobox", "slider", "spinbutton", "checkbox", "listbox", "option"}
    found = [node for node in tree if node.get("role", {}).get("value") in controls]
    nameless = [node for node in found if not node.get("name", {}).get("value", "").strip()]
    assert len(found) > 25
    assert nameless == []


@pytest.mark.slow
def test_five_hundred_cues_keep_the_page_small(opened):
    page, timeline, _ = opened(seconds=1800, steps=tuple(3.5 * n + 1 for n in range(500)))
    count = "return document.querySelectorAll('*').length"
    assert page.browser.execute_script(count) < 400
    page.press(*[page.keys.ARROW_DOWN] * 20)
    assert page.browser.execute_script(count) < 400
    chosen = page.browser.find_element("css selector", "[aria-selected='true']")
    assert chosen.is_displayed()
    assert page.element("list").get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    assert page.saved() == timeline


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
    from importlib import resources

    page, timeline, takes = opened()
    folder = resources.files("temporal_foley") / "session" / "review"
    model = (folder / "model.js").read_text("utf-8")
    library = review_pages.make_library(takes)
    texts = page.browser.execute_script(model + EDITS, 120, seed)
    for text in texts:
        edited = timeline_from_json(text)
        assert edited.source == timeline.source
        assert all(cue.offset_sample <= timeline.source.duration_samples for cue in edited.cues)
    for track in edited.tracks:
        render_track(track, library, 0, timeline.source.duration_samples)
