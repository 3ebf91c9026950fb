"""Use a review page as hands do: press keys, drag, and save."""

import time
from importlib import resources

from temporal_foley.cue_list import read_timeline

LANE_HEIGHT, RULER_HEIGHT = 64, 42

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
// A browser without windows has nobody who could choose a file.
window.showSaveFilePicker = undefined;
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
        browser.get(path if isinstance(path, str) else path.as_uri())
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
        for _ in range(100):
            for path in self.browser.downloads.glob("*.cues.*.json"):
                return path
            time.sleep(0.05)
        raise AssertionError("nothing was downloaded")

    def saved(self):
        return read_timeline(self.save())

    def wait_for_sound(self, count):
        for _ in range(100):
            heard = self.browser.execute_script("return heard")
            if len(heard) >= count:
                return heard
            time.sleep(0.05)
        raise AssertionError("nothing was played")

    def scripts(self, *names):
        """Return parts of the page's own script, to be run by themselves."""
        folder = resources.files("temporal_foley") / "pages" / "review"
        return "\n".join((folder / name).read_text("utf-8") for name in names)

    def wrong(self):
        logged = [one["message"] for one in self.browser.get_log("browser")]
        return logged + self.browser.execute_script("return window.wrong ?? []")
