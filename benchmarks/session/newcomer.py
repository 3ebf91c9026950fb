"""Walk a newcomer's path from a video to an edited, rendered mix in a browser, and time each step.

    python -m benchmarks.session.newcomer VIDEO [--pictures DIR]

It starts `temporal-foley review VIDEO`, waits for the analysis, edits two cues, adds a sound, and
presses Render: each step is one thing that a person does. With `--pictures`, the window is saved as
PNG after each step. It needs Debian's chromium and chromium-driver.
"""

import argparse
import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

LONGEST_WAIT_S = 600.0
NOTE = "return document.getElementById('note')?.textContent ?? ''"
MIXED = "return document.getElementById('note').textContent.startsWith('The new mix')"


class Walk:
    """The steps so far, with their seconds and pictures."""

    def __init__(self, browser: webdriver.Chrome, pictures: Path | None):
        self.browser, self.pictures = browser, pictures
        self.began = time.perf_counter()
        self.steps = 0

    def step(self, what: str, does: Callable[[], object], until: str = "return true") -> None:
        """Do one thing and wait until a script in the page returns true."""
        began = time.perf_counter()
        does()
        self.wait(until)
        self.steps += 1
        took = time.perf_counter() - began
        print(f"{self.steps:2}  {took:6.1f} s  {what}", flush=True)
        if self.pictures is not None:
            time.sleep(0.5)
            self.browser.save_screenshot(str(self.pictures / f"{self.steps:02}.png"))

    def wait(self, script: str) -> None:
        """Wait until a script in the page returns true."""
        until = time.perf_counter() + LONGEST_WAIT_S
        while not self.browser.execute_script(script):
            if time.perf_counter() > until:
                raise SystemExit(f"waited in vain; the page says {self.note()!r}")
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        ActionChains(self.browser).send_keys(*keys).perform()

    def note(self) -> str:
        """Return what the page says."""
        return self.browser.execute_script(NOTE)

    def find(self, words: str, selector: str) -> None:
        """Search for a sound and add the first that fits."""
        self.press("f")
        self.browser.find_element(By.ID, "wanted").send_keys(words)
        until = time.perf_counter() + 20.0
        while not (found := self.browser.find_elements(By.CSS_SELECTOR, selector)):
            if time.perf_counter() > until:
                raise SystemExit(f"no sound for {words!r}")
            time.sleep(0.1)
        found[0].click()


@contextlib.contextmanager
def desk(video: Path) -> Iterator[str]:
    """Run `review` on a video; yield its address."""
    words = [sys.executable, "-m", "temporal_foley", "review", str(video), "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
        process.send_signal(signal.SIGINT)


@contextlib.contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Run a browser without a window."""
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--window-size=1440,900", "--mute-audio"):
        options.add_argument(word)
    options.add_argument("--autoplay-policy=no-user-gesture-required")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    try:
        yield browser
    finally:
        browser.quit()


def walk(video: Path, pictures: Path | None) -> None:
    """Walk the path and print its steps."""
    plays = "const v = document.getElementById('video'); return !v.paused && v.currentTime > 0.2"
    with chromium() as browser, contextlib.ExitStack() as stack:
        path = Walk(browser, pictures)

        def start() -> None:
            browser.get(stack.enter_context(desk(video)))

        ready = "return (document.getElementById('video')?.readyState ?? 0) > 1"
        path.step(f"temporal-foley review {video.name}: the analysed video is open", start, ready)
        path.step("space: it plays with its effects", lambda: path.press(" "), plays)
        path.press(" ")
        if not browser.find_elements(By.CSS_SELECTOR, "[data-cue]"):
            print("    no cue was found: nothing to decide on")
        else:
            chosen = "return !document.getElementById('form').hidden"
            path.step(
                "down: the first cue, and why it is there", lambda: path.press(Keys.DOWN), chosen
            )
            path.step("a: accept it", lambda: path.press("a"))
            path.step(
                "down, then . three times: three frames later", lambda: path.press(Keys.DOWN, "...")
            )
        path.step(
            "add sound: search church bell, add",
            lambda: path.find("church", "#offers [aria-label^='Add ']"),
        )
        render = browser.find_element(By.ID, "render")
        path.step("Render: saved, mixed, and it plays", render.click, MIXED)
        print(path.note())
        path.wait(plays)
        print(f"{path.steps} steps, {time.perf_counter() - path.began:.1f} s in all")


def main() -> None:
    """Copy the video to a folder of its own and walk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        walk(Path(shutil.copy(options.video, folder)), options.pictures)


if __name__ == "__main__":
    main()
