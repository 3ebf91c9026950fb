"""Measure the review page while a cue is dragged: half an hour, 500 cues, in headless Chromium.

    python benchmarks/session/review_frames.py [--cues 500] [--minutes 30]

Prints, for the whole length in view and for a minute of it, the milliseconds from one frame of
the screen to the next (median and 95th percentile) while a pointer moves a cue at every frame,
beside those of an empty page in the same browser, which are the screen's own.
"""

import argparse
import importlib.util
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PAGES = Path(__file__).parents[2] / "tests" / "pages" / "review_pages.py"
FRAMES = 240
DRAG = """
const [frames, finish] = arguments;
const canvas = document.getElementById("canvas");
const times = [];
const at = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, {
  bubbles: true, clientX: x, clientY: y, pointerId: 1, button: 0 }));
let x = 0, y = 0;
if (canvas) {
  canvas.setPointerCapture = () => {};
  const box = canvas.getBoundingClientRect();
  [x, y] = [box.left + box.width / 2, box.top + 60];
  for (let shift = 0; shift < 400 && canvas.style.cursor !== "grab"; shift += 1) {
    x = box.left + box.width / 2 + shift;
    at("pointermove", x, y);
  }
  if (canvas.style.cursor !== "grab") finish("no cue to drag");
  at("pointerdown", x, y);
}
const turn = (time) => {
  times.push(time);
  if (canvas) at("pointermove", x + 60 * Math.sin(times.length / 15), y);
  if (times.length <= frames) return requestAnimationFrame(turn);
  if (canvas) at("pointerup", x + 40, y);
  finish(times.slice(1).map((one, index) => one - times[index]));
};
requestAnimationFrame(turn);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cues", type=int, default=500)
    parser.add_argument("--minutes", type=int, default=30)
    words = parser.parse_args()
    spec = importlib.util.spec_from_file_location("review_pages", PAGES)
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    seconds = 60 * words.minutes
    times = np.sort(np.random.default_rng(0).uniform(1.0, seconds - 2.0, words.cues - 1))
    driver = _chromium()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "review.html"
            pages.make_page(path, seconds=seconds, steps=tuple(times))
            driver.get("data:text/html,<p>empty")
            _tell("empty page", driver.execute_async_script(DRAG, FRAMES))
            driver.get(path.as_uri())
            _tell("all in view", driver.execute_async_script(DRAG, FRAMES))
            zoom = "const z = document.getElementById('zoom'); z.value = arguments[0];"
            driver.execute_script(zoom + "z.dispatchEvent(new Event('input'));", 50)
            _tell("zoomed in", driver.execute_async_script(DRAG, FRAMES))
    finally:
        driver.quit()


def _chromium() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in ("--headless=new", "--no-sandbox", "--window-size=1440,900"):
        options.add_argument(option)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def _tell(name: str, milliseconds: list[float] | str) -> None:
    if isinstance(milliseconds, str):
        raise SystemExit(f"{name}: {milliseconds}")
    cuts = statistics.quantiles(milliseconds, n=20)
    print(f"{name:12} median {statistics.median(milliseconds):5.1f} ms   95 % {cuts[-1]:5.1f} ms")


if __name__ == "__main__":
    main()
