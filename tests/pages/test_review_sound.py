"""Test what the review page plays, in a real browser: takes, levels, distance, solo."""

import dataclasses
import json
import time

import numpy as np
import pytest

from temporal_foley.cue_list import timeline_to_json
from temporal_foley.sound.render import render_track
from temporal_foley.sound.signal.distance import lowpass_taps


def by_id(timeline):
    return {cue.id: cue for cue in timeline.cues}


def test_another_take_meets_the_picture_at_the_same_moment_and_is_heard(opened):
    page, timeline, takes = opened()
    page.press(page.keys.ARROW_DOWN)
    page.pick("take", "steps take 2")
    after, before = by_id(page.saved())["steps-0001"], by_id(timeline)["steps-0001"]
    assert after.asset == takes[1].take.asset
    assert after.picture_sample == before.picture_sample
    assert after.source_end - after.source_start == takes[1].take.samples
    assert after.gain_db == before.gain_db
    assert [one.asset for one in after.alternates] == [before.asset]
    heard = page.wait_for_sound(1)[0]
    assert abs(heard["length"] - takes[1].take.samples) <= 960
    assert 0.2 < heard["peak"] < 0.6


@pytest.mark.slow
def test_playing_lays_up_what_is_heard_and_follows_solo(opened):
    page, _, takes = opened()
    page.press(" ")
    first = page.wait_for_sound(1)[0]
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
    sounds = page.wait_for_sound(1)
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


@pytest.mark.slow
def test_a_level_and_distance_are_heard_as_they_are_rendered(opened, review_pages):
    """The page's own functions, beside those that render: one cue of ones, and one impulse."""
    page, timeline, takes = opened()
    cue = dataclasses.replace(
        timeline.tracks[0].cues[0], pan=((0, 0.0),), lowpass_hz=None, fade_in=480, fade_out=4_800
    )
    one = review_pages.ReviewTake(
        effect="steps", take=takes[0].take, samples=np.ones_like(takes[0].samples)
    )
    library = review_pages.make_library([one])
    track = dataclasses.replace(timeline.tracks[0], bus="hard_effects", cues=(cue,))
    rendered = render_track(track, library, cue.onset_sample, cue.offset_sample)[:, 0]
    gain = 10 ** (cue.gain_db / 20) / np.sqrt(2)
    asked = json.loads(timeline_to_json(dataclasses.replace(timeline, tracks=(track,))))
    places = list(range(0, cue.length, 500))
    script = page.scripts("model.js", "sound.js") + (
        "const cue = arguments[0];"
        "return arguments[1].map((at) => levelAt(cue, at / 48000) * fadeAt(cue, at / 48000));"
    )
    heard = page.browser.execute_script(script, asked["tracks"][0]["cues"][0], places)
    np.testing.assert_allclose(np.array(heard) * gain, rendered[places], atol=2e-3)

    script = page.scripts("model.js", "sound.js") + (
        "const context = new OfflineAudioContext(1, 128, 48000);"
        "const buffer = context.createBuffer(1, 128, 48000);"
        "buffer.getChannelData(0)[arguments[0]] = 1;"
        "const loop = { start: 32, end: 96, crossfade: 0 };"
        "return Array.from(distant(context, buffer, 6000, arguments[1] && loop).getChannelData(0));"
    )
    taps = lowpass_taps(6_000.0)
    expected = np.concatenate([taps[:0:-1], taps])
    plain = page.browser.execute_script(script, 64, False)
    np.testing.assert_allclose(plain[48:81], expected, atol=1e-6)
    # What comes first in a loop is heard in the end of the round before.
    round_it = page.browser.execute_script(script, 32, True)
    np.testing.assert_allclose(round_it[80:96], taps[:0:-1], atol=1e-6)
