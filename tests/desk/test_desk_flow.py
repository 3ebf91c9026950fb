"""The whole way in a browser: open, edit, save, render, play, reload; tabs, a lost server."""

import dataclasses
import json
import time

import numpy as np
import pytest
import soundfile

from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.edits.keep import BEFORE_FILE
from temporal_foley.sound.takes.library import load_library
from tests.desk.steps import add_sound, cues_of, faults, note, ready, wait, wait_for
from tests.factories import stem_path

pytestmark = pytest.mark.slow
RATE = 48_000


def test_edit_save_render_play_and_reload(start_desk, page, work):
    desk = start_desk(work / "clip.foley")
    tab = page(desk.address)
    ready(tab)
    before = (work / "clip.foley" / "cues.json").read_bytes()
    # Move one, reject one, make one audible that the original has, add one of another effect.
    tab.press(tab.keys.ARROW_DOWN)
    tab.enter("meets", "0.5")
    tab.browser.find_element("css selector", "[data-cue='water_drop-0002']").click()
    tab.press("r")
    tab.browser.find_element("css selector", "[data-cue='water_drop-0003']").click()
    tab.press("o", tab.keys.HOME)
    add_sound(tab, "church", "church_bell")
    tab.press_with([tab.keys.CONTROL], "s")
    wait_for(tab, "Saved in")
    saved = {cue.id: cue for cue in cues_of(work).cues}
    assert saved["water_drop-0001"].picture_sample == RATE // 2
    assert saved["water_drop-0002"].status == "rejected"
    assert saved["water_drop-0003"].status == "accepted"
    assert saved["church_bell-hand-0001"].onset_sample == 0
    assert (work / "clip.foley" / BEFORE_FILE).read_bytes() == before
    # Another loudness; one press renders, and the new mix plays.
    tab.element("mix-button").click()
    tab.enter("mix-loudness_lufs", "-20")
    tab.press(tab.keys.ESCAPE)
    tab.element("render").click()
    wait_for(tab, "The new mix: -20.0 LUFS", 90)
    video = "const v = document.getElementById('video');"
    wait(lambda: tab.browser.execute_script(video + "return !v.paused && v.currentTime > 0.2"))
    assert tab.browser.execute_script(video + "return !v.muted && v.src.includes('?v=')")
    folder = work / "clip.foley"
    levels = json.loads((folder / "run.json").read_text())["levels"]
    assert levels["loudness_lufs"] == pytest.approx(-20.0, abs=0.2)
    assert cues_of(work).mix.loudness_lufs == -20.0
    # What was decided is in the samples.
    bell, _ = soundfile.read(stem_path(folder, "church_bell"))
    assert np.abs(bell[:RATE]).max() > 0.01
    drops, _ = soundfile.read(stem_path(folder, "water_drop"))
    assert np.abs(drops[RATE // 2 : RATE]).max() > 0.001
    assert np.abs(drops[2 * RATE + 100 : 3 * RATE - 100]).max() < 1e-4
    assert np.abs(drops[3 * RATE : 4 * RATE]).max() > 0.001
    # Reloaded, all is as it was left.
    tab.browser.refresh()
    ready(tab)
    assert "accepted, 1 rejected" in tab.text("summary")
    assert faults(tab) == []
    assert desk.interrupt()[0] == 0


def test_mute_solo_and_gain_are_kept(start_desk, page, work):
    tab = page(start_desk(work / "clip.foley").address)
    ready(tab)
    tab.browser.find_element("css selector", "[aria-label='Mute water drop']").click()
    tab.browser.find_element("css selector", "[aria-label='Solo original']").click()
    script = """const g = document.querySelector("[aria-label='Gain of water drop in dB']");
      g.value = "-7.5"; g.dispatchEvent(new Event("change"));"""
    tab.browser.execute_script(script)
    tab.press_with([tab.keys.CONTROL], "s")
    wait_for(tab, "Saved in")
    assert cues_of(work).tracks[0].gain_db == -7.5
    wait(lambda: (work / "clip.foley" / "desk.json").is_file())
    tab.browser.refresh()
    ready(tab)
    mute = tab.browser.find_element("css selector", "[aria-label='Mute water drop']")
    solo = tab.browser.find_element("css selector", "[aria-label='Solo original']")
    assert mute.get_attribute("aria-pressed") == solo.get_attribute("aria-pressed") == "true"
    assert faults(tab) == []


def test_two_tabs_do_not_overwrite_each_other(start_desk, page, work):
    address = start_desk(work / "clip.foley").address
    one = page(address)
    ready(one)
    first = one.browser.current_window_handle
    one.browser.switch_to.new_window("tab")
    other = page(address)
    ready(other)
    second = other.browser.current_window_handle
    other.press(other.keys.ARROW_DOWN, "a")  # unsaved in the second tab
    other.browser.switch_to.window(first)
    one.press(one.keys.ARROW_DOWN, one.keys.ARROW_DOWN, "r")
    one.press_with([one.keys.CONTROL], "s")
    wait_for(one, "Saved in")
    other.browser.switch_to.window(second)
    wait_for(other, "was changed by another tab")
    other.press_with([other.keys.CONTROL], "s")
    wait_for(other, "was changed by another tab")
    assert {cue.id: cue.status for cue in cues_of(work).cues}["water_drop-0002"] == "rejected"
    # Saved all the same, the other list is the one before.
    other.element("ours").click()
    wait_for(other, "Saved in")
    status = {cue.id: cue.status for cue in cues_of(work).cues}
    assert (status["water_drop-0001"], status["water_drop-0002"]) == ("accepted", "proposed")
    before = read_timeline(work / "clip.foley" / BEFORE_FILE)
    assert {cue.id: cue.status for cue in before.cues}["water_drop-0002"] == "rejected"
    # The first tab has nothing unsaved: it follows.
    other.browser.switch_to.window(first)
    wait_for(one, "was read again")
    assert "1 accepted, 0 rejected" in one.text("summary")
    assert faults(one) == []
    one.browser.switch_to.window(second)
    one.browser.close()
    one.browser.switch_to.window(first)


def test_a_list_changed_on_disk_is_noticed(start_desk, page, work):
    tab = page(start_desk(work / "clip.foley").address)
    ready(tab)
    path = work / "clip.foley" / "cues.json"
    text = path.read_text().replace('"status": "proposed"', '"status": "rejected"')
    path.write_text(text)
    wait_for(tab, "was changed on disk and was read again")
    assert "2 rejected" in tab.text("summary")
    path.write_text(text[: len(text) // 2])
    tab.press(tab.keys.ARROW_DOWN, "a")
    time.sleep(2.5)
    # What cannot be read replaces nothing; it is named.
    tab.press_with([tab.keys.CONTROL], "s")
    wait_for(tab, "changed by another tab or program")
    tab.element("ours").click()
    wait_for(tab, "Saved in")
    assert any(cue.status == "accepted" for cue in cues_of(work).cues)


def test_killing_the_server_loses_nothing(start_desk, page, work):
    desk = start_desk(work / "clip.foley")
    tab = page(desk.address)
    ready(tab)
    tab.press(tab.keys.ARROW_DOWN, "r")
    wait(lambda: list((work / "clip.foley").glob(".draft-*.json")))
    before = (work / "clip.foley" / "cues.json").read_bytes()
    tab.element("render").click()
    time.sleep(0.8)
    desk.kill()
    wait_for(tab, "The desk has stopped")
    # The page can still save a file.
    tab.press(tab.keys.ARROW_DOWN, "a")
    for old in tab.browser.downloads.iterdir():
        old.unlink()
    tab.element("save").click()
    wait(lambda: list(tab.browser.downloads.glob("*.cues.*.json")))
    # The list is whole: as it was, or as it was saved on the way to rendering.
    read_timeline(work / "clip.foley" / "cues.json")
    saved = (work / "clip.foley" / "cues.json").read_bytes()
    assert saved == before or b'"rejected"' in saved
    tab.browser.execute_script(
        "addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)"
    )
    again = start_desk(work / "clip.foley")
    time.sleep(1)
    back = page(again.address)
    ready(back)
    assert "1 rejected" in back.text("summary")
    if saved == before:
        assert "Unsaved edits" in note(back)
    back.element("render").click()
    wait_for(back, "The new mix", 90)
    assert "rejected" in {cue.status for cue in cues_of(work).cues}


def test_a_draft_comes_back_once_its_tab_is_closed(start_desk, page, work):
    desk = start_desk(work / "clip.foley")
    tab = page(desk.address)
    ready(tab)
    tab.press(tab.keys.ARROW_DOWN, "a")
    wait(lambda: list((work / "clip.foley").glob(".draft-*.json")))
    tab.browser.execute_script(
        "addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)"
    )
    desk.kill()
    back = page(start_desk(work / "clip.foley").address)
    ready(back)
    assert "Unsaved edits" in note(back)
    assert "1 accepted" in back.text("summary")
    back.press_with([back.keys.CONTROL], "z")
    assert "0 accepted" in back.text("summary")
    back.press_with([back.keys.CONTROL, back.keys.SHIFT], "z")
    back.press_with([back.keys.CONTROL], "s")
    wait_for(back, "Saved in")
    wait(lambda: not list((work / "clip.foley").glob(".draft-*.json")))


def test_everything_can_be_added_where_nothing_was_found(start_desk, page, work, tmp_path):
    # A library of the user's own, with an effect that nobody else has.
    library = tmp_path / "sounds"
    library.mkdir()
    tone = 0.3 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)
    soundfile.write(library / "My Squeak 7.wav", tone, RATE)
    (library / "library.toml").write_text(
        'name = "mine"\n\n[[take]]\nfile = "My Squeak 7.wav"\neffect = "squeak"\n'
        'licence = "CC0-1.0"\n'
    )
    timeline = cues_of(work)
    write_timeline(dataclasses.replace(timeline, tracks=()), work / "clip.foley" / "cues.json")
    tab = page(start_desk(work / "clip.foley", "--library", library).address)
    ready(tab)
    assert tab.element("add").is_displayed()
    add_sound(tab, "squeak 7", "My Squeak 7.wav")
    tab.press(tab.keys.END)
    tab.press_with([tab.keys.SHIFT], tab.keys.ARROW_LEFT)
    add_sound(tab, "rain", "rain")
    tab.element("render").click()
    wait_for(tab, "The new mix", 90)
    timeline = cues_of(work)
    assert {cue.effect for cue in timeline.cues} == {"squeak", "rain"}
    assert timeline.library.name != load_library().name
    squeak, _ = soundfile.read(stem_path(work / "clip.foley", "squeak"))
    assert np.abs(squeak[:RATE]).max() > 0.01
    assert faults(tab) == []


def test_what_is_exported_can_be_fetched(start_desk, page, work):
    tab = page(start_desk(work / "clip.foley").address)
    ready(tab)
    tab.element("export-button").click()
    for name in ("csv", "reaper"):
        buttons = tab.browser.find_elements("css selector", "#formats button")
        next(button for button in buttons if button.text == name).click()
        end = {"csv": "clip.csv", "reaper": "clip.rpp"}[name]
        wait(lambda end=end: end in tab.text("exported"))
        assert (work / "clip.foley" / "export" / end).is_file()
    # Changed by an editor since: it is not replaced, and the page says so.
    session = work / "clip.foley" / "export" / "clip.rpp"
    session.write_text(session.read_text() + "\n")
    next(button for button in buttons if button.text == "reaper").click()
    wait(lambda: "was changed since it was exported" in tab.text("exported"))
    assert faults(tab) == []
