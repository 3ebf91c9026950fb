"""Check that the review page shows the picture that is asked for, whatever the film started at."""

import io
import time
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from temporal_foley.media.mux import mux_sound, output_suffix
from temporal_foley.media.video import probe_video
from tests.clips import numbered_picture, read_number

STARTS = [Fraction(7, 5), Fraction(36_000), Fraction(-1, 5)]


STEP = """
const [steps, done] = arguments;
const video = document.getElementById("video");
const button = document.getElementById(steps < 0 ? "back" : "ahead");
const begin = () => {
  if (video.readyState < 1) return setTimeout(begin, 20);
  for (let pressed = 0; pressed < Math.abs(steps); pressed += 1) button.click();
  done();
};
begin();
"""
GRAB = """
const video = document.getElementById("video");
if (video.seeking || video.readyState < 2) return null;
const canvas = document.getElementById("grabbed") ?? document.createElement("canvas");
canvas.id = "grabbed";
canvas.style = "position: fixed; inset: 0; z-index: 1000";
[canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
canvas.getContext("2d").drawImage(video, 0, 0);
document.body.append(canvas);
return canvas;
"""
SETTLE_S = 20.0
"""A seek that is on its way is let through before the next, so the last takes its time."""


def _number_shown(page, wanted: int) -> int | None:
    """Return the number of the frame shown, once it is the one wanted or nothing more happens.

    A page from disk may not read its own pictures, and a screen without a display may lag behind
    the video element: so what the element holds is drawn on top, and looked at.
    """
    until, number = time.monotonic() + SETTLE_S, None
    while number != wanted and time.monotonic() < until:
        time.sleep(0.1)
        canvas = page.browser.execute_script(GRAB)
        if canvas is not None:
            image = Image.open(io.BytesIO(canvas.screenshot_as_png)).convert("RGB")
            number = read_number(np.asarray(image)[60:90])
    return number


@pytest.mark.parametrize("start", STARTS)
def test_the_frame_shown_is_the_frame_requested(opened, tmp_path, clips, start):
    suffix = ".ts" if start > 0 else ".mp4"
    options = {"bf": "0", "g": "50"}
    source = clips.make_clip(
        tmp_path / f"a{suffix}", seconds=10, size=(320, 180), start=start, options=options
    )
    info = probe_video(source)
    first = 0 if start >= 0 else 5  # What the edit list hides.
    soundfile.write(tmp_path / "s.wav", np.zeros((48_000, 2)), 48_000, subtype="PCM_24")
    out = tmp_path / f"film{output_suffix(info)}"
    mux_sound(info, tmp_path / "s.wav", out)
    page, _, _ = opened(video=out.name, seconds=10)
    browser = page.browser
    at = 0
    for number in (50, 51, 0, 113):
        browser.execute_async_script(STEP, number - at)
        at = number
        assert _number_shown(page, number + first) == number + first
    assert numbered_picture(3, 20, 2).shape == (2, 20, 3)
    assert av.open(str(out)).start_time == 0
