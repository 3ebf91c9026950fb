"""Check that the review page shows the picture that is asked for, whatever the film started at."""

import io
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
        shown = browser.execute_async_script(
            """
            const [steps, done] = arguments;
            const video = document.getElementById("video");
            const button = document.getElementById(steps < 0 ? "back" : "ahead");
            const isBusy = () => video.seeking || video.readyState < 2;
            const wait = () => isBusy() ? setTimeout(wait, 20) : grab();
            const grab = () => {
              const canvas = document.createElement("canvas");
              [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
              const pen = canvas.getContext("2d");
              pen.drawImage(video, 0, 0);
              try { done([...pen.getImageData(0, 90, canvas.width, 1).data]); }
              catch (error) { done(String(error)); }
            };
            const press = () => {
              for (let pressed = 0; pressed < Math.abs(steps); pressed += 1) button.click();
              setTimeout(wait, 150);
            };
            const begin = () => video.readyState < 1 ? setTimeout(begin, 20) : press();
            begin();
            """,
            number - at,
        )
        at = number
        if isinstance(shown, str):  # A page from disk may not read its own pictures: look at it.
            image = Image.open(io.BytesIO(page.element("video").screenshot_as_png)).convert("RGB")
            picture = np.asarray(image)
            wide = round(len(picture) * 320 / 180)  # Black on both sides.
            left = max(0, picture.shape[1] - wide) // 2
            picture = picture[len(picture) // 3 : len(picture) // 2, left : left + wide]
        else:
            picture = np.array(shown, np.uint8).reshape(1, -1, 4)[..., :3]
        assert read_number(picture) == number + first
    assert numbered_picture(3, 20, 2).shape == (2, 20, 3)
    assert av.open(str(out)).start_time == 0
