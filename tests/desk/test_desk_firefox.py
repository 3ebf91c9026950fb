"""The desk in Firefox: open, edit, save, render, play, reload; two tabs, a lost server."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from temporal_foley.cue_list import read_timeline
from temporal_foley.edits.keep import BEFORE_FILE
from tests.desk.conftest import render_drops
from tests.desk.firefox import Firefox, find_firefox
from tests.factories import stem_path

pytestmark = pytest.mark.slow
RATE = 48_000


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    """A headless Firefox; skips where there is none."""
    pytest.importorskip("websocket")
    if find_firefox() is None:
        pytest.skip("needs Firefox")
    browser = Firefox(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def webm(tmp_path_factory, make_clip, clips):
    """A folder with a rendered clip that every Firefox plays; not to be changed."""
    folder = tmp_path_factory.mktemp("project")
    return render_drops(folder, "clip.webm", make_clip, clips, codec="libvpx-vp9")


def ready(tab):
    tab.wait("document.getElementById('rows') !== null")
    shown = "document.getElementById('video').readyState > 1"
    tab.wait(f"{shown} || !document.getElementById('no-video').hidden")


def cues_of(work):
    return {cue.id: cue for cue in read_timeline(work / "clip.foley" / "cues.json").cues}


def faults(tab):
    return tab.evaluate("window.wrong")


@pytest.mark.parametrize("kind", ["webm", "mp4"])
def test_firefox_opens_edits_saves_renders_plays_and_reloads(
    start_desk, firefox, kind, webm, rendered, tmp_path
):
    # Not every Firefox plays H.264: then pictures stand in, and the sound plays all the same.
    work = shutil.copytree({"webm": webm, "mp4": rendered}[kind], tmp_path / "work")
    folder = work / "clip.foley"
    before = (folder / "cues.json").read_bytes()
    firefox.open(start_desk(folder).address)
    ready(firefox)
    firefox.press("Down", "a", "Down", "r")
    firefox.click("[data-cue='water_drop-0003']")
    firefox.press("o")
    firefox.press("Ctrl+s")
    firefox.wait_for_note("Saved in")
    statuses = [cue.status for cue in cues_of(work).values()]
    assert statuses == ["accepted", "rejected", "accepted"]
    assert (folder / BEFORE_FILE).read_bytes() == before
    firefox.click("#render")
    firefox.wait_for_note("The new mix")
    firefox.wait("document.getElementById('rendered').checked")
    clock = "document.getElementById('time').textContent"
    if kind == "webm":
        playing = "!v.paused && !v.muted && v.currentTime > 0.2"
        firefox.wait(
            f"(() => {{ const v = document.getElementById('video'); return {playing}; }})()"
        )
    was = firefox.evaluate(clock)
    firefox.wait(f"{clock} !== {json.dumps(was)}")
    drops, _ = soundfile.read(stem_path(folder, "water_drop"))
    assert np.abs(drops[RATE : 2 * RATE]).max() > 0.001
    assert np.abs(drops[2 * RATE + 100 : 3 * RATE - 100]).max() < 1e-4
    assert np.abs(drops[3 * RATE : 4 * RATE]).max() > 0.001
    firefox.press("k")
    firefox.reload()
    ready(firefox)
    assert "2 accepted, 1 rejected" in firefox.text("summary")
    assert faults(firefox) == []


def test_firefox_decodes_the_takes_and_undoes(start_desk, firefox, work):
    firefox.open(start_desk(work / "clip.foley").address)
    ready(firefox)
    firefox.evaluate(
        """(() => { const start = AudioBufferSourceNode.prototype.start; window.heard = [];
        AudioBufferSourceNode.prototype.start = function (...at) {
          heard.push(Math.max(...this.buffer.getChannelData(0).map(Math.abs)));
          return start.apply(this, at); }; })()"""
    )
    firefox.press("Down", "Enter")
    firefox.wait("heard.length > 0")
    assert firefox.evaluate("heard[0]") > 0.01
    firefox.press("r", "Ctrl+z")
    assert "0 accepted, 0 rejected" in firefox.text("summary")
    firefox.press("Ctrl+s")
    firefox.wait_for_note("Saved already")
    assert faults(firefox) == []


def test_two_tabs_of_firefox_do_not_overwrite_each_other(start_desk, firefox, work):
    address = start_desk(work / "clip.foley").address
    firefox.open(address)
    ready(firefox)
    first = firefox.new_tab()
    firefox.open(address)
    ready(firefox)
    second, firefox.context = firefox.context, first
    firefox.press("Down", "a")
    firefox.context = second
    firefox.press("Down", "Down", "r", "Ctrl+s")
    firefox.wait_for_note("Saved in")
    firefox.context = first
    firefox.wait_for_note("was changed by another tab")
    firefox.click("#theirs")
    firefox.wait_for_note("was read again")
    assert "0 accepted, 1 rejected" in firefox.text("summary")
    firefox.send("browsingContext.close", context=second)
    assert faults(firefox) == []


def test_a_server_that_is_killed_loses_nothing_in_firefox(start_desk, firefox, work):
    desk = start_desk(work / "clip.foley")
    firefox.open(desk.address)
    ready(firefox)
    firefox.press("Down", "a")
    firefox.wait("new Promise((done) => setTimeout(() => done(true), 1500))")
    desk.kill()
    assert list((work / "clip.foley").glob(".draft-*.json"))
    firefox.wait_for_note("The desk has stopped")
    firefox.open("about:blank")
    firefox.open(start_desk(work / "clip.foley").address)
    firefox.wait_for_note("Unsaved edits of the last time are back")
    assert "1 accepted" in firefox.text("summary")
    firefox.press("Ctrl+s")
    firefox.wait_for_note("Saved in")
    assert cues_of(work)["water_drop-0001"].status == "accepted"
    assert faults(firefox) == []
