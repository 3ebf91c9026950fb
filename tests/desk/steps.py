"""Use the desk's page as a person does, and wait for what it says."""

import time

from temporal_foley.cue_list import read_timeline


def faults(page):
    """Return errors of the page's script; a server that was ended is none."""
    return page.browser.execute_script("return window.wrong ?? []")


def note(page):
    return page.browser.execute_script("return document.getElementById('note').textContent")


def wait_for(page, text, seconds=60):
    until = time.monotonic() + seconds
    while text not in note(page):
        assert time.monotonic() < until, f"waited for {text!r}, the page says {note(page)!r}"
        time.sleep(0.1)


def wait(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def cues_of(work):
    return read_timeline(work / "clip.foley" / "cues.json")


def ready(page):
    wait(lambda: page.browser.execute_script("return Boolean(document.getElementById('rows'))"))
    wait(
        lambda: (
            page.browser.execute_script("return document.getElementById('video').readyState") > 1
        )
    )


def add_sound(page, words, title):
    page.press("f")
    page.element("wanted").send_keys(words)
    wait(lambda: page.browser.find_elements("css selector", f"[aria-label='Add {title}']"))
    page.browser.find_element("css selector", f"[aria-label='Add {title}']").click()
    wait(lambda: not page.browser.execute_script("return document.getElementById('palette').open"))
