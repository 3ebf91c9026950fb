"""Getting about in the review page: keys, words, screen readers, names, many cues."""

import json
import time

import pytest

RATE = 48_000


def by_id(timeline):
    return {cue.id: cue for cue in timeline.cues}


def test_hostile_names_do_nothing(opened):
    name = "a </script><img src=x onerror=wrong.push('!')> <b>b</b>.mp4"
    page, timeline, _ = opened(name=name, credit="<img src=x onerror=wrong.push('!')>")
    page.press(page.keys.ARROW_DOWN)
    assert page.text("name") == name
    assert "<img" in page.text("why")
    assert page.saved() == timeline


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
    assert page.text("why").endswith("level from -6.0 to 0.0 dB; treble up to 6.0 kHz")
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
    # In one go: rows are made anew whenever the list scrolls.
    is_shown, is_active = page.browser.execute_script(
        "const [list, row] = ['#list', '[aria-selected=true]'].map((one) =>"
        " document.querySelector(one));"
        "const [room, box] = [list, row].map((one) => one.getBoundingClientRect());"
        "return [box.top >= room.top && box.bottom <= room.bottom,"
        " list.getAttribute('aria-activedescendant') === row.id];"
    )
    assert is_shown
    assert is_active
    assert page.saved() == timeline
