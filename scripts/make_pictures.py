"""Make the pictures of the documentation from the demo clip.

    python scripts/make_pictures.py

Runs `temporal-foley demo`, copies its overview, draws a spectrogram of its mix, and drives its
review page in a headless Chromium. Everything shown is made from two photographs that scikit-image
ships (chelsea.png and coffee.png, CC0). Needs Debian's packages `chromium` and `chromium-driver`,
and the extra `docs`.
"""

import io
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import soundfile
from PIL import Image, ImageDraw, ImageFont
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WINDOW = (1200, 680)
FILM_WIDTH = 960
CAPTION_HEIGHT = 44
DEMO_SECONDS = 12
RULER_HEIGHT, LANE_HEIGHT = 42, 64


def main() -> None:
    """Replace every picture in `docs/pictures`."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "temporal_foley", "demo", "--out", scratch]
        subprocess.run(command, check=True)
        folder = Path(scratch, "demo.foley")
        shutil.copyfile(folder / "overview.png", PICTURES / "overview.png")
        draw_spectrogram(folder / "mix.wav", PICTURES / "spectrogram.png")
        browser = open_browser()
        try:
            film_review(browser, folder / "review.html", PICTURES)
        finally:
            browser.quit()
    for path in sorted(PICTURES.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


def draw_spectrogram(sound: Path, picture: Path) -> None:
    """Draw the spectrogram of a mix as seconds by kilohertz."""
    samples, rate = soundfile.read(sound)
    figure, axes = plt.subplots(figsize=(10, 2.8), layout="constrained")
    mono = samples.mean(axis=1) + 1e-6 * np.random.default_rng(0).standard_normal(len(samples))
    image = axes.specgram(mono, NFFT=2048, Fs=rate / 1000, noverlap=1536, vmin=-120, vmax=-20)[3]
    axes.set(xlabel="seconds", ylabel="kHz", ylim=(0, 12))
    axes.xaxis.set_major_formatter(lambda milliseconds, _: f"{milliseconds / 1000:g}")
    figure.colorbar(image, label="dB", pad=0.01)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def open_browser() -> webdriver.Chrome:
    """Start a headless Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio"):
        options.add_argument(option)
    options.add_argument("--hide-scrollbars")
    options.add_argument(f"--window-size={WINDOW[0]},{WINDOW[1] + 180}")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


class Film:
    """Frames of a page, each with a caption and a duration."""

    def __init__(self, browser: webdriver.Chrome):
        self.browser = browser
        self.frames: list[Image.Image] = []
        self.durations_ms: list[int] = []
        # DejaVu Sans comes with matplotlib.
        self.font = ImageFont.truetype(
            Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), 19
        )

    def screen(self) -> Image.Image:
        """Return what the window shows."""
        time.sleep(0.15)
        shot = Image.open(io.BytesIO(self.browser.get_screenshot_as_png())).convert("RGB")
        return shot.crop((0, 0, *WINDOW))

    def add(self, caption: str, milliseconds: int) -> None:
        """Append the window as it is now."""
        height = round(FILM_WIDTH * WINDOW[1] / WINDOW[0])
        frame = Image.new("RGB", (FILM_WIDTH, height + CAPTION_HEIGHT), "#20242b")
        frame.paste(self.screen().resize((FILM_WIDTH, height), Image.Resampling.LANCZOS))
        middle = (FILM_WIDTH // 2, height + CAPTION_HEIGHT // 2)
        ImageDraw.Draw(frame).text(middle, caption, "white", self.font, anchor="mm")
        self.frames.append(frame)
        self.durations_ms.append(milliseconds)

    def save(self, path: Path) -> None:
        """Write an animated WebP that repeats for ever."""
        first, *others = self.frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self.durations_ms,
            loop=0,
            quality=70,
            method=6,
        )


def film_review(browser: webdriver.Chrome, page: Path, folder: Path) -> None:
    """Photograph the review page, and film some edits of its three cues."""
    browser.get(page.as_uri())
    time.sleep(2)
    film = Film(browser)

    def press(key: str) -> None:
        ActionChains(browser).send_keys(key).perform()

    film.add("The review page opens from disk, without a server", 1500)
    for step in range(24):
        click_ruler(browser, 0.2 * step)
        film.add("Space plays the picture with the proposed sounds", 160)
    click_ruler(browser, 0)
    press(Keys.ARROW_DOWN)
    film.add("↓ selects a cue and shows why it is there", 2200)
    film.screen().save(folder / "review.png", optimize=True)
    press("a")
    film.add("A accepts it", 1300)
    press(Keys.ARROW_DOWN)
    film.add("↓ selects the next one", 900)
    press("t")
    film.add("T tries another take", 1500)
    drag_second_cue(browser, film)
    press("a")
    film.add("A accepts it where it is now", 1300)
    press(Keys.ARROW_DOWN)
    film.add("↓ selects the last one", 900)
    press("r")
    film.add("R rejects it: it stays in the list and is not proposed again", 1800)
    film.add("Ctrl+S saves cues.json; `temporal-foley render` makes stems, mix and video", 2600)
    film.save(folder / "review.webp")


def point_on_canvas(browser: webdriver.Chrome, seconds: float, y: float) -> tuple[int, int]:
    """Return a moment of the timeline in pixels from the centre of its canvas."""
    box = browser.find_element(By.ID, "canvas").rect
    x = seconds / DEMO_SECONDS * (box["width"] - 1)
    return round(x - box["width"] / 2), round(y - box["height"] / 2)


def click_ruler(browser: webdriver.Chrome, seconds: float) -> None:
    """Move the playhead."""
    canvas = browser.find_element(By.ID, "canvas")
    x, y = point_on_canvas(browser, seconds, RULER_HEIGHT / 4)
    chain = ActionChains(browser, duration=20)
    chain.move_to_element_with_offset(canvas, x, y).click().perform()


def drag_second_cue(browser: webdriver.Chrome, film: Film) -> None:
    """Drag the second of the three cues by a second to the left, a little at a time."""
    canvas = browser.find_element(By.ID, "canvas")
    chain = ActionChains(browser, duration=40)
    for step in range(9):
        x, y = point_on_canvas(browser, 3.6 - step / 8, RULER_HEIGHT + LANE_HEIGHT / 2)
        chain.move_to_element_with_offset(canvas, x, y)
        if step == 0:
            chain.click_and_hold()
        chain.perform()
        chain = ActionChains(browser, duration=40)
        film.add("A drag moves it", 120)
    chain.release().perform()


if __name__ == "__main__":
    main()
